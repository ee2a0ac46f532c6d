"""Scenes: the rules hold, by reading boards and pixels and not the code that drew them."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
import torch

from course_lib.data import scenes

NAMES = {number: name for name, number in scenes.GLYPHS.items()}
SIDE = range(16)


@pytest.mark.parametrize("rule", scenes.rules())
def test_shapes_types_and_that_the_seed_decides(rule):
    first, again = scenes.make(rule, 5, seed=3), scenes.make(rule, 5, seed=3)
    other = scenes.make(rule, 5, seed=4)
    assert first.images.shape == (5, 3, 64, 64)
    assert first.labels.shape == first.glyphs.shape == first.hues.shape == (5, 16, 16)
    assert first.images.dtype == first.hues.dtype == torch.float32
    assert first.labels.dtype == first.glyphs.dtype == torch.int64
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert not torch.equal(first.glyphs, other.glyphs)
    classes = set(range(scenes.rule_named(rule).classes))
    assert set(first.labels.unique().tolist()) == classes | {scenes.IGNORE}


@pytest.mark.parametrize("rule", scenes.rules())
def test_empty_set(rule):
    assert scenes.make(rule, 0, seed=1).images.shape == (0, 3, 64, 64)


# Rule and seed; then sums of labels and glyphs weighted by place, and of pixels.
EXECUTED = (
    ("cue", 1, 65_355_010, -230_589, 4438.605558),
    ("lane", 6, 54_458_384, -168_033, 10102.446385),
)


def test_cue_and_lane_stay_what_the_lessons_show():
    # As they were when lesson 01 was executed, with nine scenes.
    places = torch.arange(256).view(16, 16)
    for rule, seed, labels, glyphs, pixels in EXECUTED:
        drawn = scenes.make(rule, 9, seed)
        assert int((drawn.labels * places).sum()) == labels
        assert int((drawn.glyphs * places).sum()) == glyphs
        assert drawn.images.double().sum().item() == pytest.approx(pixels, abs=1e-6)


# One board as plain lists: glyphs by name, hues, and where the rule gives a label.
Board = tuple[list[list[str | None]], list[list[float]]]


def _boards(drawn: scenes.Scenes) -> list[Board]:
    glyphs = [[[NAMES.get(g) for g in row] for row in board] for board in drawn.glyphs.tolist()]
    return list(zip(glyphs, drawn.hues.tolist(), strict=True))


def _all(glyphs: list[list[str | None]], name: str) -> list[tuple[int, int]]:
    return [(y, x) for y in SIDE for x in SIDE if glyphs[y][x] == name]


def _hue_of(board: Board, name: str) -> float:
    (hue,) = {board[1][y][x] for y, x in _all(board[0], name)}
    return hue


def _cue(board: Board, y: int, x: int) -> int:
    return int(board[1][y][x] == _hue_of(board, "beacon 2"))


def _flare(board: Board, y: int, x: int) -> int:
    assert len(_all(board[0], "flare")) == 1
    return int(board[1][y][x] == _hue_of(board, "flare"))


def _both(board: Board, y: int, x: int) -> int:
    if _all(board[0], "flare"):
        return _flare(board, y, x)
    common, rare = Counter(board[1][v][u] for v, u in _all(board[0], "ring")).most_common()
    assert common[1] > rare[1]
    return int(board[1][y][x] == common[0])


def _odd(board: Board, y: int, x: int) -> int:
    common, rare = Counter(board[1][v][u] for v, u in _all(board[0], "block")).most_common()
    assert (common[1], rare[1]) == (32, 16)
    return int(board[1][y][x] == rare[0])


def _lane(board: Board, y: int, x: int) -> int:
    assert ("lamp" in board[0][y]) != ("ring" in board[0][y])
    return int("lamp" in board[0][y])


def _nearest_lamp(board: Board, y: int, x: int) -> int:
    return min(max(abs(y - v), abs(x - u)) for v, u in _all(board[0], "lamp"))


def _around(board: Board, y: int, x: int) -> int:
    assert _nearest_lamp(board, y, x) in (3, 4, 6, 7)
    return int(_nearest_lamp(board, y, x) < 5)


def _reach(board: Board, y: int, x: int) -> int:
    assert _nearest_lamp(board, y, x) in (5, 6, 7, 9, 10, 11)
    return int(_nearest_lamp(board, y, x) < 8)


def _legend(board: Board, y: int, x: int) -> int:
    assert x >= 8
    hues = [(board[1][v][u], board[0][v][u]) for v in SIDE for u in range(5) if board[0][v][u]]
    (shape,) = {shape for hue, shape in hues if hue == board[1][y][x]}
    return ["ring", "lamp", "cross", "dash"].index(shape)


def _touch(board: Board, y: int, x: int) -> int:
    beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
    return int(any(board[0][v][u] == "lamp" for v, u in beside if v in SIDE and u in SIDE))


ORACLES: dict[str, Callable[[Board, int, int], int]] = {
    "around": _around,
    "both": _both,
    "cue": _cue,
    "flare": _flare,
    "lane": _lane,
    "legend": _legend,
    "odd": _odd,
    "reach": _reach,
    "touch": _touch,
}


@pytest.mark.parametrize("rule", scenes.rules())
def test_labels_follow_from_the_board(rule):
    drawn = scenes.make(rule, 30, seed=7)
    for board, labels in zip(_boards(drawn), drawn.labels.tolist(), strict=True):
        for y in SIDE:
            for x in SIDE:
                if labels[y][x] != scenes.IGNORE:
                    assert board[0][y][x] == "block"
                    assert labels[y][x] == ORACLES[rule](board, y, x), (y, x)


@pytest.mark.parametrize("rule", sorted(set(scenes.rules()) - {"lane", "legend"}))
def test_every_scene_has_as_many_positive_as_negative_glyphs(rule):
    labels = scenes.make(rule, 60, seed=8).labels.flatten(1)
    assert torch.equal((labels == 0).sum(1), (labels == 1).sum(1))
    # Nothing to learn from a scene without labels; few may have none.
    assert ((labels == 1).any(1)).double().mean() > 0.9


def test_half_of_the_rows_are_positive_in_lane():
    drawn = scenes.make("lane", 40, seed=11)
    assert bool(((drawn.glyphs == scenes.GLYPHS["lamp"]).sum((1, 2)) == 8).all())
    assert torch.equal(drawn.labels != scenes.IGNORE, drawn.glyphs == scenes.GLYPHS["block"])


def test_the_four_classes_of_legend_are_equally_likely():
    labels = scenes.make("legend", 2000, seed=12).labels
    shares = torch.stack([(labels == c).double().mean() for c in range(4)])
    # 6000 independent hues: one standard error of a share of 1/4 is 0.0056.
    assert bool(((shares / shares.sum() - 0.25).abs() < 0.025).all())


def test_chance_is_that_of_guessing():
    assert scenes.rule_named("legend").chance == 25
    assert {scenes.rule_named(r).chance for r in scenes.rules() if r != "legend"} == {50}


@pytest.mark.parametrize("rule", sorted(set(scenes.rules()) - {"legend"}))
def test_hue_alone_does_not_tell_the_answer(rule):
    drawn = scenes.make(rule, 400, seed=13)
    labelled = drawn.labels != scenes.IGNORE
    sixth = (drawn.hues / (math.pi / 3)).round() % 6  # hues of the rule odd are any
    for hue in sixth[labelled].unique():
        assert 0.4 < drawn.labels[labelled & (sixth == hue)].double().mean() < 0.6


def test_the_mean_and_the_maximum_each_decide_half_of_the_scenes_of_both():
    drawn = scenes.make("both", 50, seed=14)
    lit = (drawn.glyphs == scenes.GLYPHS["flare"]).flatten(1).sum(1)
    assert torch.equal(lit, torch.tensor([1, 0] * 25))
    # In scenes with a flare, the rings' majority does not tell its hue.
    agree = []
    for board in _boards(drawn)[::2]:
        rings = Counter(board[1][y][x] for y, x in _all(board[0], "ring"))
        agree.append(rings.most_common(1)[0][0] == _hue_of(board, "flare"))
    assert 5 < sum(agree) < 20


def test_the_rings_of_flare_drown_its_average():
    shares = []
    for board in _boards(scenes.make("flare", 300, seed=15)):
        rings = _all(board[0], "ring")
        shares.append(sum(board[1][y][x] == _hue_of(board, "flare") for y, x in rings) / 48)
        assert len(rings) == 48
    assert min(shares) < 0.2
    assert max(shares) > 0.8
    assert 0.44 < sum(shares) / 300 < 0.56


@pytest.mark.parametrize("rule", scenes.rules())
def test_pixels_show_glyph_and_hue(rule):
    drawn = scenes.make(rule, 3, seed=16, noise=0.0)
    phases = torch.tensor([0.0, 2 * math.pi / 3, 4 * math.pi / 3])
    for scene in range(3):
        for y in SIDE:
            for x in SIDE:
                cell = drawn.images[scene, :, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4]
                name = NAMES.get(int(drawn.glyphs[scene, y, x]))
                colour = 0.5 + 0.5 * torch.cos(drawn.hues[scene, y, x] - phases)
                if name is None:
                    assert not cell.any()
                elif name in ("block", "flare"):
                    bright = 2.0 if name == "flare" else 1.0
                    assert torch.allclose(cell[:, 1:, 1:], bright * colour[:, None, None])
                    assert not cell[:, 0].any()
                else:
                    lit = cell.amax(0) > 0
                    assert torch.allclose(cell[:, lit].mean(1), colour, atol=1e-5)


def test_pictures_of_the_rules_are_much_alike():
    means = {rule: scenes.make(rule, 60, seed=17).images.mean() for rule in scenes.rules()}
    # A board is mostly dark, with glyphs of any hue on it.
    assert all(0.02 < mean < 0.2 for mean in means.values()), means


def test_the_beacons_colour_is_read_rightly():
    drawn = scenes.make("cue", 60, seed=9, noise=0.0)
    colour = scenes.beacon_colour(drawn)
    assert set(colour.tolist()) == {0, 1, 2}
    for scene in range(60):
        row, column = (drawn.labels[scene] == 1).nonzero()[0].tolist()
        pixel = drawn.images[scene, :, 4 * row + 2, 4 * column + 2]
        assert int(pixel.argmax()) == int(colour[scene])


def test_the_beacon_is_one_ring_of_four_cells():
    for board in _boards(scenes.make("cue", 20, seed=18)):
        ((y, x),) = _all(board[0], "beacon 0")
        corners = [board[0][v][u] for v in (y, y + 1) for u in (x, x + 1)]
        assert corners == ["beacon 0", "beacon 1", "beacon 2", "beacon 3"]
        assert len({board[1][v][u] for v in (y, y + 1) for u in (x, x + 1)}) == 1


def test_a_board_without_beacon_is_refused():
    with pytest.raises(ValueError, match="no beacon"):
        scenes.beacon_colour(scenes.make("lane", 2, seed=1))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="both, cue, flare, lane"):
        scenes.make("legend?", 1, seed=0)
    with pytest.raises(ValueError, match="both, cue, flare, lane"):
        scenes.rule_named("Cue")
    with pytest.raises(ValueError, match="negative"):
        scenes.make("cue", -1, seed=0)

"""Exercise danet-bug-masks: find the bug: masks that are colours."""

from collections.abc import Callable
from itertools import permutations

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_06.shared import VOID, draw_classes, draw_some


def classes_of(pixels: Tensor, colours: Tensor) -> Tensor:
    """The reference of exercise 9: (H, W, 3) colours -> (H, W) classes, 255 where there is none."""
    same = (pixels[:, :, None] == colours).all(-1)
    return same.long().argmax(-1).where(same.any(-1), VOID)


def _masks_case(text: Text, strange: bool = False, void: bool = True) -> Case:
    def make(draw: Draw) -> Call:
        levels = [0, 64, 128, 192]
        levels.pop(draw.integer(0, 3))
        # Permutations of one another: neither one channel nor the sum tells them apart.
        colours = list(permutations(levels))
        colours = [*colours[draw.integer(0, 2) :], (levels[2], levels[2], levels[0])]
        table = torch.tensor(colours, dtype=torch.uint8)
        shape = (draw.integer(6, 7), draw.integer(9, 11))
        pixels = table[draw_classes(draw, len(colours), *shape)]
        pixels[0, : len(colours)] = table
        if void:  # CamVid's void is a colour that no class has
            nothing = torch.tensor([levels[0]] * 3, dtype=torch.uint8)
            pixels = pixels.where(~draw_some(draw, 0.15, *shape)[..., None], nothing)
            pixels[1, 0] = nothing
        if strange:
            pixels[2, 2] = table[1] + torch.tensor([1, 0, 0], dtype=torch.uint8)
        return Call((pixels, table))

    return Case(text, make)


def _masks_mutant(
    unknown: int = VOID,
    same: Callable[[Tensor, Tensor], Tensor] = lambda pixels, colours: (
        pixels[:, :, None] == colours
    ).all(-1),
    made: Callable[[Tensor], Tensor] = lambda mask: mask,
    last_wins: bool = False,
) -> Callable[[Tensor, Tensor], Tensor]:
    def answer(pixels: Tensor, colours: Tensor) -> Tensor:
        hit = same(pixels, colours)
        mask = torch.full(pixels.shape[:2], unknown)
        for kind in range(len(colours)) if last_wins else reversed(range(len(colours))):
            mask[hit[..., kind]] = kind
        return made(mask)

    return answer


def _nearest_colour(pixels: Tensor, colours: Tensor) -> Tensor:
    distance = (pixels[:, :, None].long() - colours.long()).square().sum(-1)
    return distance.argmin(-1)


def _packed(colours: Tensor) -> Tensor:
    return colours.long() @ torch.tensor([65536, 256, 1])


def _masks_by_number(pixels: Tensor, colours: Tensor) -> Tensor:
    place = {number: kind for kind, number in enumerate(_packed(colours).tolist())}
    rows = _packed(pixels).tolist()
    return torch.tensor([[place.get(number, VOID) for number in row] for row in rows])


def _masks_by_table(pixels: Tensor, colours: Tensor) -> Tensor:
    table = torch.full((2**24,), VOID)
    table[_packed(colours)] = torch.arange(len(colours))
    return table[_packed(pixels)]


DANET_BUG_MASKS = Exercise(
    id="danet-bug-masks",
    kind="find the bug",
    title=Text("读成颜色的掩码", "Masks read as colours"),
    difficulty=2,
    minutes=4,
    points=3,
    reference=classes_of,
    cases=(
        _masks_case(Text("类与空白", "classes and void")),
        _masks_case(Text("没有空白", "no void"), void=False),
        _masks_case(Text("一个不认识的颜色", "a colour that nobody knows"), strange=True),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda pixels, colours: pixels[:, :, 0].long(),
            Text(
                "仍和上面一样：红色分量当成了类。它是 0、64、128、192 之类的数。",
                "It is still as above: the amount of red is taken for the class. It is a number "
                "such as 0, 64, 128, 192.",
            ),
        ),
        *(
            Mutant(
                f"red-alone{name}",
                _masks_mutant(
                    same=lambda pixels, colours: pixels[:, :, None, 0] == colours[:, 0],
                    last_wins=last_wins,
                ),
                Text(
                    "只比较了红色，而不同的类可以有一样的红色。",
                    "Only red is compared, and different classes may have the same red.",
                ),
            )
            for name, last_wins in (("", False), ("-class-by-class", True))
        ),
        *(
            Mutant(
                f"any-channel{name}",
                _masks_mutant(
                    same=lambda pixels, colours: (pixels[:, :, None] == colours).any(-1),
                    last_wins=last_wins,
                ),
                Text(
                    "有一个通道相同就算相同。三个都要相同：看 `any(-1)` 与 `all(-1)`。",
                    "One equal channel counts as equal. All three must be: see `any(-1)` and "
                    "`all(-1)`.",
                ),
            )
            for name, last_wins in (("", False), ("-class-by-class", True))
        ),
        Mutant(
            "sum-of-channels",
            _masks_mutant(
                same=lambda pixels, colours: (
                    pixels.long().sum(-1)[:, :, None] == colours.long().sum(-1)
                )
            ),
            Text(
                "比较的是三个通道之和，红与绿对调就分不出来。",
                "The sums of the channels are compared, which cannot tell red from green.",
            ),
        ),
        Mutant(
            "nearest-colour",
            _nearest_colour,
            Text(
                "取了最近的颜色，于是空白与不认识的颜色也有了类。它们应当是 255。",
                "The nearest colour is taken, so void and unknown colours get a class. They should "
                "be 255.",
            ),
        ),
        Mutant(
            "unknown-is-class-0",
            _masks_mutant(unknown=0),
            Text(
                "没有类的像素成了第 0 类。它们应当是 255，训练与评价才会略过。",
                "Pixels without a class become class 0. They should be 255, so that training and "
                "evaluation pass over them.",
            ),
        ),
        Mutant(
            "unknown-is-negative",
            _masks_mutant(unknown=-1),
            Text(
                "没有类的像素是 -1。这一课的空白是 255。",
                "Pixels without a class are -1. Void is 255 in this lesson.",
            ),
        ),
        Mutant(
            "transposed",
            _masks_mutant(made=lambda mask: mask.T),
            Text("高与宽对调了。", "Height and width are interchanged."),
        ),
        Mutant(
            "bytes",
            _masks_mutant(made=lambda mask: mask.to(torch.uint8)),
            Text(
                "数值对，但 `dtype` 是 `uint8`。交叉熵要 `int64` 的标签。",
                "The values are right, but the `dtype` is `uint8`. Cross-entropy wants labels of "
                "`int64`.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-number", _masks_by_number),
        Alternate("by-table", _masks_by_table),
        Alternate("by-class", _masks_mutant()),
    ),
    gradients=False,
)

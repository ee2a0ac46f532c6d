"""The command that trains DANet: files, resuming, refusals, CamVid from disk, the tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from course_lib.costs import count_parameters
from course_lib.networks import build
from course_lib.train import danet, pictures, tasks
from course_lib.train.__main__ import app

SHORT = ["--pictures", "4", "--batch", "2"]


def _run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module", autouse=True)
def _few_pictures_to_measure_on():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "VALID_PICTURES", 6)
        yield


@pytest.fixture(scope="module")
def run_with_head(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "with"
    result = _run("danet", "--data", "legend", "--epochs", 1, "--folder", folder, *SHORT)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_it_writes_checkpoint_history_curves_and_pictures(run_with_head):
    folder, output = run_with_head
    assert {p.name for p in folder.iterdir()} == {
        *("checkpoint.pt", "history.csv", "curves.png", "predictions.png"),
        *("attention-1.png", "attention-2.png", "attention-3.png"),
    }
    for name in ("curves", "predictions", "attention-1", "attention-3"):
        with Image.open(folder / f"{name}.png") as picture:
            picture.load()
            assert min(picture.size) > 200
            assert len(picture.convert("L").getcolors()) > 50  # something is drawn
    assert "epoch   1/1" in output
    for name in ("ring", "lamp", "cross", "dash"):
        assert f"  {name}" in output


def test_a_run_that_goes_on_ends_as_one_that_was_not_cut(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    options = ["danet", "--no-head", *SHORT]
    assert _run(*options, "--epochs", 2, "--folder", whole).exit_code == 0
    history = pd.read_csv(whole / "history.csv")
    assert len(history) == 2
    # Cut after the first of two epochs: the report of the second never comes.
    task = tasks.drawn("scenes", 0, 2, 4)

    class CutError(Exception):
        pass

    def stop(_):
        raise CutError

    with pytest.raises(CutError):
        danet.train(task, "plain", epochs=2, folder=cut, report=stop)
    assert len(pd.read_csv(cut / "history.csv")) == 1
    result = _run(*options, "--epochs", 2, "--folder", cut)
    assert result.exit_code == 0
    assert "epoch   2/2" in result.output
    assert "epoch   1/2" not in result.output
    same = ["loss", "mIoU", "pixel accuracy", "learning rate"]
    again = pd.read_csv(cut / "history.csv")
    pd.testing.assert_frame_equal(again[same], history[same], check_exact=True)
    assert not (whole / "attention-1.png").exists()  # nothing attends there


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "camvid"], "--data camvid needs --root"),
        (["--data", "camvid", "--root", "/nowhere/at/all"], "/nowhere/at/all: no such folder"),
        (["--network", "resnet18"], "network='resnet18' is no DANet"),
        (["--network", "danet_resnet7"], "no network is called 'danet_resnet7'"),
        (["--batch", "9", "--pictures", "8"], "batch=9 of 8 pictures"),
        (["--device", "abacus"], "--device abacus: no such device"),
    ],
)
def test_wrong_arguments_are_one_line_and_status_2(tmp_path, arguments, message):
    result = _run("danet", "--folder", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_with_another_run_is_refused_and_left_alone(run_with_head):
    folder, _ = run_with_head
    before = (folder / "checkpoint.pt").read_bytes()
    for other in (["--no-head", "--data", "legend"], ["--seed", 1, "--data", "legend"], []):
        result = _run("danet", "--epochs", 1, "--folder", folder, *SHORT, *other)
        assert result.exit_code == 2
        assert "checkpoint.pt: it has another" in result.stderr
        assert result.stderr.count("\n") == 1
    assert (folder / "checkpoint.pt").read_bytes() == before


# A sky above a road and a car on it, in CamVid's colours.
SKY, ROAD, CAR = (128, 128, 128), (128, 64, 128), (64, 0, 128)


def _camvid(root, train=5, valid=3, size=(48, 64)):
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("valid", valid)):
        for kind in ("images", "labels"):
            (root / f"{split}_{kind}").mkdir(parents=True)
        for number in range(count):
            mask = np.full((*size, 3), ROAD, np.uint8)
            mask[: 15 + 3 * number] = SKY
            mask[35:45, 8 * number : 8 * number + 15] = CAR
            noise = random.integers(-9, 10, mask.shape)
            image = (mask.astype(int) + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(image).save(root / f"{split}_images" / f"{number}.png")
            Image.fromarray(mask).save(root / f"{split}_labels" / f"{number}.png")
    return root


def test_camvid_from_end_to_end(tmp_path):
    root, folder = _camvid(tmp_path / "camvid"), tmp_path / "out"
    options = ["--data", "camvid", "--root", root, "--height", 48, "--batch", 2]
    result = _run("danet", "--epochs", 1, "--folder", folder, *options)
    assert result.exit_code == 0, result.output
    assert (folder / "attention-1.png").exists()
    assert "Bicyclist" in result.output
    assert 0 <= pd.read_csv(folder / "history.csv")["mIoU"].iloc[-1] <= 1


def test_camvid_changes_pictures_in_training_only_and_measures_on_all(tmp_path):
    task = tasks.camvid(_camvid(tmp_path), seed=0, batch=2)
    assert task.train == 2
    for epoch in range(2):
        assert [len(labels) for _, labels in task.batches(epoch)] == [2, 2]
    first, second = (torch.cat([x for x, _ in task.batches(epoch)]) for epoch in range(2))
    assert not torch.equal(first, second)
    measured = [[x for x, _ in task.valid()] for _ in range(2)]
    assert [len(x) for x in measured[0]] == [2, 1]
    assert all(torch.equal(a, b) for a, b in zip(*measured, strict=True))
    # As it lies on disk, but for rounding.
    with Image.open(tmp_path / "valid_images" / "2.png") as picture:
        expected = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
    assert torch.allclose(task.pictures(measured[0][1])[0], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["scenes", "cue", "legend"])
def test_drawn_pictures_are_new_in_every_epoch_and_those_to_measure_on_stay(name):
    task = tasks.drawn(name, 3, 2, 5)
    epochs = [list(task.batches(epoch)) for epoch in (0, 1, 0)]
    assert [len(e) for e in epochs] == [task.train] * 3 == [2] * 3
    assert all(torch.equal(a[0], b[0]) for a, b in zip(epochs[0], epochs[2], strict=True))
    images = [x for e in epochs[:2] for batch, _ in e for x in batch]
    images += [x for batch, _ in task.valid() for x in batch]
    assert len({x.numpy().tobytes() for x in images}) == 8 + 6
    other = tasks.drawn(name, 4, 2, 5)
    assert torch.equal(next(iter(task.valid()))[0], next(iter(other.valid()))[0])
    assert not torch.equal(epochs[0][0][0], next(iter(other.batches(0)))[0])


def test_the_recipe(monkeypatch):
    seen = {}

    def fit(model, batches, loss, optimiser, schedule, **options):
        rates = []
        for _ in range(160):
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            schedule.step()
        seen.update(rates=rates, optimiser=optimiser, model=model, loss=loss)
        return pd.DataFrame({"mIoU": [0.5]})

    monkeypatch.setattr(danet, "fit", fit)
    danet.train(tasks.drawn("scenes", 0, 2, 160), epochs=2)
    expected = [3e-3 * min(1, (s + 1) / 50) * (1 - s / 160) ** 0.9 for s in range(160)]
    assert seen["rates"] == pytest.approx(expected)
    gammas = {p for n, p in seen["model"].named_parameters() if n.endswith("gamma")}
    assert len(gammas) == 2
    assert all(float(g) == 0 for g in gammas)
    decay = {p: g["weight_decay"] for g in seen["optimiser"].param_groups for p in g["params"]}
    assert decay.keys() == set(seen["model"].parameters())
    assert {decay[g] for g in gammas} == {0}
    scores = [torch.randn(1, 8, 3, 4) for _ in range(3)]
    labels = torch.randint(8, (1, 3, 4))
    labels[0, 0] = 255
    kept = labels != 255
    each = [-(s.log_softmax(1).gather(1, (labels % 8)[:, None])[:, 0][kept]).mean() for s in scores]
    got = seen["loss"](scores, labels)
    assert torch.allclose(got, each[0] + 0.4 * each[1] + 0.4 * each[2])


def test_the_control_has_no_attention_and_not_fewer_parameters():
    with_head, without = (build("danet_resnet10", classes=8, head=h).eval() for h in danet.HEADS)
    assert count_parameters(without) >= count_parameters(with_head)
    with torch.no_grad():
        for parameter in without.head.parameters():
            parameter.copy_(torch.randn_like(parameter))
    # The two 3×3 convolutions of a branch see two cells far, and nothing in the control sees more.
    x = torch.randn(1, 96, 9, 11)
    changed = x.clone()
    changed[:, :, 0, 0] += 5
    difference = (without.head(x)[0] - without.head(changed)[0]).abs().sum(1)[0]
    assert difference[:3, :3].max() > 0
    difference[:3, :3] = 0
    assert difference.max() == 0
    with pytest.raises(ValueError, match="no attention to explain"):
        without.explain(torch.randn(1, 3, 64, 64))


def test_a_query_lies_deep_in_its_class():
    labels = torch.zeros(48, 64, dtype=torch.long)
    labels[16:40, 24:56] = 2  # its middle is cell (3, 4) of 6×8, with a ring of cells around it
    task = tasks.drawn("scenes", 0, 2, 4)
    queries = pictures.query_cells(labels, task, (6, 8))
    assert list(queries) == ["sky", "road"]
    row, column = queries["road"]
    assert row == 3
    assert column in (4, 5)
    assert labels[8 * queries["sky"][0], 8 * queries["sky"][1]] == 0


def test_compare_makes_one_row_a_run_and_the_table_sums_them_up(tmp_path):
    table, folder = tmp_path / "runs.csv", tmp_path / "runs"
    options = ["compare", "--data", "cue", "--epochs", 1, "--seeds", 2, "--table", table]
    result = _run(*options, "--folder", folder, *SHORT)
    assert result.exit_code == 0, result.output
    runs = pd.read_csv(table)
    assert list(zip(runs["head"], runs["seed"], strict=True)) == [
        *(("dual", 0), ("plain", 0), ("dual", 1), ("plain", 1))
    ]
    for head, seed, value in zip(runs["head"], runs["seed"], runs["mIoU"], strict=True):
        history = pd.read_csv(folder / f"cue-{head}-{seed}" / "history.csv")
        assert value == round(100 * history["mIoU"].iloc[-1], 1)


def test_the_summary():
    runs = pd.DataFrame(
        {
            "data": "cue",
            "head": ["dual", "plain", "dual", "plain", "dual", "plain"],
            "seed": [0, 0, 1, 1, 2, 2],
            "parameters": [5, 6] * 3,
            "mIoU": [80.0, 70.0, 82.0, 70.0, 84.0, 76.0],
            "CPU seconds": [10, 20, 11, 21, 12, 22],
        }
    )
    dual, plain = danet.summary(runs).to_dict("records")
    assert dual == {
        **{"data": "cue", "head": "dual", "parameters": 5, "seed 0": 80.0, "seed 1": 82.0},
        **{"seed 2": 84.0, "mean": 82.0, "std": 2.0},
        "CPU seconds": 11.0,
    }
    assert plain["mean"] == 72.0
    assert plain["std"] == 3.5


def test_on_a_board_only_the_attention_brings_in_what_is_far():
    torch.manual_seed(3)
    networks = {h: build("danet_small", classes=4, head=h).eval() for h in danet.HEADS}
    assert count_parameters(networks["plain"]) >= count_parameters(networks["dual"])
    x = torch.randn(1, 3, 64, 48)
    changed = x.clone()
    changed[:, :, :4, :4] += 5
    for head, network in networks.items():
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(0.3 * torch.randn_like(parameter))
            here, there = (network(picture)[0] for picture in (x, changed))
        assert here.shape == (1, 4, 16, 12)
        # The first cell is changed: 11 pixels of the trunk's reach and 8 of the head's are 5 cells.
        difference = (here - there).abs().sum(1)[0]
        assert difference[:2, :2].max() > 0
        difference[:6, :6] = 0
        assert (difference.max() > 0) == (head == "dual")
    maps = networks["dual"].explain(x, [5, 7, 100])
    assert maps["position"].shape == (1, 3, 16 * 12)
    assert torch.allclose(maps["position"].sum(-1), torch.ones(1, 3))


def test_a_board_is_a_class_per_cell_and_takes_its_own_network_and_length():
    for name, classes, epochs in (("cue", 2, 10), ("legend", 4, 16)):
        task = tasks.drawn(name, 0)
        assert (len(task.classes), task.epochs, task.train) == (classes, epochs, 50)
        assert task.network == "danet_small"
        images, labels = next(iter(task.batches(0)))
        assert images.shape == (16, 3, 64, 64)
        assert labels.shape == (16, 16, 16)
        assert set(labels.unique().tolist()) <= {*range(classes), 255}

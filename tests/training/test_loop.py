"""The training loop: against a loop written out here, and killed, broken and foreign runs."""

import inspect
import math
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib import training


def _model(seed=0, width=8):
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(2, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Conv2d(width, 3, 1),
        )


def _batches(epoch, sizes=(4, 4, 2)):
    """The class of a pixel is where its two channels lie: a task that can be learnt."""
    generator = torch.Generator().manual_seed(1000 + epoch)
    for size in sizes:
        images = torch.randn(size, 2, 5, 7, generator=generator)
        labels = (images[:, 0] > 0).long() + (images[:, 1] > 0.5).long()
        labels[:, 0] = 255
        yield images, labels


def _loss(logits, labels):
    return F.cross_entropy(logits, labels, ignore_index=255)


OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
    "adamw": lambda p: torch.optim.AdamW(p, 3e-3),
    "fused": lambda p: torch.optim.AdamW(p, 3e-3, fused=True),
}
SCHEDULES = {
    "none": lambda o: None,
    "one cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.05, total_steps=15),
    "steps": lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [4, 9], 0.1),
    "poly": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda s: (1 - s / 20) ** 0.9),
    "warm-up": lambda o: torch.optim.lr_scheduler.SequentialLR(
        o,
        [
            torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=3),
            torch.optim.lr_scheduler.CosineAnnealingLR(o, 12),
        ],
        [3],
    ),
}


def _run(epochs=5, optimiser="sgd", schedule="one cycle", batches=_batches, width=8, **options):
    model = _model(width=width)
    maker = OPTIMISERS[optimiser](model.parameters())
    evaluate = training.segmentation(lambda: _batches(99), 3)
    history = training.fit(
        model,
        batches,
        _loss,
        maker,
        SCHEDULES[schedule](maker),
        epochs=epochs,
        evaluate=evaluate,
        **options,
    )
    return model, history.drop(columns="seconds")


def _same(first, second):
    (model, history), (other, other_history) = first, second
    pd.testing.assert_frame_equal(history, other_history, check_exact=True)
    states, others = model.state_dict(), other.state_dict()
    return states.keys() == others.keys() and all(torch.equal(states[k], others[k]) for k in states)


def test_it_does_what_a_plain_loop_does():
    model = _model()
    model[3] = nn.Identity()  # without dropout there is nothing random
    plain = _model()
    plain[3] = nn.Identity()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 4, 0.5)
    history = training.fit(model, _batches, _loss, optimiser, schedule, epochs=3)

    rates, losses = [0.1 * 0.5 ** (step // 4) for step in range(9)], []
    plain.train()
    for epoch in range(3):
        total = 0.0
        for step, (images, labels) in enumerate(_batches(epoch)):
            value = _loss(plain(images), labels)
            gradients = torch.autograd.grad(value, list(plain.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(plain.parameters(), gradients, strict=True):
                    parameter -= rates[3 * epoch + step] * gradient
            total += value.item() * len(images)
        losses.append(total / 10)
    assert history["loss"].tolist() == pytest.approx(losses, rel=1e-5)
    assert history["learning rate"].tolist() == pytest.approx([0.1, 0.05, 0.025])
    assert history.index.tolist() == [1, 2, 3]
    assert not model.training
    for mine, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_it_learns_and_measures():
    _, history = _run(epochs=5)
    assert history["loss"].iloc[-1] < 0.8 * history["loss"].iloc[0]
    assert history["mIoU"].iloc[-1] > history["mIoU"].iloc[0]
    assert history["pixel accuracy"].between(0, 1).all()


def test_segmentation_measures_the_first_of_several_outputs():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.nothing = nn.Parameter(torch.zeros(1))

        def forward(self, images):
            logits = F.one_hot(images[:, 0].long(), 3).movedim(-1, 1).float()
            return logits, -logits

    labels = torch.tensor([[[0, 0, 1, 255]]])
    predicted = torch.tensor([[[[0.0, 1.0, 1.0, 2.0]]]])
    measured = training.segmentation(lambda: [(predicted, labels)], 3)(Fixed())
    assert measured == {"mIoU": 0.5, "pixel accuracy": pytest.approx(2 / 3)}


def test_the_seed_decides_and_random_numbers_of_others_are_left_alone():
    state = torch.get_rng_state()
    first = _run(seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)  # what others draw does not matter
    assert _same(first, _run(seed=1))
    assert first[1]["loss"].iloc[0] != _run(seed=2)[1]["loss"].iloc[0]


def test_every_epoch_has_random_numbers_of_its_own():
    drawn = {}

    class Noting(nn.Dropout):
        def forward(self, x):
            y = super().forward(x)
            drawn.setdefault(len(drawn), (y == 0).flatten())
            return y

    model = nn.Sequential(nn.Conv2d(2, 8, 1), Noting(0.5), nn.Conv2d(8, 3, 1))
    optimiser = torch.optim.SGD(model.parameters(), 0.0)
    training.fit(model, lambda epoch: _batches(0, (4,)), _loss, optimiser, epochs=2)
    assert not torch.equal(drawn[0], drawn[1])


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_killed_run_continues_bit_for_bit(tmp_path, optimiser, schedule):
    def killed(epoch):
        for step, batch in enumerate(_batches(epoch)):
            if epoch == 2 and step == 1:
                raise _KilledError
            yield batch

    whole = _run(optimiser=optimiser, schedule=schedule)
    options = {"optimiser": optimiser, "schedule": schedule, "folder": tmp_path / "a" / "b"}
    with pytest.raises(_KilledError):
        _run(batches=killed, **options)
    seen = []
    torch.rand(5)

    def remembered(epoch):
        seen.append(epoch)
        return _batches(epoch)

    assert _same(whole, _run(batches=remembered, **options))
    assert seen == [2, 3, 4]
    # A run that is finished comes back as it is.
    assert _same(whole, _run(batches=remembered, **options))
    assert seen == [2, 3, 4]
    on_disk = pd.read_csv(tmp_path / "a" / "b" / "history.csv", index_col="epoch")
    pd.testing.assert_frame_equal(on_disk.drop(columns="seconds"), whole[1])
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == [
        "checkpoint.pt",
        "history.csv",
    ]


def test_the_history_as_an_excel_workbook(tmp_path):
    def evaluate(model):
        return {"mIoU": 1 / 3, "nothing counted": math.nan}

    model = _model()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    history = training.fit(
        model, _batches, _loss, optimiser, epochs=2, evaluate=evaluate, folder=tmp_path, excel=True
    )
    read = pd.read_excel(tmp_path / "history.xlsx", sheet_name="history", index_col="epoch")
    # A workbook's numbers have 16 digits, so that the last bit of a float may be lost.
    pd.testing.assert_frame_equal(read, history, rtol=1e-15, atol=0)
    names = ["checkpoint.pt", "history.csv", "history.xlsx"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_a_workbook_needs_a_folder_and_openpyxl_before_any_work(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"excel=True writes history\.xlsx, but into which folder"):
        _run(excel=True)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match="excel=True needs openpyxl; pip install") as caught:
        _run(folder=tmp_path, excel=True, batches=None)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    _run(epochs=1, folder=tmp_path)  # nobody else needs it


@pytest.mark.parametrize(
    ("place", "name", "file"),
    [
        (torch, "save", "checkpoint.pt"),
        (pd.DataFrame, "to_csv", "history.csv"),
        (pd.DataFrame, "to_excel", "history.xlsx"),
    ],
)
def test_a_run_that_is_killed_while_it_writes_leaves_the_old_file(
    tmp_path, monkeypatch, place, name, file
):
    _run(epochs=1, folder=tmp_path, excel=True)
    before = (tmp_path / file).read_bytes()

    def half(_, file, **options):
        part = before[: len(before) // 2]
        file.write_bytes(part) if isinstance(file, Path) else file.write(part)
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(place, name, half)
        with pytest.raises(_KilledError):
            _run(folder=tmp_path, excel=True)
    assert (tmp_path / file).read_bytes() == before
    assert _same(_run(), _run(folder=tmp_path, excel=True))
    assert not list(tmp_path.glob(".*.new"))


def test_the_loop_can_be_read_on_one_screen():
    lines = inspect.getsource(training.fit).splitlines()
    assert len(lines) - len(training.fit.__doc__.splitlines()) <= 60
    assert max(map(len, lines)) <= 100


def test_history_is_reported_after_every_epoch():
    lengths = []
    _run(epochs=3, report=lambda history: lengths.append(len(history)))
    assert lengths == [1, 2, 3]


class TestRefusedCheckpoints:
    """One line with the file's name, and the model is left as it was."""

    def _refused(self, folder, message, width=8, **options):
        model = _model(seed=5, width=width)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        optimiser = OPTIMISERS[options.get("optimiser", "sgd")](model.parameters())
        schedule = SCHEDULES[options.get("schedule", "none")](optimiser)
        seed = options.get("seed", 0)
        with pytest.raises(ValueError, match=rf"checkpoint\.pt: .*{message}") as caught:
            training.fit(
                model, _batches, _loss, optimiser, schedule, epochs=3, seed=seed, folder=folder
            )
        assert "\n" not in str(caught.value)
        assert all(torch.equal(before[name], v) for name, v in model.state_dict().items())

    def test_broken(self, tmp_path):
        _run(epochs=1, schedule="none", folder=tmp_path)
        path = tmp_path / "checkpoint.pt"
        whole = path.read_bytes()
        weight = _run(epochs=1, schedule="none")[0][0].weight.detach().numpy().tobytes()
        at = whole.index(weight)
        for damaged in (
            b"",
            b"no checkpoint",
            whole[:-200],
            whole[: len(whole) // 2],
            whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :],  # one bit of one weight
        ):
            path.write_bytes(damaged)
            self._refused(tmp_path, "no checkpoint, or a broken one")

    def test_code_in_a_file_is_not_run(self, tmp_path):
        class Evil:
            def __reduce__(self):
                return (open, (str(tmp_path / "evil"), "w"))

        torch.save({"format": Evil()}, tmp_path / "checkpoint.pt")
        self._refused(tmp_path, "no checkpoint, or a broken one")
        assert not (tmp_path / "evil").exists()

    def test_foreign(self, tmp_path):
        for content in (_model().state_dict(), [1, 2], {"format": "other"}, torch.zeros(3)):
            torch.save(content, tmp_path / "checkpoint.pt")
            self._refused(tmp_path, "no checkpoint of this loop")

    def test_of_another_run(self, tmp_path):
        _run(epochs=1, schedule="none", folder=tmp_path)
        self._refused(tmp_path, "another model", width=9)
        self._refused(tmp_path, "another optimiser", optimiser="adamw")
        self._refused(tmp_path, "another schedule", schedule="poly")
        self._refused(tmp_path, "another seed", seed=7)
        _run(epochs=4, schedule="none", folder=tmp_path / "longer")
        self._refused(tmp_path / "longer", "4 epochs done, more than 3")


def test_a_loss_that_is_not_finite_stops_and_leaves_the_last_good_checkpoint(tmp_path):
    def spoilt(epoch):
        for images, labels in _batches(epoch):
            yield images * (math.nan if epoch == 1 else 1), labels

    with pytest.raises(FloatingPointError, match="epoch 2: the loss is nan"):
        _run(batches=spoilt, folder=tmp_path)
    assert _same(_run(), _run(folder=tmp_path))


def test_amp_computes_in_bfloat16_and_keeps_parameters_in_float32():
    seen = set()

    def loss(logits, labels):
        seen.add(logits.dtype)
        return _loss(logits.float(), labels)

    model = _model()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    history = training.fit(model, _batches, loss, optimiser, epochs=2, amp=True)
    assert seen == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert history["loss"].iloc[1] < history["loss"].iloc[0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("amp", [False, True])
def test_on_a_gpu(tmp_path, amp):
    state = torch.cuda.get_rng_state()
    whole, history = _run(device="cuda", amp=amp)
    assert torch.equal(torch.cuda.get_rng_state(), state)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    assert next(whole.parameters()).is_cuda
    _run(epochs=3, device="cuda", amp=amp, folder=tmp_path)
    _, resumed_history = _run(device="cuda", amp=amp, folder=tmp_path)
    assert resumed_history["loss"].tolist() == pytest.approx(history["loss"].tolist(), rel=1e-3)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="epochs=0"):
        _run(epochs=0)
    with pytest.raises(ValueError, match="epoch 1 has no batch"):
        _run(batches=lambda epoch: [])
    model = _model()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser)
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        training.fit(model, _batches, _loss, optimiser, plateau, epochs=1)

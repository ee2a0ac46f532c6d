"""DANet trained on a task, with its head or with the control in the head's place, and compared."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from course_lib import costs
from course_lib.data.streets import IGNORE
from course_lib.networks import build
from course_lib.networks.danet import weighted_loss
from course_lib.train.tasks import Task
from course_lib.training import fit, segmentation
from course_lib.training.metrics import ConfusionMatrix

HEADS = ("dual", "plain")
LEARNING_RATE = 3e-3
#: What the prediction, PAM alone and CAM alone weigh in the loss.
LOSS_WEIGHTS = (1.0, 0.4, 0.4)
_WARM_UP = 50  # steps
Report = Callable[[pd.DataFrame], object]


@dataclass(frozen=True)
class Trained:
    """A trained network and what it reached.

    Attributes:
        network: in evaluation mode.
        history: one row an epoch, as ``training.fit`` gives it, and the CPU seconds of the epoch.
        iou: intersection over union of every class at the end, from 0 to 1; NaN where a class does
            not occur.
    """

    network: nn.Module
    history: pd.DataFrame
    iou: Mapping[str, float]


def train(
    task: Task,
    head: str = "dual",
    *,
    epochs: int,
    seed: int = 0,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
    network: str | None = None,
    progress: bool = False,
    report: Report | None = None,
) -> Trained:
    """Train, or take up what lies in the folder.

    AdamW with 3e-3, a warm-up of 50 steps, and the power 0.9 of the share of steps that is left;
    three losses, with weights 1, 0.4 and 0.4. The scales gamma of the attention start at 0, learn
    at the rate of all others and are not decayed.

    Args:
        task: what to train on.
        head: "dual", DANet's, or "plain", the control without attention.
        epochs: number of epochs in all.
        seed: decides the first parameters and dropout.
        folder: where checkpoint.pt and history.csv are written; None writes nothing.
        device: where to train.
        network: name of the network, one of those whose names begin with "danet"; None is the
            task's own.
        progress: show a bar.
        report: is given the history after every epoch.

    Raises:
        ValueError: if an argument is wrong, or the folder holds another run.
        FloatingPointError: if the loss is not finite.
    """
    network = network or task.network
    if not network.startswith("danet"):
        raise ValueError(f"network={network!r} is no DANet; use one such as {task.network!r}")
    if head not in HEADS:
        raise ValueError(f"head={head!r} is unknown; there are: {', '.join(HEADS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(network, classes=len(task.classes), head=head).to(device)
    optimiser = torch.optim.AdamW(_groups(model), lr=LEARNING_RATE)
    steps = epochs * task.train
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, partial(_rate, steps=steps))
    history = fit(
        model,
        task.batches,
        partial(weighted_loss, weights=LOSS_WEIGHTS, ignore_index=IGNORE),
        optimiser,
        schedule,
        epochs=epochs,
        evaluate=_evaluation(task),
        seed=seed,
        device=device,
        folder=folder,
        progress=progress,
        report=report,
    )
    return Trained(model, history, dict(zip(task.classes, _iou(model, task), strict=True)))


def _groups(model: nn.Module) -> list[dict[str, object]]:
    """Parameters with and without weight decay: vectors and scales have none."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": 1e-4},
        {"params": others, "weight_decay": 0.0},
    ]


def _rate(step: int, steps: int) -> float:
    """Factor of the learning rate."""
    return min(1.0, (step + 1) / _WARM_UP) * (1 - min(step, steps) / steps) ** 0.9


def _evaluation(task: Task) -> Callable[[nn.Module], dict[str, float]]:
    measure = segmentation(task.valid, len(task.classes), IGNORE)
    last = time.process_time()

    def evaluate(model: nn.Module) -> dict[str, float]:
        nonlocal last
        measured = measure(model)
        last, before = time.process_time(), last
        # Seconds on the clock also tell what else the machine does.
        return {**measured, "CPU seconds": last - before}

    return evaluate


@torch.no_grad()
def _iou(model: nn.Module, task: Task) -> list[float]:
    matrix = ConfusionMatrix(len(task.classes), IGNORE)
    for images, labels in task.valid():
        matrix.update(predict(model, images), labels)
    return matrix.iou().tolist()


@torch.no_grad()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The class of every pixel: (B, 3, H, W) -> (B, H, W), int64, on the CPU."""
    device = next(model.parameters()).device
    return model(images.to(device))[0].argmax(1).cpu()


def compare(
    make: Callable[[int], Task],
    seeds: Sequence[int],
    *,
    epochs: int | None = None,
    folder: Path | None = None,
    device: torch.device | str = "cpu",
    network: str | None = None,
    report: Callable[[str], object] | None = None,
) -> pd.DataFrame:
    """Train with both heads and all seeds, on the same pictures in the same order.

    Args:
        make: from the seed to the task.
        seeds: one run with either head for each.
        epochs: of every run; None is the task's own number.
        folder: where the runs are kept, so that a comparison that was killed goes on; None keeps
            nothing.
        device: where to train.
        network: see ``train``.
        report: is given a line about every run that is done.

    Returns:
        One row a run: what it was, its parameters, mIoU in per cent, CPU seconds, the machine.

    Raises:
        ValueError: as ``train``, or if there is no seed.
    """
    if not seeds:
        raise ValueError("there is no seed to compare with; give at least one")
    rows = []
    for seed in seeds:
        task = make(seed)
        for head in HEADS:
            trained = train(
                task,
                head,
                epochs=epochs or task.epochs,
                seed=seed,
                folder=None if folder is None else folder / f"{task.name}-{head}-{seed}",
                device=device,
                network=network,
            )
            rows.append(_row(trained, task, head, seed))
            if report is not None:
                report(f"{task.name}, {head}, seed {seed}: mIoU {rows[-1]['mIoU']:.1f} %")
    return pd.DataFrame(rows)


def _row(trained: Trained, task: Task, head: str, seed: int) -> dict[str, object]:
    return {
        "data": task.name,
        "head": head,
        "seed": seed,
        "epochs": len(trained.history),
        "parameters": costs.count_parameters(trained.network),
        "mIoU": round(100 * trained.history["mIoU"].iloc[-1], 1),
        "CPU seconds": round(trained.history["CPU seconds"].sum()),
        "torch": torch.__version__,
        "processor": costs.processor(),
    }


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """One row for data and head: parameters, mIoU in per cent by seed, mean, std, CPU seconds.

    Args:
        runs: as ``compare`` gives them, of any number of comparisons.
    """
    rows = []
    for (data, head), group in runs.groupby(["data", "head"], sort=False):
        row: dict[str, object] = {"data": data, "head": head}
        row["parameters"] = group["parameters"].iloc[0]
        row |= {f"seed {s}": v for s, v in zip(group["seed"], group["mIoU"], strict=True)}
        row |= {"mean": group["mIoU"].mean(), "std": group["mIoU"].std(ddof=1)}
        row["CPU seconds"] = group["CPU seconds"].mean()
        rows.append(row)
    return pd.DataFrame(rows).dropna(axis=1, how="all").round(1)

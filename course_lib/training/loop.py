"""Training: one loop for every model, which a killed run takes up again where it was.

Each epoch starts from random numbers that seed and epoch alone decide, and its batches come from a
function of the epoch. So the state after an epoch is what the checkpoint holds, and nothing else: a
run that was killed ends, bit for bit, as one that was not. On a GPU this holds as far as its
kernels are deterministic; see ``torch.use_deterministic_algorithms``.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from course_lib.training.checkpoint import Checkpoint, table
from course_lib.training.metrics import IGNORE, ConfusionMatrix
from course_lib.training.progress import Bar

# From the epoch, counted from 0, to its batches of inputs and targets.
Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]
# From a model in evaluation mode to named values.
Evaluation = Callable[[nn.Module], Mapping[str, float]]


def fit(
    model: nn.Module,
    batches: Batches,
    loss: Callable[[Any, Tensor], Tensor],
    optimiser: Optimizer,
    schedule: LRScheduler | None = None,
    *,
    epochs: int,
    evaluate: Evaluation | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    amp: bool = False,
    folder: str | Path | None = None,
    excel: bool = False,
    progress: bool = False,
    report: Callable[[pd.DataFrame], object] | None = None,
) -> pd.DataFrame:
    """Train a model.

    Args:
        model: what is trained; it is left on the device, in evaluation mode.
        batches: the batches of an epoch, as ``lambda epoch: dataset.loader(8, epoch)``.
        loss: from the model's output and the targets to the mean over the batch.
        optimiser: of the model's parameters.
        schedule: of the learning rate; it steps after every batch, so its lengths are in batches.
        epochs: number of epochs in all, with those that an earlier run has done.
        evaluate: measures the model after every epoch.
        seed: decides dropout and the like. It does not decide the model's first parameters.
        device: where to train.
        amp: compute in bfloat16 where PyTorch holds that to be safe. Unlike float16 it has the
            range of float32, so the loss needs no scaling.
        folder: where checkpoint.pt and history.csv are written after every epoch; a checkpoint
            that lies there is taken up, with the learning rate and all else of the optimiser and
            the schedule that it was written with. None writes nothing.
        excel: write history.xlsx into the folder, too.
        progress: show a bar with the loss and the time left.
        report: is given the history after every epoch, as ``plots.live_history()`` wants it.

    Returns:
        One row an epoch, from 1: loss (mean over the epoch's pictures), learning rate (at the end
        of the epoch), seconds (of training), and what ``evaluate`` measures.

    Raises:
        ValueError: if an argument is wrong, an epoch has no batch, or the checkpoint is broken or
            from another run.
        ImportError: if an Excel workbook is asked for and openpyxl is missing.
        FloatingPointError: if the loss of an epoch is not finite; the checkpoint is the one before.
    """
    if epochs < 1:
        raise ValueError(f"epochs={epochs} trains nothing; use at least 1")
    if isinstance(schedule, ReduceLROnPlateau):
        raise ValueError("ReduceLROnPlateau wants a metric at each step; use another schedule")
    device = torch.device(device)
    checkpoint = Checkpoint(folder, model, optimiser, schedule, seed, excel)
    model.to(device)
    rows = checkpoint.resume(epochs)
    random = torch.random.fork_rng([device] if device.type == "cuda" else [])
    with random, Bar(epochs, progress) as bar:
        for epoch in range(len(rows), epochs):
            torch.manual_seed(int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0]))
            start, total, count = time.perf_counter(), torch.zeros((), device=device), 0
            model.train()
            for inputs, targets in bar.over(epoch, batches(epoch)):
                inputs, targets = inputs.to(device), targets.to(device)
                with torch.autocast(device.type, torch.bfloat16, enabled=amp):
                    value = loss(model(inputs), targets)
                optimiser.zero_grad()
                value.backward()
                optimiser.step()
                if schedule is not None:
                    schedule.step()
                total += value.detach() * len(inputs)
                count += len(inputs)
                bar.step(value)
            if not count:
                raise ValueError(f"epoch {epoch + 1} has no batch; look at the data")
            row = {"loss": float(total) / count, "learning rate": optimiser.param_groups[0]["lr"]}
            if not math.isfinite(row["loss"]):
                raise FloatingPointError(f"epoch {epoch + 1}: the loss is {row['loss']}")
            row["seconds"] = time.perf_counter() - start
            model.eval()
            with torch.no_grad():
                row |= evaluate(model) if evaluate is not None else {}
            rows.append({name: float(number) for name, number in row.items()})
            checkpoint.save(rows)
            if report is not None:
                report(table(rows))
    model.eval()
    return table(rows)


def segmentation(
    batches: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    classes: int,
    ignore_index: int = IGNORE,
) -> Evaluation:
    """An evaluation for ``fit``: mIoU and pixel accuracy over all pixels, from 0 to 1.

    Args:
        batches: images and labels (B, H, W), anew at each call.
        classes: number of classes K; the model gives (B, K, H, W), or a tuple that begins with it.
        ignore_index: label of the pixels that do not count.
    """

    def evaluate(model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        matrix = ConfusionMatrix(classes, ignore_index)
        for images, labels in batches():
            logits = model(images.to(device))
            logits = logits if isinstance(logits, Tensor) else logits[0]
            matrix.update(logits.argmax(1).cpu(), labels)
        return {"mIoU": matrix.mean_iou(), "pixel accuracy": matrix.pixel_accuracy()}

    return evaluate

"""``python -m course_lib.train danet`` and ``compare``: train, resume, draw, compare."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer
from tqdm import tqdm

from course_lib.atomic import replacing
from course_lib.train import danet, pictures, tasks

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
Data = StrEnum("Data", {name: name for name in tasks.NAMES})

DataOption = Annotated[
    Data,
    typer.Option(
        help="scenes: drawn streets; cue, legend: boards that one far thing, or many, explain; "
        "camvid."
    ),
]
Root = Annotated[Path | None, typer.Option(help="The folder in which CamVid lies.")]
Height = Annotated[int, typer.Option(min=8, help="CamVid only: height of the pictures in pixels.")]
# What is not given is the task's own.
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs in all, with those already done.")]
Batch = Annotated[int | None, typer.Option(min=1, help="Pictures in a batch.")]
Pictures = Annotated[
    int | None, typer.Option("--pictures", min=1, help="Not CamVid: pictures in an epoch.")
]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")]
Network = Annotated[
    str | None, typer.Option(help="One of the networks whose names begin with danet.")
]


@app.command("danet")
def danet_command(
    data: DataOption = Data.scenes,
    root: Root = None,
    epochs: Epochs = None,
    seed: int = 0,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where all is written; a run that lies there goes on. Default: runs/…"),
    ] = None,
    head: Annotated[
        bool, typer.Option(help="With DANet's attention, or with the control in its place.")
    ] = True,
    height: Height = 180,
    batch: Batch = None,
    pictures_: Pictures = None,
    device: Device = "auto",
    network: Network = None,
) -> None:
    """Train DANet; write checkpoint.pt, history.csv, curves.png, predictions.png, attention-….png.

    Exit status: 0 when all is written, 2 for wrong arguments or data.
    """
    kind = danet.HEADS[0] if head else danet.HEADS[1]
    folder = folder or Path("runs") / f"danet-{data}-{kind}-{seed}"
    try:
        task = _task(data, root, height, batch, pictures_)(seed)
        epochs = epochs or task.epochs
        trained = danet.train(
            task,
            kind,
            epochs=epochs,
            seed=seed,
            folder=folder,
            device=_device(device),
            network=network,
            progress=sys.stdout.isatty(),
            report=lambda history: tqdm.write(_line(history, epochs)),  # above the bar
        )
        written = pictures.write(trained, task, kind, folder)
    except (ValueError, FloatingPointError, OSError) as error:
        _wrong(error)
    typer.echo("\nIoU, %")
    for name, value in trained.iou.items():
        typer.echo(f"  {name:16}{100 * value:6.1f}")
    typer.echo(f"  {'mean':16}{100 * trained.history['mIoU'].iloc[-1]:6.1f}\n")
    typer.echo(f"{folder}: checkpoint.pt, history.csv, " + ", ".join(p.name for p in written))


@app.command("compare")
def compare_command(
    data: Annotated[list[Data] | None, typer.Option(help="May be repeated.")] = None,
    root: Root = None,
    epochs: Epochs = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds, from 0.")] = 3,
    folder: Annotated[
        Path | None, typer.Option(help="Where the runs are kept, so that a comparison can go on.")
    ] = None,
    table: Annotated[Path | None, typer.Option(help="A CSV to write, with one row a run.")] = None,
    height: Height = 180,
    batch: Batch = None,
    pictures_: Pictures = None,
    device: Device = "auto",
    network: Network = None,
) -> None:
    """Train with and without attention over several seeds, and print one table.

    Exit status: 0 when the table is complete, 2 for wrong arguments or data.
    """
    parts = []
    try:
        for one in data or [Data.scenes]:
            parts.append(
                danet.compare(
                    _task(one, root, height, batch, pictures_),
                    range(seeds),
                    epochs=epochs,
                    folder=folder,
                    device=_device(device),
                    network=network,
                    report=typer.echo,
                )
            )
        runs = pd.concat(parts, ignore_index=True)
        if table is not None:
            with replacing(table) as new:
                runs.to_csv(new, index=False)
    except (ValueError, FloatingPointError, OSError) as error:
        _wrong(error)
    typer.echo()
    for _, group in runs.groupby("data", sort=False):
        typer.echo(danet.summary(group).set_index(["data", "head"]).T.to_string() + "\n")


def _task(
    data: Data, root: Path | None, height: int, batch: int | None, count: int | None
) -> Callable[[int], tasks.Task]:
    """From a seed to the task that the options ask for."""
    if data != Data.camvid:
        return lambda seed: tasks.drawn(data, seed, batch, count)
    if root is None:
        raise ValueError("--data camvid needs --root: the folder in which CamVid lies")
    return lambda seed: tasks.camvid(root, seed, batch or 8, height)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"--device {name}: no such device; use cpu, cuda or auto") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {name}: there is no CUDA device here; use cpu or auto")
    return device


def _line(history: pd.DataFrame, epochs: int) -> str:
    last = history.iloc[-1]
    return (
        f"epoch {len(history):3}/{epochs}   loss {last['loss']:.3f}   "
        f"mIoU {100 * last['mIoU']:4.1f} %   {last['seconds']:.1f} s"
    )


def _wrong(error: Exception) -> None:
    typer.echo(" ".join(str(error).split()), err=True)
    raise typer.Exit(code=2)


if __name__ == "__main__":
    app(prog_name="python -m course_lib.train")

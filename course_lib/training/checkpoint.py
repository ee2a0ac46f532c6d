"""What a run leaves in its folder: a checkpoint to go on from, and the history as a table."""

import importlib.util
import io
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from course_lib.atomic import replacing

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.csv"
WORKBOOK = "history.xlsx"
_FORMAT = "attention-course training, 1"


class Checkpoint:
    """The state of a run after its last whole epoch, in memory and on the disk."""

    def __init__(
        self,
        folder: str | Path | None,
        model: nn.Module,
        optimiser: Optimizer,
        schedule: LRScheduler | None,
        seed: int,
        excel: bool = False,
    ) -> None:
        """Write nothing yet.

        Args:
            folder: where the files go; None never writes or reads one.
            model: what is trained.
            optimiser: of the model's parameters.
            schedule: of the learning rate.
            seed: of the run.
            excel: whether the history is written as an Excel workbook, too.

        Raises:
            ValueError: if a workbook is asked for without a folder.
            ImportError: if a workbook is asked for and openpyxl, which writes it, is missing.
        """
        if excel and folder is None:
            raise ValueError(f"excel=True writes {WORKBOOK}, but into which folder? Set folder")
        if excel and importlib.util.find_spec("openpyxl") is None:
            raise ImportError("excel=True needs openpyxl; pip install openpyxl, or leave excel out")
        self._folder = None if folder is None else Path(folder)
        self._parts = {"model": model, "optimiser": optimiser}
        if schedule is not None:
            self._parts["schedule"] = schedule
        self._seed = seed
        self._excel = excel

    def _identity(self) -> dict[str, Any]:
        """What must agree between a checkpoint and the run that takes it up."""
        model, optimiser = self._parts["model"], self._parts["optimiser"]
        schedule = self._parts.get("schedule")
        return {
            "model": {name: list(value.shape) for name, value in model.state_dict().items()},
            "optimiser": [type(optimiser).__name__]
            + [len(group["params"]) for group in optimiser.param_groups],
            "schedule": None if schedule is None else type(schedule).__name__,
            "seed": self._seed,
        }

    def save(self, rows: list[dict[str, float]]) -> None:
        """Write checkpoint and history; whoever kills the run finds the old ones or the new."""
        if self._folder is None:
            return
        states = {name: part.state_dict() for name, part in self._parts.items()}
        content = {"format": _FORMAT, "identity": self._identity(), "states": states, "rows": rows}
        history = table(rows)
        with replacing(self._folder / CHECKPOINT) as new:
            torch.save(content, new)
        with replacing(self._folder / HISTORY) as new:
            history.to_csv(new)
        if self._excel:
            # Given open: pandas knows no format by the temporary name.
            with replacing(self._folder / WORKBOOK) as new, new.open("wb") as file:
                history.to_excel(file, sheet_name="history")

    def resume(self, epochs: int) -> list[dict[str, float]]:
        """Take up a checkpoint, if there is one; nothing is changed if it is refused.

        Args:
            epochs: number of epochs in all.

        Returns:
            The rows of the epochs that are done.

        Raises:
            ValueError: if the checkpoint is broken, from another run, or has more epochs.
        """
        path = None if self._folder is None else self._folder / CHECKPOINT
        if path is None or not path.exists():
            return []
        data = path.read_bytes()
        try:
            # PyTorch does not compare checksums, so that a changed weight would go unnoticed.
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                whole = archive.testzip() is None
            content = torch.load(io.BytesIO(data), "cpu", weights_only=True) if whole else None
        except Exception:  # of a dozen kinds, depending on where the file is damaged
            content = None
        if content is None:
            raise ValueError(f"{path}: this is no checkpoint, or a broken one; delete it")
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError(f"{path}: this is no checkpoint of this loop; use another folder")
        for name, mine in self._identity().items():
            if content["identity"][name] != mine:
                raise ValueError(f"{path}: it has another {name}; use another folder or delete it")
        if len(content["rows"]) > epochs:
            done = len(content["rows"])
            raise ValueError(f"{path}: it has {done} epochs done, more than {epochs}; ask for more")
        for name, part in self._parts.items():
            part.load_state_dict(content["states"][name])
        return content["rows"]


def table(rows: list[dict[str, float]]) -> pd.DataFrame:
    """The history: one row an epoch, from 1."""
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="epoch"))

"""How far a run is: one line with a bar, the loss of the last batch and the time left.

tqdm makes the line. In a terminal it goes to stdout. In a notebook it is one output of the cell,
which is updated: no stream fills with lines, and nothing is written to stderr, which is red there.
"""

import sys
from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import TypeVar

from torch import Tensor
from tqdm import tqdm

from course_lib.bilingual import LiveOutput

_T = TypeVar("_T")


class Bar:
    """A bar over the batches of all epochs; a context, which draws its last state at its end."""

    def __init__(self, epochs: int, shown: bool = True) -> None:
        """Draw nothing yet.

        Args:
            epochs: number of epochs in all.
            shown: False never draws anything.
        """
        self._epochs = epochs
        self._shown = shown
        self._bar: tqdm | None = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def over(self, epoch: int, batches: Iterable[_T]) -> Iterator[_T]:
        """The batches of an epoch, counted from 0, as they are.

        Where they do not tell their number, the end is known after the first epoch.
        """
        if not self._shown:
            yield from batches
            return
        length = length_hint(batches)
        if self._bar is None:
            self._bar = tqdm(
                total=length * self._epochs or None,
                initial=length * epoch,
                unit="batch",
                file=_Output() if LiveOutput.possible() else sys.stdout,
            )
        start = self._bar.n
        self._bar.set_description_str(f"epoch {epoch + 1}/{self._epochs}", refresh=False)
        yield from batches
        if self._bar.total is None:
            self._bar.total = start + (self._bar.n - start) * (self._epochs - epoch)

    def step(self, loss: Tensor) -> None:
        """One batch more, with this loss."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss.item():.4f}", refresh=False)
            self._bar.update()


class _Output:
    """What tqdm takes for a terminal: every line comes in the place of the one before."""

    encoding = "utf-8"  # without it tqdm draws its bar of number signs

    def __init__(self) -> None:
        self._output = LiveOutput()

    def write(self, text: str) -> None:
        line = text.strip("\r\n ")
        if line:
            self._output.show(_Line(line))

    def flush(self) -> None:
        """There is nothing held back."""


class _Line(str):
    """Text that a notebook shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

"""The style that all pictures share."""

import functools
from collections.abc import Callable, Mapping
from typing import ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

_P = ParamSpec("_P")
_STYLE: Mapping[str, object] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "image.interpolation": "nearest",
}
# Told apart by lightness too (Okabe and Ito's palette for colour-blind readers).
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"
RED = "#b2182b"


def styled(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Draw in the course's style, and leave the style of everybody else as it is."""

    @functools.wraps(draw)
    def drawn(*arguments: _P.args, **options: _P.kwargs) -> Figure:
        with mpl.rc_context(dict(_STYLE)):
            return draw(*arguments, **options)

    return drawn


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1
) -> tuple[Figure, np.ndarray]:
    """A figure of so many inches, and its axes as an array (rows, columns)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def without_ticks(axes: np.ndarray, *, frame: bool = False) -> None:
    """Take ticks, and the frame unless it stays, off axes that show an image."""
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        if not frame:
            axis.spines[:].set_visible(False)

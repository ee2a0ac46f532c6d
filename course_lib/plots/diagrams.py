"""Diagrams: how data flows, which cells a convolution sees, matrices with their numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from torch import Tensor

from course_lib.plots._style import BLUE, GREY, ORANGE, new_figure, styled


@dataclass(frozen=True)
class Box:
    """A step of a data flow.

    Attributes:
        label: what is done, or what the data is.
        column: place from the left, 0, 1, …
        row: 0 for the main line, 1 for the line above it.
    """

    label: str
    column: float
    row: float = 0.0


@styled
def flow(boxes: Mapping[str, Box], arrows: Sequence[tuple[str, str, str]]) -> Figure:
    """A data-flow diagram: boxes, and arrows that carry shapes.

    Args:
        boxes: by name.
        arrows: (from, to, shape on the arrow).

    Raises:
        ValueError: if an arrow names a box that is not there.
    """
    for source, target, _ in arrows:
        for name in (source, target):
            if name not in boxes:
                raise ValueError(f"no box is called {name!r}; there are: {', '.join(boxes)}")
    columns = max(box.column for box in boxes.values())
    rows = max(box.row for box in boxes.values())
    figure, axes = new_figure(1.75 * (columns + 1), 1.2 * (rows + 1) + 0.3)
    axis = axes[0, 0]
    axis.set_xlim(-0.55, columns + 0.55)
    axis.set_ylim(-0.5, rows + 0.6)
    axis.axis("off")
    for box in boxes.values():
        axis.add_patch(
            FancyBboxPatch(
                (box.column - 0.27, box.row - 0.17),
                0.54,
                0.34,
                boxstyle="round,pad=0.03",
                facecolor="#eef4fa",
                edgecolor=BLUE,
            )
        )
        axis.text(box.column, box.row, box.label, ha="center", va="center", fontsize=8.5)
    for source, target, shape in arrows:
        start, end = boxes[source], boxes[target]
        level = start.row == end.row
        x0, x1 = start.column + (0.31 if level else 0), end.column - (0.31 if level else 0)
        up = np.sign(end.row - start.row)
        y0, y1 = start.row + (0 if level else 0.21 * up), end.row - (0 if level else 0.21 * up)
        axis.add_patch(
            FancyArrowPatch((x0, y0), (x1, y1), arrowstyle="-|>", mutation_scale=11, color="black")
        )
        axis.text(
            (x0 + x1) / 2,
            (y0 + y1) / 2 + (0.06 if level else 0),
            shape,
            ha="center",
            va="bottom" if level else "center",
            fontsize=7.5,
            color="#333333",
            # A label on a slanted arrow stays readable.
            bbox=None if level else {"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    return figure


@styled
def grids(panels: Mapping[str, Tensor], copied: Mapping[str, Tensor] | None = None) -> Figure:
    """Small matrices as cells with their numbers, side by side; equal numbers have equal colours.

    Args:
        panels: by title, (rows, columns).
        copied: by title of a panel, a boolean matrix of its shape: cells that are drawn pale and
            dashed, for they repeat a number that is stored elsewhere.

    Raises:
        ValueError: if a panel is no matrix, or `copied` names a panel that is not there.
    """
    copied = copied or {}
    for title, values in panels.items():
        if values.ndim != 2:
            raise ValueError(f"panel {title!r} has {values.ndim} axes; draw a matrix")
    if strange := sorted(set(copied) - set(panels)):
        raise ValueError(f"no panel is called {strange[0]!r}; there are: {', '.join(panels)}")
    widths = [values.shape[1] + 1.4 for values in panels.values()]
    rows = max(len(values) for values in panels.values())
    figure = Figure(figsize=(0.46 * sum(widths), 0.46 * rows + 0.55), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, width_ratios=widths)
    least = min(values.min().item() for values in panels.values())
    most = max(values.max().item() for values in panels.values())
    colours = mpl.colormaps["YlGnBu"]
    for axis, (title, values) in zip(axes[0], panels.items(), strict=True):
        axis.set_title(title)
        axis.axis("off")
        axis.set_aspect("equal")
        axis.set_xlim(-0.7, values.shape[1] - 0.3)
        axis.set_ylim(rows - 0.4, -0.6)
        for row, line in enumerate(values.tolist()):
            for column, value in enumerate(line):
                pale = title in copied and bool(copied[title][row, column])
                # The dark end of the scale would hide black numbers.
                colour = colours(0.05 + 0.5 * (value - least) / max(most - least, 1e-9))
                axis.add_patch(
                    Rectangle(
                        (column - 0.5, row - 0.5),
                        1,
                        1,
                        facecolor=(*colour[:3], 0.35 if pale else 1.0),
                        edgecolor=GREY if pale else "black",
                        linestyle="--" if pale else "-",
                        linewidth=0.6 if pale else 0.9,
                        zorder=1 if pale else 2,
                    )
                )
                axis.text(
                    column, row, f"{value:.3g}", ha="center", va="center", fontsize=8, zorder=3
                )
    return figure


@dataclass(frozen=True)
class Window:
    """A convolution along one axis.

    Attributes:
        kernel_size: number of taps.
        stride: step from window to window.
        padding: cells added on either side.
        dilation: step from tap to tap.
    """

    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


@styled
def windows(panels: Mapping[str, tuple[int, Sequence[Window]]]) -> Figure:
    """Convolutions along one axis, layer upon layer, and what one output cell sees.

    The lowest row is the input. In every panel the middle output cell and all cells that it
    depends on are orange; an input cell that no output depends on is hatched; padding is dashed.

    Args:
        panels: by title, the size of the input and the layers from the input on.

    Raises:
        ValueError: if a layer does not fit its input.
    """
    stacks = {title: _stack(title, size, layers) for title, (size, layers) in panels.items()}
    heights = [0.62 * len(sizes) for sizes in stacks.values()]
    widest = max(size + 2 * max(w.padding for w in layers) for size, layers in panels.values())
    figure = Figure(
        figsize=(0.3 * (widest + 5), sum(heights) + 0.3 * len(panels)), layout="constrained"
    )
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axis, (title, (_, layers)) in zip(axes[:, 0], panels.items(), strict=True):
        axis.set_title(title, loc="left")
        axis.axis("off")
        axis.set_ylim(-0.45, 1.1 * len(layers) + 0.45)
        left = _draw_stack(axis, stacks[title], layers)
        axis.set_xlim(min(-4.2, left - 3.2), widest)
    return figure


def _stack(title: str, size: int, layers: Sequence[Window]) -> list[int]:
    """Lengths of the input and of every layer."""
    sizes = [size]
    for w in layers:
        fits = sizes[-1] + 2 * w.padding - w.dilation * (w.kernel_size - 1) - 1
        if fits < 0:
            raise ValueError(f"panel {title!r}: {w} does not fit an input of {sizes[-1]} cells")
        sizes.append(fits // w.stride + 1)
    return sizes


def _draw_stack(axis: Axes, sizes: Sequence[int], layers: Sequence[Window]) -> float:
    """Draw the rows; returns where the leftmost cell stands, padding included."""
    # Place of a row's first cell and distance of its cells, in cells of the input.
    places = [(0.0, 1)]
    for w in layers:
        first, step = places[-1]
        middle = w.dilation * (w.kernel_size - 1) / 2 - w.padding
        places.append((first + middle * step, step * w.stride))
    seen = [{sizes[-1] // 2}]
    used = [set(range(sizes[-1]))]
    for w in reversed(layers):
        for reached in (seen, used):
            taps = range(w.kernel_size)
            reached.insert(
                0, {j * w.stride - w.padding + w.dilation * t for j in reached[0] for t in taps}
            )
    paddings = [*(w.padding for w in layers), 0]
    left = min(f - p * step for (f, step), p in zip(places, paddings, strict=True))
    for row, (size, (first, step)) in enumerate(zip(sizes, places, strict=True)):
        y = 1.1 * row
        padding = paddings[row]
        for cell in range(-padding, size + padding):
            inside, orange = 0 <= cell < size, cell in seen[row]
            axis.add_patch(
                Rectangle(
                    (first + cell * step - 0.4, y - 0.28),
                    0.8,
                    0.56,
                    facecolor=("#f4b183" if inside else "#fbe3d0") if orange else "white",
                    edgecolor="black" if inside else GREY,
                    linestyle="-" if inside else "--",
                    hatch="////" if inside and cell not in used[row] else None,
                    linewidth=0.9,
                )
            )
        name = "input" if row == 0 else "output" if row == len(layers) else f"layer {row}"
        axis.text(left - 1.1, y, f"{name}: {size}", ha="right", va="center")
    for row, w in enumerate(layers):
        (below, fine), (above, coarse) = places[row], places[row + 1]
        for j in sorted(seen[row + 1]):
            for tap in range(w.kernel_size):
                cell = j * w.stride - w.padding + w.dilation * tap
                axis.plot(
                    [below + cell * fine, above + j * coarse],
                    [1.1 * row + 0.28, 1.1 * row + 0.82],
                    color=ORANGE,
                    linewidth=0.9,
                    alpha=0.8,
                )
    return left

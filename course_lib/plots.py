"""Every picture of the course. Text in a figure is English; the caption below it is bilingual."""

import base64
import functools
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from course_lib.bilingual import LiveOutput, Text
from course_lib.bilingual import show as show_below
from course_lib.data import scenes

_P = ParamSpec("_P")
_DPI = 90
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
_OF_A_RUN = Text("每轮训练之后的损失和指标。", "Loss and metrics after every epoch.")


class _Picture:
    """A figure as HTML with alternative text; plain text where HTML is not shown."""

    def __init__(self, figure: Figure, alt: Text, caption: Text) -> None:
        self._alt, self._caption = alt, caption
        stream = io.BytesIO()
        # Without the Software entry the bytes do not depend on matplotlib's version string.
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
        self._data = base64.b64encode(stream.getvalue()).decode("ascii")

    def __repr__(self) -> str:
        return f"[{self._alt}]\n{self._caption}"

    def _repr_html_(self) -> str:
        # An image output of Jupyter carries no alternative text; an HTML image does.
        alt = html.escape(str(self._alt), quote=True)
        return (
            f'<img src="data:image/png;base64,{self._data}" alt="{alt}" '
            'style="max-width:100%;background:white">'
            f"<p>{self._caption.html()}</p>"
        )


def show(figure: Figure, alt: Text, caption: Text) -> None:
    """Show a figure with its alternative text, and one line below it that says what it shows.

    Args:
        figure: the figure.
        alt: what a reader who cannot see the picture needs to know.
        caption: what the picture shows.

    Raises:
        ValueError: if either text is empty in a language.
    """
    show_below(_picture(figure, alt, caption))


def _picture(figure: Figure, alt: Text, caption: Text) -> _Picture:
    for text in (alt, caption):
        if not (text.zh.strip() and text.en.strip()):
            raise ValueError("a picture needs alternative text and a caption in both languages")
    return _Picture(figure, alt, caption)


def _styled(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Draw in the course's style, and leave the style of everybody else as it is."""

    @functools.wraps(draw)
    def drawn(*arguments: _P.args, **options: _P.kwargs) -> Figure:
        with mpl.rc_context(dict(_STYLE)):
            return draw(*arguments, **options)

    return drawn


def _figure(
    width: float, height: float, rows: int = 1, columns: int = 1
) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


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


@_styled
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
    figure, axes = _figure(1.75 * (columns + 1), 1.2 * (rows + 1) + 0.3)
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


@_styled
def scene_answers(images: Tensor, labels: Tensor, predictions: Mapping[str, Tensor]) -> Figure:
    """Scenes, and which labelled glyphs each network got right.

    Args:
        images: (B, 3, 64, 64).
        labels: (B, 16, 16), 255 where there is no label.
        predictions: by name of the network, (B, 16, 16).
    """
    count = len(images)
    figure, axes = _figure(2.6 * (1 + len(predictions)), 2.75 * count, count, 1 + len(predictions))
    side = scenes.CELL
    for row, image in enumerate(images):
        picture = image.clamp(0, 1).permute(1, 2, 0).numpy()
        for column, name in enumerate(["scene", *predictions]):
            axis = axes[row, column]
            axis.imshow(picture if column == 0 else 0.35 * picture)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_title(name)
            if column == 0:
                continue
            predicted = predictions[name][row]
            for y, x in (labels[row] != scenes.IGNORE).nonzero().tolist():
                right = bool(predicted[y, x] == labels[row, y, x])
                axis.plot(
                    (x + 0.5) * side,
                    (y + 0.5) * side,
                    marker="o" if right else "x",
                    color="#56b4e9" if right else "#ff8c42",
                    markersize=5,
                    markeredgewidth=1.6,
                    fillstyle="none",
                )
    figure.suptitle("o right   x wrong", fontsize=9)
    return figure


@_styled
def accuracies(values: Mapping[str, Sequence[float]], chance: float, title: str) -> Figure:
    """One dot a seed and a bar at the mean, one row a network.

    Args:
        values: accuracies in per cent, by name of the network.
        chance: accuracy of guessing, in per cent.
        title: title of the figure.
    """
    figure, axes = _figure(6.2, 0.5 + 0.42 * len(values))
    axis = axes[0, 0]
    for row, (_, numbers) in enumerate(values.items()):
        axis.plot(numbers, [row] * len(numbers), "o", color=BLUE, markersize=5, alpha=0.8)
        axis.plot([np.mean(numbers)] * 2, [row - 0.28, row + 0.28], color=ORANGE, linewidth=2)
    axis.axvline(chance, color=GREY, linestyle=":", linewidth=1)
    axis.set_yticks(range(len(values)), list(values))
    axis.set_ylim(len(values) - 0.5, -0.5)
    axis.set_xlim(min(45, chance - 5), 102)
    axis.set_xlabel("balanced accuracy, % (dots: seeds; bar: mean; dotted: chance)")
    axis.set_title(title)
    return figure


@_styled
def gate_bars(gates: Mapping[str, Tensor], colours: Sequence[str], title: str) -> Figure:
    """Gates of some groups of inputs, channel by channel.

    Args:
        gates: by name of the group, (B, C): mean and range over the group are drawn.
        colours: one for each group.
        title: title of the figure.
    """
    figure, axes = _figure(8.2, 2.6)
    axis = axes[0, 0]
    width = 0.8 / len(gates)
    for place, (name, values) in enumerate(gates.items()):
        numbers = values.detach().numpy()
        x = np.arange(numbers.shape[1]) + (place - (len(gates) - 1) / 2) * width
        mean = numbers.mean(0)
        spread = np.stack([mean - numbers.min(0), numbers.max(0) - mean])
        axis.bar(x, mean, width, color=colours[place], label=name)
        axis.errorbar(x, mean, spread, fmt="none", ecolor="black", elinewidth=0.7)
    axis.set_ylim(0, 1)
    axis.set_xticks(range(numbers.shape[1]))
    axis.set_xlabel("channel")
    axis.set_ylabel("gate")
    axis.set_title(title)
    axis.legend(ncols=len(gates), loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
    return figure


@_styled
def channel_maps(image: Tensor, before: Tensor, gates: Tensor, channels: Sequence[int]) -> Figure:
    """Some channels before and after their gate, on one scale of colour.

    Args:
        image: (3, H, W), the input.
        before: (C, h, w).
        gates: (C,).
        channels: which channels to draw.
    """
    figure, axes = _figure(1.7 * (len(channels) + 1), 3.7, 2, len(channels) + 1)
    axes[0, 0].imshow(image.clamp(0, 1).permute(1, 2, 0).numpy())
    axes[0, 0].set_title("scene")
    axes[1, 0].axis("off")
    limit = max(before[list(channels)].abs().max().item(), 1e-6)
    for column, channel in enumerate(channels, 1):
        gate = gates[channel].item()
        for row, (factor, title) in enumerate([(1.0, f"channel {channel}"), (gate, "")]):
            drawn = axes[row, column].imshow(
                factor * before[channel].numpy(), cmap="PuOr", vmin=-limit, vmax=limit
            )
            axes[row, column].set_title(title or f"× {gate:.2f}")
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.colorbar(drawn, ax=axes[:, -1], shrink=0.8)
    return figure


@_styled
def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    labels: tuple[str, str],
    title: str,
) -> Figure:
    """Lines over logarithmic axes.

    Args:
        lines: by name; positions and heights.
        labels: of the two axes.
        title: title of the figure.
    """
    figure, axes = _figure(5.6, 2.8)
    axis = axes[0, 0]
    for place, (name, (x, heights)) in enumerate(lines.items()):
        colour = (BLUE, ORANGE, GREEN, GREY)[place % 4]
        axis.plot(x, heights, marker="osD^"[place % 4], color=colour, label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    axis.set_title(title)
    axis.legend(frameon=False)
    return figure


@_styled
def maps_over(images: Tensor, maps: Mapping[str, Tensor], label: str) -> Figure:
    """Pictures, and beside each the maps that belong to it, on one scale from 0 to 1.

    Args:
        images: (B, 3, H, W), each value from 0 to 1.
        maps: by name, (B, h, w) with values from 0 to 1; each is drawn as large as the picture.
        label: what the values are.
    """
    count, side = len(images), 1 + len(maps)
    figure, axes = _figure(2.45 * side + 0.5, 2.5 * count, count, side)
    for row, image in enumerate(images):
        axes[row, 0].imshow(image.clamp(0, 1).permute(1, 2, 0).numpy())
        axes[row, 0].set_title("picture")
        for column, (name, values) in enumerate(maps.items(), 1):
            drawn = axes[row, column].imshow(
                values[row].detach().numpy(), cmap="viridis", vmin=0, vmax=1
            )
            axes[row, column].set_title(name)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.colorbar(drawn, ax=axes, shrink=0.8, label=label)
    return figure


@_styled
def kernel_planes(planes: Mapping[str, Tensor], title: str) -> Figure:
    """The planes of a convolution's kernel side by side, on one scale around zero.

    Args:
        planes: by name, (k, k) with an odd k; the axes count cells from the centre.
        title: title of the figure.
    """
    figure, axes = _figure(2.4 * len(planes) + 0.6, 2.7, 1, len(planes))
    limit = max(max(plane.abs().max().item() for plane in planes.values()), 1e-6)
    for axis, (name, plane) in zip(axes.flat, planes.items(), strict=True):
        half = len(plane) // 2
        drawn = axis.imshow(
            plane.detach().numpy(),
            cmap="PuOr",
            vmin=-limit,
            vmax=limit,
            extent=(-half - 0.5, half + 0.5, half + 0.5, -half - 0.5),
        )
        axis.plot(0, 0, "+", color="black", markersize=7)
        axis.set_xticks(range(-half, half + 1))
        axis.set_yticks(range(-half, half + 1))
        axis.set_title(name)
    figure.colorbar(drawn, ax=axes, shrink=0.8, label="weight")
    figure.suptitle(title)
    return figure


def heat_map(
    mean: np.ndarray,
    std: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    chance: Sequence[float],
    title: str,
) -> Figure:
    """Accuracies as a table in colour: light is 100 %, dark is chance.

    Args:
        mean: (rows, columns), in per cent; not a number where there is none.
        std: same shape; not a number where it is not known.
        rows: names of the rows.
        columns: names of the columns.
        chance: accuracy of guessing of every column, in per cent.
        title: title of the figure.
    """
    figure, axes = _figure(1.9 + 0.75 * len(columns), 1.1 + 0.24 * len(rows))
    axis = axes[0, 0]
    share = (mean - np.array(chance)) / (100 - np.array(chance))
    # Lightness alone tells the values of this map, so that it reads without colour too.
    drawn = axis.imshow(share, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for y in range(len(rows)):
        for x in range(len(columns)):
            if np.isnan(mean[y, x]):
                continue
            spread = "" if np.isnan(std[y, x]) else f" ±{std[y, x]:.0f}"
            axis.text(
                x,
                y,
                f"{mean[y, x]:.0f}{spread}",
                ha="center",
                va="center",
                fontsize=8,
                color="black" if share[y, x] > 0.5 else "white",
            )
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.set_title(title)
    bar = figure.colorbar(drawn, ax=axis, shrink=0.5, aspect=30)
    bar.set_ticks([0, 1], labels=["chance", "100 %"])
    return figure


@_styled
def history(rows: pd.DataFrame, metrics: Sequence[str] = ()) -> Figure:
    """The loss over the epochs of a run, and what was measured beside it.

    Args:
        rows: history of ``training.fit``: one row an epoch, with a column ``loss``.
        metrics: columns for the second axes; none leaves them out.

    Raises:
        ValueError: if the history has no such column.
    """
    for name in metrics:
        if name not in rows:
            raise ValueError(f"the history has no {name!r}; it has: {', '.join(rows)}")
    figure, axes = _figure(8.2 if metrics else 4.2, 2.6, columns=2 if metrics else 1)
    for axis, names in zip(axes.flat, [["loss"], metrics], strict=False):
        for place, name in enumerate(names):
            colour, marker = (BLUE, ORANGE, GREEN, GREY)[place % 4], "osD^"[place % 4]
            axis.plot(rows.index, rows[name], marker=marker, markersize=4, color=colour, label=name)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_title(", ".join(names))
        if len(names) > 1:
            axis.legend(frameon=False)
    return figure


def live_history(
    metrics: Sequence[str] = (),
    caption: Text = _OF_A_RUN,
) -> Callable[[pd.DataFrame], None]:
    """What draws `history` anew after every epoch, in one output: for ``fit(report=…)``.

    Make one for each run. Outside of a notebook it does nothing.

    Args:
        metrics: columns of the history that are drawn beside the loss.
        caption: what the picture shows.
    """
    output = LiveOutput()

    def report(rows: pd.DataFrame) -> None:
        if not output.possible():
            return
        last = "，".join(f"{name} {rows[name].iloc[-1]:.3g}" for name in metrics)
        first_loss, last_loss = rows["loss"].iloc[0], rows["loss"].iloc[-1]
        alt = Text(
            f"训练曲线，{len(rows)} 轮：损失从 {first_loss:.3g} 到 {last_loss:.3g}"
            + (f"；最后 {last}。" if last else "。"),
            f"Curves of {len(rows)} epochs: loss from {first_loss:.3g} to {last_loss:.3g}"
            + (f"; at the end {last.replace('，', ', ')}." if last else "."),
        )
        output.show(_picture(history(rows, metrics), alt, caption))

    return report


@_styled
def pictures(images: Mapping[str, Tensor]) -> Figure:
    """Pictures side by side.

    Args:
        images: by title, (3, H, W); values below 0 are drawn as 0, above 1 as 1.
    """
    figure, axes = _figure(2.2 * len(images), 2.4, 1, len(images))
    for axis, (title, image) in zip(axes[0], images.items(), strict=True):
        axis.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy())
        axis.set_title(title)
        axis.spines[:].set_visible(False)
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


@_styled
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


@_styled
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
        axis.set_xlim(-4.2, widest)
        axis.set_ylim(-0.45, 1.1 * len(layers) + 0.45)
        _draw_stack(axis, stacks[title], layers)
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


def _draw_stack(axis: Axes, sizes: Sequence[int], layers: Sequence[Window]) -> None:
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
    for row, (size, (first, step)) in enumerate(zip(sizes, places, strict=True)):
        y = 1.1 * row
        padding = layers[row].padding if row < len(layers) else 0
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
        axis.text(-1.1 - layers[0].padding, y, f"{name}: {size}", ha="right", va="center")
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


@_styled
def influence(maps: Mapping[str, Tensor], boxes: Mapping[str, int]) -> Figure:
    """How much one decision depends on every pixel, and the receptive field by formula as a box.

    Args:
        maps: by title, (H, W), not negative; each is drawn relative to its own largest value, and
            a pixel without any influence is black.
        boxes: by title, side of the receptive field in pixels, drawn around the decision in the
            middle.
    """
    figure, axes = _figure(2.9 * len(maps) + 0.6, 3.1, 1, len(maps))
    colours = mpl.colormaps["viridis"].with_extremes(bad="black")
    # All panels on one scale, wide enough for the largest box.
    reach = max(*boxes.values(), *(max(values.shape) for values in maps.values())) / 2 + 2
    for axis, (title, values) in zip(axes[0], maps.items(), strict=True):
        relative = (values / values.max()).numpy()
        drawn = axis.imshow(
            np.ma.masked_equal(relative, 0.0),
            cmap=colours,
            norm=mpl.colors.LogNorm(1e-4, 1.0, clip=True),
        )
        height, width = values.shape
        side = boxes[title]
        axis.add_patch(
            Rectangle(
                ((width - side) / 2, (height - side) / 2),
                side,
                side,
                fill=False,
                edgecolor=ORANGE,
                linewidth=1.8,
            )
        )
        axis.set_facecolor("#d9d9d9")
        axis.set_xlim(width / 2 - reach, width / 2 + reach)
        axis.set_ylim(height / 2 + reach, height / 2 - reach)
        axis.set_title(f"{title}: box of {side} pixels")
        axis.spines[:].set_visible(False)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.colorbar(drawn, ax=axes[0, :].tolist(), shrink=0.8, label="influence, log scale")
    return figure


@_styled
def segmentations(
    images: Tensor, labels: Tensor, predictions: Tensor, names: Sequence[str]
) -> Figure:
    """Pictures, the true class of their pixels and the predicted one, side by side.

    Args:
        images: (B, 3, H, W), from 0 to 1.
        labels: (B, H, W), 255 where a pixel does not count.
        predictions: (B, H, W).
        names: of the classes.
    """
    palette = class_colours(names)
    lines = -(-len(names) // 6)
    figure, axes = _figure(7.2, 1.9 * len(images) + 0.3 * lines + 0.3, len(images), 3)
    for row in range(len(images)):
        axes[row, 0].imshow(images[row].permute(1, 2, 0).numpy())
        for column, classes in ((1, labels[row]), (2, predictions[row])):
            pixels = np.ones((*classes.shape, 3))
            known = classes.numpy() < len(names)
            pixels[known] = palette[classes.numpy()[known]]
            axes[row, column].imshow(pixels)
    for axis, title in zip(axes[0], ("picture", "truth", "prediction"), strict=True):
        axis.set_title(title)
    _without_ticks(axes)
    handles = [
        Patch(facecolor=colour, edgecolor="black", linewidth=0.4, label=name)
        for colour, name in zip([*palette, (1.0, 1.0, 1.0)], [*names, "not counted"], strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    return figure


@_styled
def dual_attention(
    image: Tensor,
    queries: Mapping[str, tuple[int, int]],
    position: Tensor,
    channel: Tensor,
) -> Figure:
    """Where query cells look, drawn over the picture, and the map of the channels.

    Args:
        image: (3, H, W), from 0 to 1.
        queries: row and column of every query's cell, by its name.
        position: (Q, h, w), the PAM maps of the queries; every one sums to 1.
        channel: (C, C), the CAM map; every row sums to 1.
    """
    count = len(queries)
    columns = 3
    rows = -(-(count + 2) // columns)
    figure, axes = _figure(3.0 * columns, 2.5 * rows, rows, columns)
    places = list(axes.flat)
    height, width = image.shape[1:]
    cell_height, cell_width = height / position.shape[1], width / position.shape[2]
    extent = (0, width, height, 0)
    grey = image.mean(0).numpy()
    places[0].imshow(image.permute(1, 2, 0).numpy(), extent=extent)
    places[0].set_title("picture and queries")
    marks = "ABCDEFGHIJKL"
    for number, (name, (row, column)) in enumerate(queries.items()):
        axis, weights = places[1 + number], position[number].numpy()
        axis.imshow(0.55 * grey, extent=extent, cmap="gray", vmin=0, vmax=1)
        axis.imshow(
            weights,
            extent=extent,
            cmap="inferno",
            alpha=np.clip(1.5 * weights / weights.max(), 0, 0.9),
        )
        axis.set_title(f"PAM of {marks[number]}: {name}")
        for drawn in (places[0], axis):
            drawn.add_patch(
                Rectangle(
                    (column * cell_width, row * cell_height),
                    cell_width,
                    cell_height,
                    fill=False,
                    edgecolor="#00e5ff",
                    linewidth=1.8,
                )
            )
        places[0].text(
            (column + 0.5) * cell_width,
            (row + 0.5) * cell_height,
            marks[number],
            ha="center",
            va="center",
            color="white",
            fontsize=9,
            fontweight="bold",
            path_effects=[withStroke(linewidth=2, foreground="black")],
        )
    matrix = places[1 + count]
    drawn = matrix.imshow(channel.numpy(), cmap="viridis", vmin=0)
    matrix.set_title("CAM: row i, weights of channel i")
    figure.colorbar(drawn, ax=matrix, shrink=0.8)
    _without_ticks(axes)
    for axis in places[2 + count :]:
        axis.axis("off")
    return figure


def class_colours(names: Sequence[str]) -> np.ndarray:
    """A colour for every class, (K, 3) from 0 to 1: CamVid's where there is one of that name."""
    others = mpl.colormaps["tab20"](np.arange(20))[:, :3]
    return np.array(
        [
            mpl.colors.to_rgb(_CLASS_COLOURS[name.lower()])
            if name.lower() in _CLASS_COLOURS
            else others[place % 20]
            for place, name in enumerate(names)
        ]
    )


# CamVid's, or near them where two would look alike.
_CLASS_COLOURS: Mapping[str, str] = {
    "sky": "#87b5e0",
    "building": "#800000",
    "road": "#804080",
    "pavement": "#9c9cd8",
    "tree": "#5f8f00",
    "car": "#400080",
    "pole": "#c0c080",
    "pedestrian": "#404000",
}


def _without_ticks(axes: np.ndarray) -> None:
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)


@_styled
def swatches(images: Tensor, titles: Sequence[str], marks: Tensor | None = None) -> Figure:
    """Grey pictures in a row, with a circle around one place in each.

    Args:
        images: (B, 1, H, W), on one scale of grey.
        titles: one a picture.
        marks: (B, 2), row and column of the middle of the circle in pixels; negative for none.
    """
    figure, axes = _figure(1.95 * len(images), 2.15, 1, len(images))
    limit = images.abs().max().item()
    for place, (axis, image, title) in enumerate(zip(axes[0], images, titles, strict=True)):
        axis.imshow(image[0].numpy(), cmap="gray", vmin=-limit / 2, vmax=limit)
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
        if marks is not None and marks[place].min() >= 0:
            row, column = marks[place].tolist()
            axis.plot(column, row, "o", color="#ff8c42", fillstyle="none", markersize=14)
    return figure


@_styled
def matrix(values: Tensor, rows: Sequence[str], title: str, column: str = "channel") -> Figure:
    """Numbers as a heat map with the numbers in it.

    Args:
        values: (R, C), not negative.
        rows: names of the R rows.
        title: title of the figure.
        column: what the columns are.
    """
    figure, axes = _figure(1.2 + 0.48 * values.shape[1], 0.9 + 0.34 * len(rows))
    axis = axes[0, 0]
    top = max(values.max().item(), 1e-6)
    axis.imshow(values.numpy(), cmap="Blues", vmin=0, vmax=top, aspect="auto")
    for row, numbers in enumerate(values.tolist()):
        for place, number in enumerate(numbers):
            colour = "white" if number > 0.6 * top else "black"
            axis.text(
                place, row, f"{number:.1f}", ha="center", va="center", fontsize=7.5, color=colour
            )
    axis.set_yticks(range(len(rows)), list(rows))
    axis.set_xticks(range(values.shape[1]))
    axis.set_xlabel(column)
    axis.set_title(title)
    return figure


@_styled
def pooled_maps(image: Tensor, maps: Tensor, channels: Sequence[int], place: Tensor) -> Figure:
    """A grey picture and some channels of its last map, with what each pooling makes of them.

    Args:
        image: (1, H, W).
        maps: (C, h, w), not negative.
        channels: which channels to draw.
        place: (2,), row and column in the picture, in pixels, that a circle marks everywhere.
    """
    figure, axes = _figure(2.3 * (len(channels) + 1), 2.7, 1, len(channels) + 1)
    limit = image.abs().max().item()
    axes[0, 0].imshow(image[0].numpy(), cmap="gray", vmin=-limit / 2, vmax=limit)
    axes[0, 0].set_title("swatch")
    for axis, channel in zip(axes[0, 1:], channels, strict=True):
        values = maps[channel]
        axis.imshow(values.numpy(), cmap="viridis", vmin=0)
        axis.set_title(f"channel {channel}\nmean {values.mean():.2f}, max {values.max():.2f}")
    row, column = place.tolist()
    scale = image.shape[-1] / maps.shape[-1]
    for axis, divisor in zip(axes[0], [1.0, *[scale] * len(channels)], strict=True):
        # Middles of pixels lie at whole numbers.
        axis.plot(
            (column + 0.5) / divisor - 0.5,
            (row + 0.5) / divisor - 0.5,
            "o",
            color="#ff8c42",
            fillstyle="none",
            markersize=16,
        )
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


@_styled
def differences(values: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Differences of two networks with the same seed: one dot a seed and a bar at the mean.

    Args:
        values: percentage points, by name of the row.
        title: title of the figure.
    """
    figure, axes = _figure(6.6, 0.5 + 0.42 * len(values))
    axis = axes[0, 0]
    for row, numbers in enumerate(values.values()):
        axis.plot(numbers, [row] * len(numbers), "o", color=BLUE, markersize=5, alpha=0.8)
        axis.plot([np.mean(numbers)] * 2, [row - 0.28, row + 0.28], color=ORANGE, linewidth=2)
    axis.axvline(0, color=GREY, linestyle=":", linewidth=1)
    axis.set_yticks(range(len(values)), list(values))
    axis.set_ylim(len(values) - 0.5, -0.5)
    axis.set_xlabel("percentage points (dots: seeds; bar: mean; dotted: no difference)")
    axis.set_title(title)
    return figure

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
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
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

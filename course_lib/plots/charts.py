"""Charts: accuracies, gates, curves, tables in colour."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from torch import Tensor

from course_lib.bilingual import LiveOutput, Text
from course_lib.plots._show import picture
from course_lib.plots._style import BLUE, GREEN, GREY, ORANGE, new_figure, styled

_OF_A_RUN = Text("每轮训练之后的损失和指标。", "Loss and metrics after every epoch.")


@styled
def accuracies(values: Mapping[str, Sequence[float]], chance: float, title: str) -> Figure:
    """One dot a seed and a bar at the mean, one row a network.

    Args:
        values: accuracies in per cent, by name of the network.
        chance: accuracy of guessing, in per cent.
        title: title of the figure.
    """
    figure, axes = new_figure(6.2, 0.5 + 0.42 * len(values))
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


@styled
def gate_bars(gates: Mapping[str, Tensor], colours: Sequence[str], title: str) -> Figure:
    """Gates of some groups of inputs, channel by channel.

    Args:
        gates: by name of the group, (B, C): mean and range over the group are drawn.
        colours: one for each group.
        title: title of the figure.
    """
    figure, axes = new_figure(8.2, 2.6)
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


@styled
def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    labels: tuple[str, str],
    title: str,
) -> Figure:
    """Lines over logarithmic axes, whose ticks are plain numbers.

    Args:
        lines: by name; positions and heights.
        labels: of the two axes.
        title: title of the figure.
    """
    figure, axes = new_figure(5.6, 2.8)
    axis = axes[0, 0]
    for place, (name, (x, heights)) in enumerate(lines.items()):
        colour = (BLUE, ORANGE, GREEN, GREY)[place % 4]
        axis.plot(x, heights, marker="osD^"[place % 4], color=colour, label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    for side in (axis.xaxis, axis.yaxis):
        _plain_ticks(side)
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    axis.set_title(title)
    axis.legend(frameon=False)
    return figure


def _plain_ticks(side: Axis) -> None:
    """Write 600 and not 6×10²; name also 2 and 5 where there are few powers of ten."""
    low, high = side.get_view_interval()
    subs = (1.0,) if high >= 100 * low else (1.0, 2.0, 5.0)
    side.set_major_locator(LogLocator(subs=subs))
    side.set_major_formatter(lambda value, _: f"{value:,.10g}")
    side.set_minor_formatter(NullFormatter())


@styled
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
    figure, axes = new_figure(1.9 + 0.75 * len(columns), 1.1 + 0.24 * len(rows))
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


@styled
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
    figure, axes = new_figure(8.2 if metrics else 4.2, 2.6, columns=2 if metrics else 1)
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
        output.show(picture(history(rows, metrics), alt, caption))

    return report


@styled
def matrix(values: Tensor, rows: Sequence[str], title: str, column: str = "channel") -> Figure:
    """Numbers as a heat map with the numbers in it.

    Args:
        values: (R, C), not negative.
        rows: names of the R rows.
        title: title of the figure.
        column: what the columns are.
    """
    figure, axes = new_figure(1.2 + 0.48 * values.shape[1], 0.9 + 0.34 * len(rows))
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


@styled
def differences(values: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Differences of two networks with the same seed: one dot a seed and a bar at the mean.

    Args:
        values: percentage points, by name of the row.
        title: title of the figure.
    """
    figure, axes = new_figure(6.6, 0.5 + 0.42 * len(values))
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

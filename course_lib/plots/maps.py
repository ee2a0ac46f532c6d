"""Maps: what channels, kernels, gates and attention do from place to place."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from course_lib.plots._style import ORANGE, new_figure, styled, without_ticks


@styled
def channel_maps(image: Tensor, before: Tensor, gates: Tensor, channels: Sequence[int]) -> Figure:
    """Some channels before and after their gate, on one scale of colour.

    Args:
        image: (3, H, W), the input.
        before: (C, h, w).
        gates: (C,).
        channels: which channels to draw.
    """
    figure, axes = new_figure(1.7 * (len(channels) + 1), 3.7, 2, len(channels) + 1)
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
    without_ticks(axes, frame=True)
    figure.colorbar(drawn, ax=axes[:, -1], shrink=0.8)
    return figure


@styled
def maps_over(
    images: Tensor,
    maps: Mapping[str, Tensor],
    label: str,
    marks: Sequence[Sequence[tuple[int, int]]] | None = None,
) -> Figure:
    """Pictures, and beside each the maps that belong to it, on one scale from 0 to 1.

    Args:
        images: (B, 3, H, W), each value from 0 to 1.
        maps: by name, (B, h, w) with values from 0 to 1; each is drawn as large as the picture.
        label: what the values are.
        marks: for every picture, row and column of the cells of its maps that get a cross.
    """
    count, side = len(images), 1 + len(maps)
    figure, axes = new_figure(2.45 * side + 0.5, 2.5 * count, count, side)
    for row, image in enumerate(images):
        axes[row, 0].imshow(image.clamp(0, 1).permute(1, 2, 0).numpy())
        axes[row, 0].set_title("picture")
        for column, (name, values) in enumerate(maps.items(), 1):
            drawn = axes[row, column].imshow(
                values[row].detach().numpy(), cmap="viridis", vmin=0, vmax=1
            )
            axes[row, column].set_title(name)
            for y, x in marks[row] if marks else ():
                axes[row, column].plot(x, y, "+", color="white", markersize=8, markeredgewidth=3)
                axes[row, column].plot(x, y, "+", color="black", markersize=7)
    without_ticks(axes, frame=True)
    figure.colorbar(drawn, ax=axes, shrink=0.8, label=label)
    return figure


@styled
def kernel_planes(planes: Mapping[str, Tensor], title: str) -> Figure:
    """The planes of a convolution's kernel side by side, on one scale around zero.

    Args:
        planes: by name, (k, k) with an odd k; the axes count cells from the centre.
        title: title of the figure.
    """
    figure, axes = new_figure(2.4 * len(planes) + 0.6, 2.7, 1, len(planes))
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


@styled
def influence(maps: Mapping[str, Tensor], boxes: Mapping[str, int]) -> Figure:
    """How much one decision depends on every pixel, and the receptive field by formula as a box.

    Args:
        maps: by title, (H, W), not negative; each is drawn relative to its own largest value, and
            a pixel without any influence is black.
        boxes: by title, side of the receptive field in pixels, drawn around the decision in the
            middle.
    """
    figure, axes = new_figure(2.9 * len(maps) + 0.6, 3.1, 1, len(maps))
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
    without_ticks(axes)
    figure.colorbar(drawn, ax=axes[0, :].tolist(), shrink=0.8, label="influence, log scale")
    return figure


@styled
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
    columns = 2 if count <= 2 else 3
    rows = -(-(count + 2) // columns)
    figure, axes = new_figure(3.0 * columns, 2.7 * rows, rows, columns)
    places = list(axes.flat)
    _draw_queries(places, image, queries, position)
    matrix = places[1 + count]
    drawn = matrix.imshow(channel.numpy(), cmap="viridis", vmin=0)
    matrix.set_title("CAM: what each channel is made of")
    figure.colorbar(drawn, ax=matrix, shrink=0.8, label="weight")
    without_ticks(axes)
    matrix.set_xlabel("from channel")
    matrix.set_ylabel("to channel")
    for axis in places[2 + count :]:
        axis.axis("off")
    return figure


@styled
def position_maps(
    image: Tensor, queries: Mapping[str, tuple[int, int]], position: Tensor
) -> Figure:
    """Where query cells look, drawn over the picture.

    Args:
        image: (3, H, W), from 0 to 1.
        queries: row and column of every query's cell, by its name.
        position: (Q, h, w), the attention maps of the queries; every one sums to 1.
    """
    columns = min(4, 1 + len(queries))
    rows = -(-(1 + len(queries)) // columns)
    figure, axes = new_figure(2.5 * columns, 2.6 * rows, rows, columns)
    places = list(axes.flat)
    _draw_queries(places, image, queries, position)
    without_ticks(axes)
    for axis in places[1 + len(queries) :]:
        axis.axis("off")
    return figure


def _draw_queries(
    places: Sequence[Axes],
    image: Tensor,
    queries: Mapping[str, tuple[int, int]],
    position: Tensor,
) -> None:
    """The picture in the first place, the map of one query in each of the next."""
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
        # Colours are relative to the largest weight, so that the title has to say how large it is.
        largest, mean = 100 * weights.max(), 100 / weights.size
        title = f"PAM of {marks[number]}: {name}\nmean {mean:.1f} %, up to {largest:.1f} %"
        axis.set_title(title)
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


@styled
def pooled_maps(image: Tensor, maps: Tensor, channels: Sequence[int], place: Tensor) -> Figure:
    """A grey picture and some channels of its last map, with what each pooling makes of them.

    Args:
        image: (1, H, W).
        maps: (C, h, w), not negative.
        channels: which channels to draw.
        place: (2,), row and column in the picture, in pixels, that a circle marks everywhere.
    """
    figure, axes = new_figure(2.3 * (len(channels) + 1), 2.7, 1, len(channels) + 1)
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
    without_ticks(axes, frame=True)
    return figure

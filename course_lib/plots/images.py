"""Images as they are, with what is right or wrong in them, class by class."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from course_lib.data import scenes
from course_lib.plots._style import new_figure, styled, without_ticks

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
_PALE = 0.15  # strength of a colour that does not count


@styled
def scene_answers(images: Tensor, labels: Tensor, predictions: Mapping[str, Tensor]) -> Figure:
    """Scenes, and which labelled glyphs each network got right.

    Args:
        images: (B, 3, 64, 64).
        labels: (B, 16, 16), 255 where there is no label.
        predictions: by name of the network, (B, 16, 16).
    """
    count = len(images)
    figure, axes = new_figure(
        2.6 * (1 + len(predictions)), 2.75 * count, count, 1 + len(predictions)
    )
    side = scenes.CELL
    for row, image in enumerate(images):
        picture = image.clamp(0, 1).permute(1, 2, 0).numpy()
        for column, name in enumerate(["scene", *predictions]):
            axis = axes[row, column]
            axis.imshow(picture if column == 0 else 0.35 * picture)
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
    without_ticks(axes, frame=True)
    figure.suptitle("o right   x wrong", fontsize=9)
    return figure


@styled
def pictures(images: Mapping[str, Tensor]) -> Figure:
    """Pictures side by side.

    Args:
        images: by title, (3, H, W); values below 0 are drawn as 0, above 1 as 1.
    """
    figure, axes = new_figure(2.2 * len(images), 2.4, 1, len(images))
    for axis, (title, image) in zip(axes[0], images.items(), strict=True):
        axis.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy())
        axis.set_title(title)
    without_ticks(axes)
    return figure


@styled
def segmentations(
    images: Tensor, labels: Tensor, predictions: Tensor, names: Sequence[str]
) -> Figure:
    """Pictures, the true class of their pixels and the predicted one, side by side.

    A prediction is pale where it does not count.

    Args:
        images: (B, 3, H, W), from 0 to 1.
        labels: (B, H, W), 255 where a pixel does not count.
        predictions: (B, H, W).
        names: of the classes.
    """
    palette = class_colours(names)
    lines = -(-len(names) // 6)
    figure, axes = new_figure(7.2, 1.9 * len(images) + 0.3 * lines + 0.3, len(images), 3)
    for row in range(len(images)):
        axes[row, 0].imshow(images[row].permute(1, 2, 0).numpy())
        counts = labels[row].numpy() < len(names)
        truth = np.ones((*counts.shape, 3))
        truth[counts] = palette[labels[row].numpy()[counts]]
        axes[row, 1].imshow(truth)
        predicted = palette[predictions[row].numpy()]
        axes[row, 2].imshow(np.where(counts[..., None], predicted, 1 - _PALE * (1 - predicted)))
    for axis, title in zip(axes[0], ("picture", "truth", "prediction"), strict=True):
        axis.set_title(title)
    without_ticks(axes)
    handles = [
        Patch(facecolor=colour, edgecolor="black", linewidth=0.4, label=name)
        for colour, name in zip([*palette, (1.0, 1.0, 1.0)], [*names, "not counted"], strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    return figure


def class_colours(names: Sequence[str]) -> np.ndarray:
    """A colour for every class, (K, 3) from 0 to 1: CamVid's where there is one of that name."""
    # Its strong colours first, for the pale one beside each means something else in predictions.
    others = mpl.colormaps["tab20"](np.r_[0:20:2, 1:20:2])[:, :3]
    return np.array(
        [
            mpl.colors.to_rgb(_CLASS_COLOURS[name.lower()])
            if name.lower() in _CLASS_COLOURS
            else others[place % 20]
            for place, name in enumerate(names)
        ]
    )


@styled
def swatches(images: Tensor, titles: Sequence[str], marks: Tensor | None = None) -> Figure:
    """Grey pictures in a row, with a circle around one place in each.

    Args:
        images: (B, 1, H, W), on one scale of grey.
        titles: one a picture.
        marks: (B, 2), row and column of the middle of the circle in pixels; negative for none.
    """
    figure, axes = new_figure(1.95 * len(images), 2.15, 1, len(images))
    limit = images.abs().max().item()
    for place, (axis, image, title) in enumerate(zip(axes[0], images, titles, strict=True)):
        axis.imshow(image[0].numpy(), cmap="gray", vmin=-limit / 2, vmax=limit)
        axis.set_title(title)
        if marks is not None and marks[place].min() >= 0:
            row, column = marks[place].tolist()
            axis.plot(column, row, "o", color="#ff8c42", fillstyle="none", markersize=14)
    without_ticks(axes, frame=True)
    return figure

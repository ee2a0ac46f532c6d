"""What a network for segmentation can be trained on: drawn pictures or CamVid, in one form.

==========  ==============================================  ====================================
name        pictures                                        what tells the class of a pixel
==========  ==============================================  ====================================
``scenes``  drawn streets, a class per pixel                what is near: colour, texture, shape
``cue``     boards of glyphs, a class per cell              one beacon, anywhere on the board
``legend``  the same                                        the glyphs of its hue, far away
``camvid``  CamVid as it lies on disk, a class per pixel    mostly what is near
==========  ==============================================  ====================================
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from course_lib.data import scenes, streets
from course_lib.data.camvid import MEAN, STD, Augmentation, CamVid

_BOARDS = {
    "cue": ("another hue", "the beacon's hue"),
    "legend": ("ring", "lamp", "cross", "dash"),
}
#: The names of the data.
NAMES = ("scenes", *_BOARDS, "camvid")
PICTURES = {"scenes": 400, "cue": 800, "legend": 800}  # of an epoch, where they are drawn
VALID_PICTURES = 100
_VALID_SEED = 999_000  # no seed of a training, so that no street is in both


@dataclass(frozen=True)
class Task:
    """Pictures to train on and pictures to measure on.

    Attributes:
        name: one of ``NAMES``.
        classes: names of the classes.
        network: name of the network that is trained unless another one is asked for.
        epochs: number of epochs unless another one is asked for.
        train: number of batches of an epoch.
        batches: from the epoch to its training batches.
        valid: the pictures to measure on, in batches, all of them and always the same.
        mean: of every channel, which was taken off the pictures.
        std: of every channel, by which they were divided then.
    """

    name: str
    classes: tuple[str, ...]
    network: str
    epochs: int
    train: int
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]]
    valid: Callable[[], Iterable[tuple[Tensor, Tensor]]]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def pictures(self, images: Tensor) -> Tensor:
        """Images as they looked before they were normalised, from 0 to 1: (B, 3, H, W)."""
        mean, std = (torch.tensor(v)[:, None, None] for v in (self.mean, self.std))
        return (images * std + mean).clamp(0, 1)


def drawn(name: str, seed: int, batch: int | None = None, pictures: int | None = None) -> Task:
    """Drawn pictures, new ones in every epoch.

    Args:
        name: "scenes", "cue" or "legend".
        seed: decides the pictures to train on; those to measure on are always the same.
        batch: number of pictures in a batch; None is 8 streets or 16 boards.
        pictures: number of pictures in an epoch, 400 streets or 800 boards if None; an incomplete
            last batch is left out.

    Raises:
        ValueError: if nothing is drawn by that name, or there are fewer pictures than a batch has.
    """
    if name not in PICTURES:
        raise ValueError(f"nothing is drawn by the name {name!r}; there are: {', '.join(PICTURES)}")
    batch = batch or (8 if name == "scenes" else 16)
    pictures = pictures or PICTURES[name]
    if not 1 <= batch <= pictures:
        raise ValueError(f"batch={batch} of {pictures} pictures; use at least 1 and at most all")
    make = _streets if name == "scenes" else _boards
    return make(name, seed, batch, pictures)


def _streets(name: str, seed: int, batch: int, pictures: int) -> Task:
    valid = streets.draw(VALID_PICTURES, _VALID_SEED)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, pictures - batch + 1, batch):
            new = streets.draw(batch, seed, first=epoch * pictures + start)
            yield _centred(new.images), new.labels

    def measured() -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(_centred(valid.images).split(20), valid.labels.split(20), strict=True)

    return Task(
        name,
        streets.NAMES,
        "danet_resnet10",
        10,
        pictures // batch,
        batches,
        measured,
        _CENTRE,
        _SPREAD,
    )


def _boards(name: str, seed: int, batch: int, pictures: int) -> Task:
    valid = scenes.make(name, VALID_PICTURES, _VALID_SEED)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        new = scenes.make(name, pictures // batch * batch, seed * 100_003 + epoch)
        yield from zip(_centred(new.images).split(batch), new.labels.split(batch), strict=True)

    def measured() -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(_centred(valid.images).split(50), valid.labels.split(50), strict=True)

    return Task(
        name,
        _BOARDS[name],
        "danet_small",
        scenes.rule_named(name).steps * batch // pictures or 1,
        pictures // batch,
        batches,
        measured,
        _CENTRE,
        _SPREAD,
    )


_CENTRE, _SPREAD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def _centred(images: Tensor) -> Tensor:
    return (images - _CENTRE[0]) / _SPREAD[0]


def camvid(root: str | Path, seed: int, batch: int = 8, height: int | None = None) -> Task:
    """CamVid as it lies on disk: flips, scales and crops in training, and nowhere else.

    Args:
        root: folder in which CamVid lies.
        seed: decides order and changes of the training pictures.
        batch: number of pictures in a batch.
        height: height of the pictures in pixels; None leaves the size alone.

    Raises:
        ValueError: if the folder does not hold CamVid.
    """
    train = CamVid(root, "train", height=height, augmentation=Augmentation(), seed=seed)
    valid = CamVid(root, "valid", height=height)
    return Task(
        "camvid",
        valid.names,
        "danet_resnet10",
        30,
        max(1, len(train) // batch),
        lambda epoch: train.loader(batch, epoch),
        lambda: valid.loader(batch),
        MEAN,
        STD,
    )

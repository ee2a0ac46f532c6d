"""What a network for segmentation can be trained on: drawn streets or CamVid, in one form."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from course_lib.data import streets
from course_lib.data.camvid import MEAN, STD, Augmentation, CamVid

#: The names of the data, and the rule of those that are drawn.
DRAWN = {"scenes": "plain", "sign": "sign"}
NAMES = (*DRAWN, "camvid")
PICTURES = 400  # of an epoch of drawn streets
VALID_PICTURES = 100
_VALID_SEED = 999_000  # no seed of a training, so that no street is in both


@dataclass(frozen=True)
class Task:
    """Pictures to train on and pictures to measure on.

    Attributes:
        name: one of ``NAMES``.
        classes: names of the classes.
        far: the classes that only a far part of the picture decides.
        train: number of batches of an epoch.
        batches: from the epoch to its training batches.
        valid: the pictures to measure on, in batches, all of them and always the same.
        mean: of every channel, which was taken off the pictures.
        std: of every channel, by which they were divided then.
    """

    name: str
    classes: tuple[str, ...]
    far: tuple[int, ...]
    train: int
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]]
    valid: Callable[[], Iterable[tuple[Tensor, Tensor]]]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def pictures(self, images: Tensor) -> Tensor:
        """Images as they looked before they were normalised, from 0 to 1: (B, 3, H, W)."""
        mean, std = (torch.tensor(v)[:, None, None] for v in (self.mean, self.std))
        return (images * std + mean).clamp(0, 1)


def drawn(name: str, seed: int, batch: int = 8, pictures: int = PICTURES) -> Task:
    """Streets by the rule of that name, new ones in every epoch.

    Args:
        name: "scenes" or "sign".
        seed: decides the streets to train on; those to measure on are always the same.
        batch: number of streets in a batch.
        pictures: number of streets in an epoch; an incomplete last batch is left out.

    Raises:
        ValueError: if there is no such rule, or there are fewer streets than a batch has.
    """
    if name not in DRAWN:
        raise ValueError(f"no streets are called {name!r}; there are: {', '.join(DRAWN)}")
    if not 1 <= batch <= pictures:
        raise ValueError(f"batch={batch} of {pictures} pictures; use at least 1 and at most all")
    rule = DRAWN[name]
    valid = streets.draw(VALID_PICTURES, _VALID_SEED, rule)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, pictures - batch + 1, batch):
            new = streets.draw(batch, seed, rule, first=epoch * pictures + start)
            yield _centred(new.images), new.labels

    def measured() -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(_centred(valid.images).split(20), valid.labels.split(20), strict=True)

    return Task(
        name,
        streets.NAMES[rule],
        streets.FAR_CLASSES[rule],
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
        (),
        max(1, len(train) // batch),
        lambda epoch: train.loader(batch, epoch),
        lambda: valid.loader(batch),
        MEAN,
        STD,
    )

"""One split of CamVid as a data set of PyTorch."""

import copy
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from course_lib.data.camvid.augmentation import MEAN, STD, Augmentation, resize
from course_lib.data.camvid.classes import COLOURS, GROUPS, read_table
from course_lib.data.camvid.files import find, load, open_picture
from course_lib.data.camvid.masks import CODINGS, Decoder

SPLITS = ("train", "valid", "test")


class CamVid(Dataset[tuple[Tensor, Tensor]]):
    """One split of CamVid, as pairs of image and mask.

    An item is an image (3, H, W), float32, normalised by MEAN and STD, and a mask (H, W), int64,
    which holds classes, and 255 where the class is void.

    Attributes:
        files: path of every image and of its mask, in the order of their names.
        names: name of every class; its place is the class. Among the 32 classes is Void; it keeps
            its place, but no pixel has it, because void pixels are 255.
        split: the split.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        classes: int = 11,
        height: int | None = None,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        coding: str = "auto",
        index_classes: int | None = None,
    ) -> None:
        """Find the files of a split, and see that every image has a mask of its size.

        Args:
            root: folder in which the layout's folders lie.
            split: "train", "valid" or "test".
            classes: 11, or 32 as the official masks have.
            height: height of the pictures in pixels; the width follows, so that nothing is
                squeezed. None leaves the size alone.
            augmentation: random changes, in training only.
            seed: decides the random changes, together with epoch and item.
            coding: "colour" or "index" where "auto" does not see how a mask codes its classes.
            index_classes: 11 or 32 where masks that hold numbers count other classes than are
                asked for: 32 in the masks can be read as 11, but not the other way.

        Raises:
            ValueError: if an argument is wrong, a folder or a mask is missing, or a mask has not
                the size of its image.
        """
        index_classes = classes if index_classes is None else index_classes
        if split not in SPLITS:
            raise ValueError(f"split={split!r} does not exist; use one of {', '.join(SPLITS)}")
        if classes not in (11, 32) or index_classes not in (11, 32):
            raise ValueError(f"classes={classes}, index_classes={index_classes}: use 11 or 32")
        if classes > index_classes:
            raise ValueError("masks of 11 classes cannot tell 32 apart; use classes=11")
        if height is not None and height < 1:
            raise ValueError(f"height={height} is empty; use at least 1 pixel")
        if augmentation is not None and split != "train":
            raise ValueError(f"augmentation is for training; leave it out for {split!r}")
        if coding not in CODINGS:
            raise ValueError(f"coding={coding!r} does not exist; use one of {', '.join(CODINGS)}")
        root = Path(root)
        table = read_table(root / COLOURS)
        self.split = split
        self.names = tuple(GROUPS) if classes == 11 else tuple(table)
        self.files = find(root, split)
        self._coding = coding
        self._decoder = Decoder(table, classes, index_classes)
        self._height = height
        self._augmentation = augmentation
        self._seed = seed
        self._epoch = 0
        for image, mask in self.files:
            sizes = []
            for path in (image, mask):
                with open_picture(path) as picture:
                    sizes.append(picture.size)
            if sizes[0] != sizes[1]:
                (w, h), (mask_w, mask_h) = sizes
                raise ValueError(f"{mask}: the mask is {mask_h}×{mask_w}, its image is {h}×{w}")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        """An image and its mask.

        Raises:
            ValueError: if a file is broken, or a pixel of the mask has no known class.
        """
        if not -len(self) <= item < len(self):
            raise IndexError(f"item {item} does not exist; there are {len(self)}")
        item %= len(self)
        image_path, mask_path = self.files[item]
        image = load(image_path).convert("RGB")
        mask = Image.fromarray(self._decoder.decode(load(mask_path), mask_path, self._coding))
        if self._height is not None:
            width = max(1, round(image.width * self._height / image.height))
            image, mask = resize(image, mask, (width, self._height))
        if self._augmentation is not None:
            random = np.random.default_rng((self._seed, self._epoch, item))
            image, mask = self._augmentation.apply(image, mask, random)
        pixels = (np.asarray(image, np.float32) / 255 - np.float32(MEAN)) / np.float32(STD)
        return (
            torch.from_numpy(pixels.transpose(2, 0, 1).copy()),
            torch.from_numpy(np.asarray(mask, np.int64)),
        )

    def at_epoch(self, epoch: int) -> "CamVid":
        """The same files with the random changes of an epoch, from 0."""
        dataset = copy.copy(self)
        dataset._epoch = epoch
        return dataset

    def loader(self, batch: int, epoch: int = 0, workers: int = 0) -> DataLoader:
        """Batches of an epoch: shuffled in training, in order and complete otherwise.

        They depend on seed and epoch only, not on what ran before or on the number of workers.

        Args:
            batch: number of pictures in a batch. An incomplete last batch is left out in training,
                unless it is the only one.
            epoch: from 0.
            workers: number of processes that read; 0 reads in this one.
        """
        train = self.split == "train"
        state = np.random.SeedSequence((self._seed, epoch)).generate_state(1)
        return DataLoader(
            self.at_epoch(epoch),
            batch,
            shuffle=train,
            drop_last=train and len(self) >= batch,
            num_workers=workers,
            generator=torch.Generator().manual_seed(int(state[0])),
        )

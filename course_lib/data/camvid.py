"""CamVid: 701 frames of road scenes and the class of every pixel, read as they lie on disk.

Two layouts are known; which one it is shows in the folders.

=========  ==========================================  ==========================================
layout     images                                      masks
=========  ==========================================  ==========================================
split      ``train_images/``, ``valid_images/``, …     ``train_labels/``, ``valid_labels/``, …
official   ``701_StillsRaw_full/``                     ``LabeledApproved_full/``
=========  ==========================================  ==========================================

A mask has its image's name, or that name with ``_L`` behind. ``label_colors.txt``, where it lies
in the root, decides colours and order of the classes. In the official layout all frames lie in one
folder; they are split by their names, into the 367, 101 and 233 frames that papers report on.

A mask codes the class of a pixel in one of three ways, and which one it is shows in the file: an
RGB picture by colour; a picture with a palette by the palette's colour, if that is CamVid's; all
others by the number itself.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

IGNORE = 255
SPLITS = ("train", "valid", "test")
CODINGS = ("auto", "colour", "index")
# Means and standard deviations of ImageNet's channels, which pretrained networks expect.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

_IMAGES, _MASKS, _COLOURS = "701_StillsRaw_full", "LabeledApproved_full", "label_colors.txt"
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
_VOID = "Void"
# The class's colour in hexadecimal, in the order of the official file.
_TABLE = {
    "Animal": "408040",
    "Archway": "c00080",
    "Bicyclist": "0080c0",
    "Bridge": "008040",
    "Building": "800000",
    "Car": "400080",
    "CartLuggagePram": "4000c0",
    "Child": "c08040",
    "Column_Pole": "c0c080",
    "Fence": "404080",
    "LaneMkgsDriv": "8000c0",
    "LaneMkgsNonDriv": "c00040",
    "Misc_Text": "808040",
    "MotorcycleScooter": "c000c0",
    "OtherMoving": "804040",
    "ParkingBlock": "40c080",
    "Pedestrian": "404000",
    "Road": "804080",
    "RoadShoulder": "8080c0",
    "Sidewalk": "0000c0",
    "SignSymbol": "c08080",
    "Sky": "808080",
    "SUVPickupTruck": "4080c0",
    "TrafficCone": "000040",
    "TrafficLight": "004040",
    "Train": "c04080",
    "Tree": "808000",
    "Truck_Bus": "c080c0",
    "Tunnel": "400040",
    "VegetationMisc": "c0c000",
    "Void": "000000",
    "Wall": "40c000",
}
# The 11 classes of the literature, each with the official classes that it takes in.
_GROUPS = {
    "Sky": ("Sky",),
    "Building": ("Building", "Archway", "Bridge", "Tunnel", "Wall"),
    "Pole": ("Column_Pole", "TrafficCone"),
    "Road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "Pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "Tree": ("Tree", "VegetationMisc"),
    "SignSymbol": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "Fence": ("Fence",),
    "Car": ("Car", "OtherMoving", "SUVPickupTruck", "Train", "Truck_Bus"),
    "Pedestrian": ("Pedestrian", "Animal", "CartLuggagePram", "Child"),
    "Bicyclist": ("Bicyclist", "MotorcycleScooter"),
}


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training picture, the same ones for its mask.

    There is no vertical flip: no street has its sky below.

    Attributes:
        flip: probability of a flip from left to right.
        scale: bounds of the factor by which height and width grow together.
        crop: height and width of the part that is cut out, in pixels; None keeps those of the
            picture before scaling. What lies outside of the picture has MEAN as colour, and the
            mask there is 255.
    """

    flip: float = 0.5
    scale: tuple[float, float] = (0.75, 1.5)
    crop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        if not 0 <= self.flip <= 1:
            raise ValueError(f"flip={self.flip} is no probability; use a number from 0 to 1")
        low, high = self.scale
        if not 0 < low <= high:
            raise ValueError(f"scale={self.scale} is no range; use 0 < low <= high")
        if self.crop is not None and min(self.crop) < 1:
            raise ValueError(f"crop={self.crop} is empty; use at least 1 pixel by 1")

    def apply(
        self, image: Image.Image, mask: Image.Image, random: np.random.Generator
    ) -> tuple[Image.Image, Image.Image]:
        """An image and its mask, changed alike."""
        height, width = self.crop or (image.height, image.width)
        factor = random.uniform(*self.scale)
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        image, mask = _resize(image, mask, size)
        left, top = (
            int(random.integers(min(0, spare), max(0, spare), endpoint=True))
            for spare in (image.width - width, image.height - height)
        )
        mean = tuple(round(255 * m) for m in MEAN)
        # Pasted on a canvas: the two may overlap in any way.
        canvas = Image.new("RGB", (width, height), mean)
        canvas.paste(image, (-left, -top))
        canvas_mask = Image.new("L", (width, height), IGNORE)
        canvas_mask.paste(mask, (-left, -top))
        if random.random() < self.flip:
            canvas = canvas.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            canvas_mask = canvas_mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return canvas, canvas_mask


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
        table = _read_table(root / _COLOURS)
        self.split = split
        self.names = tuple(_GROUPS) if classes == 11 else tuple(table)
        self.files = _find(root, split)
        self._coding = coding
        self._decoder = _Decoder(table, classes, index_classes)
        self._height = height
        self._augmentation = augmentation
        self._seed = seed
        self._epoch = 0
        for image, mask in self.files:
            sizes = []
            for path in (image, mask):
                with _open(path) as picture:
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
        image = _load(image_path).convert("RGB")
        mask = Image.fromarray(self._decoder.decode(_load(mask_path), mask_path, self._coding))
        if self._height is not None:
            width = max(1, round(image.width * self._height / image.height))
            image, mask = _resize(image, mask, (width, self._height))
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


class _Decoder:
    """Turns a mask's picture into classes."""

    _NONE = -1

    def __init__(self, table: Mapping[str, int], classes: int, index_classes: int) -> None:
        group = {name: i for i, names in enumerate(_GROUPS.values()) for name in names}
        unknown = [name for name in table if name != _VOID and name not in group]
        if classes == 11 and unknown:
            raise ValueError(f"{_COLOURS}: {unknown[0]!r} is in none of the 11 classes")
        if classes == 32 and len(table) != 32:
            raise ValueError(f"{_COLOURS}: it lists {len(table)} classes, not 32")
        merged = [
            IGNORE if name == _VOID else (group[name] if classes == 11 else place)
            for place, name in enumerate(table)
        ]
        order = np.argsort(list(table.values()))
        self._colours = np.array(list(table.values()))[order]
        self._classes = np.array(merged, np.uint8)[order]
        self._index_classes = index_classes
        # What a number in the mask stands for; _NONE where it stands for nothing.
        self._of_index = np.full(65536, self._NONE, np.int64)
        if index_classes == 11:
            self._of_index[:11] = np.arange(11)
            self._of_index[11] = IGNORE  # how SegNet's and others' masks say void
        else:
            self._of_index[: len(merged)] = merged
        self._of_index[IGNORE] = IGNORE

    def decode(self, picture: Image.Image, path: Path, coding: str) -> np.ndarray:
        """Classes of a mask: (H, W), uint8."""
        if picture.mode not in ("P", "L", "I", "I;16", "1"):
            if coding == "index":
                raise ValueError(f"{path}: it has mode {picture.mode}, so it holds no numbers")
            return self._by_colour(_packed(np.asarray(picture.convert("RGB"))), path)
        values = np.asarray(picture).astype(np.int64)
        if picture.mode == "P":
            palette = _palette(picture)
            share = {"colour": 1.0, "index": 0.0}.get(coding, self._share_of_camvid(palette))
            if share >= 0.5:
                classes = self._by_colour(palette[values], path)
                if share < 1:
                    raise ValueError(
                        f"{path}: its palette is CamVid's in part only; set coding to 'colour' or "
                        "'index'"
                    )
                return classes
        elif coding == "colour":
            raise ValueError(f"{path}: it has mode {picture.mode}, so it holds no colours")
        return self._by_index(values, path)

    def _share_of_camvid(self, palette: np.ndarray) -> float:
        """Share of CamVid's colours among the first of a palette."""
        # Judged by the palette and not by the pixels, so that pictures with few classes are read
        # like the others. Other palettes (VOC's, a grey ramp) share some colours by chance.
        head = np.unique(palette[: len(self._colours)])
        head = head[head >= 0]
        return float(np.isin(head, self._colours).mean()) if len(head) else 0.0

    def _by_colour(self, packed: np.ndarray, path: Path) -> np.ndarray:
        place = np.searchsorted(self._colours, packed).clip(max=len(self._colours) - 1)
        wrong = self._colours[place] != packed
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            value = int(packed[row, column])
            colour = (value >> 16, value >> 8 & 255, value & 255) if value >= 0 else "no colour"
            raise ValueError(f"{path}: {colour} at row {row}, column {column} is of no class")
        return self._classes[place]

    def _by_index(self, values: np.ndarray, path: Path) -> np.ndarray:
        known = (values >= 0) & (values < len(self._of_index))
        classes = self._of_index[np.where(known, values, 0)]
        wrong = ~known | (classes == self._NONE)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"{path}: {values[row, column]} at row {row}, column {column} is none of "
                f"{self._index_classes} classes; see index_classes and coding"
            )
        return classes.astype(np.uint8)


def _packed(rgb: np.ndarray) -> np.ndarray:
    rgb = rgb.astype(np.int64)
    return rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]


def _palette(picture: Image.Image) -> np.ndarray:
    """Colours of a palette: (256,), -1 where it has none."""
    channels = {"RGB": 3, "RGBA": 4}[picture.palette.mode]
    stored = np.array(picture.getpalette(picture.palette.mode), np.int64).reshape(-1, channels)
    colours = np.full(256, -1, np.int64)
    colours[: len(stored)] = _packed(stored)
    return colours


def _read_table(path: Path) -> dict[str, int]:
    """Colour of every class, from lines as ``64 128 64  Animal``; without a file the known ones."""
    if not path.is_file():
        return {name: int(colour, 16) for name, colour in _TABLE.items()}
    table: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        found = re.fullmatch(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s*", line)
        if not found or max(int(c) for c in found.groups()[:3]) > 255:
            raise ValueError(
                f"{path}: line {number} is not 'red green blue name': {line.strip()!r}"
            )
        red, green, blue = (int(c) for c in found.groups()[:3])
        colour, name = red << 16 | green << 8 | blue, found[4]
        if name in table or colour in table.values():
            raise ValueError(f"{path}: line {number} repeats a name or a colour: {line.strip()!r}")
        table[name] = colour
    if not table:
        raise ValueError(f"{path}: it lists no class")
    return table


def _find(root: Path, split: str) -> list[tuple[Path, Path]]:
    """Every image of a split with its mask."""
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder; give the one in which CamVid lies")
    if (root / _IMAGES).is_dir():
        images, masks = root / _IMAGES, root / _MASKS
    else:
        images, masks = root / f"{split}_images", root / f"{split}_labels"
    for folder in (images, masks):
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder; CamVid needs it beside its other folders")
    by_stem = {path.stem: path for path in _pictures(masks)}
    files = []
    for image in _pictures(images):
        if images.name == _IMAGES and _official_split(image) != split:
            continue
        mask = by_stem.get(image.stem) or by_stem.get(f"{image.stem}_L")
        if mask is None:
            raise ValueError(f"{image}: no mask {image.stem} or {image.stem}_L in {masks}")
        files.append((image, mask))
    if not files:
        raise ValueError(f"{images}: it holds no picture of the split {split!r}")
    return files


def _pictures(folder: Path) -> list[Path]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES and p.name[0] != ".")
    return sorted(p for p in found if p.is_file())


def _official_split(image: Path) -> str:
    """Split of a frame by its name, as SegNet's lists have it."""
    found = re.fullmatch(r"(0001TP|0006R0|0016E5|Seq05VD)_f?(\d+)", image.stem)
    if not found:
        raise ValueError(f"{image}: this is no name of a CamVid frame, such as 0001TP_006690")
    sequence, frame = found[1], int(found[2])
    if sequence == "Seq05VD" or (sequence == "0001TP" and frame >= 8550):
        return "test"
    # Of this stretch there are the frames of the 15 Hz recording, which are odd, and those of the
    # 1 Hz recording, which are even and stay in training.
    if sequence == "0016E5" and 7959 <= frame <= 8159 and frame % 2:
        return "valid"
    return "train"


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except OSError:
        raise ValueError(f"{path}: this is no picture, or a broken one") from None


def _load(path: Path) -> Image.Image:
    with _open(path) as picture:
        try:
            picture.load()
        except (OSError, SyntaxError):  # Pillow raises both for a file that ends early
            raise ValueError(f"{path}: this is no picture, or a broken one") from None
        return picture


def _resize(
    image: Image.Image, mask: Image.Image, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    # A mask takes the nearest pixel: there is no class between two classes.
    return (
        image.resize(size, Image.Resampling.BILINEAR),
        mask.resize(size, Image.Resampling.NEAREST),
    )

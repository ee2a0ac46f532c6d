"""Where the pictures of CamVid lie, which mask belongs to which, and to which split."""

import re
from pathlib import Path

from PIL import Image

_IMAGES, _MASKS = "701_StillsRaw_full", "LabeledApproved_full"
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


def find(root: Path, split: str) -> list[tuple[Path, Path]]:
    """Every image of a split with its mask, in the order of the images' names.

    Raises:
        ValueError: if a folder or a mask is missing, a frame of the official layout has an unknown
            name, or the split is empty.
    """
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


def open_picture(path: Path) -> Image.Image:
    """The picture with its size, its pixels not yet read.

    Raises:
        ValueError: if it is none.
    """
    try:
        return Image.open(path)
    except OSError:
        raise ValueError(f"{path}: this is no picture, or a broken one") from None


def load(path: Path) -> Image.Image:
    """The picture with its pixels.

    Raises:
        ValueError: if it is none, or broken.
    """
    with open_picture(path) as picture:
        try:
            picture.load()
        except (OSError, SyntaxError):  # Pillow raises both for a file that ends early
            raise ValueError(f"{path}: this is no picture, or a broken one") from None
        return picture

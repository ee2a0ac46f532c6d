"""From the picture of a mask to the class of every pixel, whichever way it codes them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from course_lib.data.camvid.classes import COLOURS, GROUPS, VOID

IGNORE = 255
CODINGS = ("auto", "colour", "index")


class Decoder:
    """Turns a mask's picture into classes."""

    _NONE = -1

    def __init__(self, table: Mapping[str, int], classes: int, index_classes: int) -> None:
        group = {name: i for i, names in enumerate(GROUPS.values()) for name in names}
        unknown = [name for name in table if name != VOID and name not in group]
        if classes == 11 and unknown:
            raise ValueError(f"{COLOURS}: {unknown[0]!r} is in none of the 11 classes")
        if classes == 32 and len(table) != 32:
            raise ValueError(f"{COLOURS}: it lists {len(table)} classes, not 32")
        merged = [
            IGNORE if name == VOID else (group[name] if classes == 11 else place)
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

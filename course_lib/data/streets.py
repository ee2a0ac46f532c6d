"""Streets, drawn: pictures in the manner of CamVid with the class of every pixel.

Nothing has to be downloaded, and a picture takes milliseconds. What a pixel is stands near it: in
its colour, its texture and the shape around it.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

IGNORE = 255
_SKY, _BUILDING, _ROAD, _PAVEMENT, _TREE, _CAR, _POLE, _PEDESTRIAN = range(8)
#: The names of the classes; a class is its place.
NAMES = ("sky", "building", "road", "pavement", "tree", "car", "pole", "pedestrian")
_VOID_SHARE = 0.5  # of the pixels at a border


@dataclass(frozen=True)
class Streets:
    """A set of streets.

    Attributes:
        images: (B, 3, H, W), float32; red, green and blue from 0 to 1.
        labels: (B, H, W), int64; classes, and 255 on half of the pixels at the borders of classes.
    """

    images: Tensor
    labels: Tensor


def draw(count: int, seed: int, size: tuple[int, int] = (96, 128), first: int = 0) -> Streets:
    """Draw streets.

    Args:
        count: number of streets B.
        seed: the same seed draws the same streets; the i-th does not depend on the others.
        size: height and width in pixels.
        first: number of the first street; streets 0 to 9 are 0 to 4 and 5 to 9.

    Raises:
        ValueError: if the count is negative or the pictures are too small.
    """
    if count < 0 or first < 0:
        raise ValueError(f"count={count}, first={first}: use numbers of at least 0")
    height, width = size
    if height < 48 or width < 64:
        raise ValueError(f"size={size} is too small for a street; use at least (48, 64)")
    images = np.empty((count, 3, height, width), np.float32)
    labels = np.empty((count, height, width), np.int64)
    for place in range(count):
        random = np.random.default_rng((seed, first + place))
        images[place], labels[place] = _street(random, height, width)
    return Streets(torch.from_numpy(images), torch.from_numpy(labels))


class _Canvas:
    """Image and labels, painted together from far to near."""

    def __init__(self, random: np.random.Generator, height: int, width: int) -> None:
        self.random = random
        self.height, self.width = height, width
        self.unit = height / 96  # sizes are thought for 96 rows
        self.image = np.empty((height, width, 3), np.float32)
        self.labels = np.zeros((height, width), np.uint8)
        self._row = np.arange(height, dtype=np.float32)[:, None]
        self._column = np.arange(width, dtype=np.float32)[None]
        self._grains = random.standard_normal((height, width, 1), np.float32)

    def box(
        self, top: float, bottom: float, left: float, right: float
    ) -> tuple[slice, slice, np.ndarray, np.ndarray]:
        """The part of the canvas within the bounds: rows, columns and their coordinates."""
        rows = slice(*(min(max(math.ceil(v), 0), self.height) for v in (top, bottom)))
        columns = slice(*(min(max(math.ceil(v), 0), self.width) for v in (left, right)))
        return rows, columns, self._row[rows], self._column[:, columns]

    def paint(
        self,
        part: tuple[slice, slice, np.ndarray, np.ndarray],
        kind: int,
        colour: np.ndarray,
        inside: np.ndarray | None = None,
        grain: float = 0.0,
    ) -> None:
        """Give the pixels of the part, or those of it that lie inside, a class and a colour."""
        rows, columns = part[:2]
        painted = colour.astype(np.float32)
        if grain:
            painted = painted + grain * self._grains[rows, columns]
        where = np.True_ if inside is None else inside
        np.copyto(self.image[rows, columns], painted, where=where[..., None])
        np.copyto(self.labels[rows, columns], kind, where=where)

    def rectangle(
        self, kind: int, colour: np.ndarray, top: float, bottom: float, left: float, right: float
    ) -> None:
        """A rectangle of one colour."""
        self.paint(self.box(top, bottom, left, right), kind, colour)

    def ellipse(
        self,
        kind: int,
        colour: np.ndarray,
        row: float,
        column: float,
        radii: tuple[float, float],
        grain: float = 0.0,
    ) -> None:
        """An ellipse about a centre; radii down and across."""
        down, across = radii
        part = self.box(row - down, row + down + 1, column - across, column + across + 1)
        inside = ((part[2] - row) / down) ** 2 + ((part[3] - column) / across) ** 2 <= 1
        self.paint(part, kind, colour, inside, grain)


@dataclass(frozen=True)
class _Road:
    """Where the road lies: it narrows towards one point of the horizon."""

    horizon: float
    vanishing: float
    left: float  # column where its border leaves the picture below
    right: float
    height: int

    def depth(self, row: np.ndarray | float) -> np.ndarray | float:
        """0 at the horizon, 1 at the lower border."""
        return (row - self.horizon) / (self.height - self.horizon)

    def across(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """0 at the left border of the road, 1 at its right border."""
        depth = np.maximum(self.depth(row), 1e-3)
        left = self.vanishing + (self.left - self.vanishing) * depth
        return (column - left) / ((self.right - self.left) * depth)

    def column(self, across: float, depth: float) -> float:
        """The column of a place on the road, or beside it."""
        near = self.left + (self.right - self.left) * across
        return self.vanishing + (near - self.vanishing) * depth

    def row(self, depth: float) -> float:
        """The row of a depth."""
        return self.horizon + (self.height - self.horizon) * depth


def _colour(hue: float, saturation: float, value: float) -> np.ndarray:
    """Red, green, blue of a hue from 0 to 1."""
    sector = (np.array([5.0, 3.0, 1.0]) + 6 * hue) % 6
    return value * (1 - saturation * np.minimum(np.minimum(sector, 4 - sector), 1).clip(0))


def _grey(value: float) -> np.ndarray:
    return np.full(3, value)


def _street(random: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """One street: (3, H, W) and (H, W)."""
    canvas = _Canvas(random, height, width)
    road = _Road(
        horizon=height * random.uniform(0.4, 0.5),
        vanishing=width * random.uniform(0.4, 0.6),
        left=width * random.uniform(-0.1, 0.2),
        right=width * random.uniform(0.8, 1.1),
        height=height,
    )
    _draw_background(canvas, road)
    _draw_objects(canvas, road)
    light = random.uniform(0.75, 1.1) + random.uniform(-0.05, 0.05, 3)
    noise = random.standard_normal(canvas.image.shape, np.float32)
    image = canvas.image * light.astype(np.float32) + 0.03 * noise
    return image.clip(0, 1).transpose(2, 0, 1), _with_void(canvas.labels, random)


def _draw_background(canvas: _Canvas, road: _Road) -> None:
    random, unit = canvas.random, canvas.unit
    whole = canvas.box(0, canvas.height, 0, canvas.width)
    sky = _colour(random.uniform(0.52, 0.64), random.uniform(0.05, 0.5), random.uniform(0.75, 1))
    canvas.paint(whole, _SKY, sky)
    canvas.image += 0.15 * (whole[2] / road.horizon)[..., None]  # paler towards the horizon

    column = -random.uniform(0, 15) * unit
    while column < canvas.width:
        across = random.uniform(14, 34) * unit
        if random.random() < 0.85:
            _draw_building(canvas, road, column, across)
        column += across + random.uniform(0, 6) * unit

    ground = canvas.box(road.horizon, canvas.height, 0, canvas.width)
    asphalt = random.uniform(0.3, 0.5)
    slabs = _grey(asphalt + random.uniform(0.12, 0.25)) * [1.06, 1.0, 0.92]
    canvas.paint(ground, _PAVEMENT, slabs, grain=0.03)
    across = road.across(ground[2], ground[3])
    on_road = (across >= 0) & (across <= 1)
    canvas.paint(ground, _ROAD, _grey(asphalt) * [0.96, 0.98, 1.04], on_road, grain=0.03)
    dashes = (np.abs(across - 0.5) < 0.015) & (np.floor(8 * np.sqrt(road.depth(ground[2]))) % 2 < 1)
    canvas.paint(ground, _ROAD, _grey(0.9), dashes)


def _draw_building(canvas: _Canvas, road: _Road, left: float, across: float) -> None:
    random, unit = canvas.random, canvas.unit
    top = road.horizon * random.uniform(0.15, 0.75)
    wall = _colour(random.uniform(0.0, 0.14), random.uniform(0.1, 0.55), random.uniform(0.35, 0.75))
    part = canvas.box(top, road.horizon + 2 * unit, left, left + across)
    canvas.paint(part, _BUILDING, wall, grain=0.02)
    down, right = (part[2] - top) / unit, (part[3] - left) / unit
    windows = (down % 8 >= 3) & (down % 8 < 7) & (right % 7 >= 3) & (right % 7 < 6)
    canvas.paint(part, _BUILDING, wall * random.uniform(0.4, 0.7), windows)


def _draw_objects(canvas: _Canvas, road: _Road) -> None:
    """Trees, poles, cars and pedestrians; the near ones hide the far ones."""
    random = canvas.random
    numbers = {
        _draw_car: random.integers(1, 4),
        _draw_tree: random.integers(1, 4),
        _draw_pole: random.integers(1, 4),
        _draw_pedestrian: random.integers(1, 5),
    }
    depths = [
        (random.uniform(0.12, 0.9), d) for d, number in numbers.items() for _ in range(number)
    ]
    for depth, drawn in sorted(depths, key=lambda pair: pair[0]):
        drawn(canvas, road, depth, (0.35 + 0.8 * depth) * canvas.unit)


def _beside(canvas: _Canvas, road: _Road, depth: float) -> float:
    """A column on the pavement, left or right of the road."""
    random = canvas.random
    if random.random() < 0.5:
        border = max(road.column(0, depth), 2 * canvas.unit)
        return random.uniform(0.0, 0.95) * border
    border = min(road.column(1, depth), canvas.width - 2 * canvas.unit)
    return canvas.width - random.uniform(0.0, 0.95) * (canvas.width - border)


def _draw_car(canvas: _Canvas, road: _Road, depth: float, scale: float) -> None:
    random = canvas.random
    foot, centre = road.row(depth), road.column(random.uniform(0.1, 0.9), depth)
    half, tall = 15 * scale, 16 * scale
    body = _colour(random.random(), random.uniform(0.1, 0.9), random.uniform(0.25, 0.9))
    for side in (-0.6, 0.6):
        canvas.ellipse(_CAR, _grey(0.08), foot, centre + side * half, (3.5 * scale, 3.5 * scale))
    canvas.rectangle(_CAR, body, foot - 0.6 * tall, foot, centre - half, centre + half)
    canvas.rectangle(
        _CAR, body * 0.8, foot - tall, foot - 0.6 * tall, centre - 0.65 * half, centre + 0.65 * half
    )
    canvas.rectangle(
        _CAR,
        np.array([0.2, 0.25, 0.3]),
        foot - 0.92 * tall,
        foot - 0.62 * tall,
        centre - 0.52 * half,
        centre + 0.52 * half,
    )


def _draw_tree(canvas: _Canvas, road: _Road, depth: float, scale: float) -> None:
    random = canvas.random
    foot, centre = road.row(depth), _beside(canvas, road, depth)
    trunk = np.array([0.3, 0.2, 0.12])
    canvas.rectangle(_TREE, trunk, foot - 24 * scale, foot, centre - 2 * scale, centre + 2 * scale)
    leaves = _colour(
        random.uniform(0.22, 0.38), random.uniform(0.45, 0.8), random.uniform(0.3, 0.6)
    )
    radius = random.uniform(11, 15) * scale
    canvas.ellipse(_TREE, leaves, foot - 32 * scale, centre, (1.15 * radius, radius), grain=0.08)


def _draw_pole(canvas: _Canvas, road: _Road, depth: float, scale: float) -> None:
    foot, centre = road.row(depth), _beside(canvas, road, depth)
    metal, half = _grey(canvas.random.uniform(0.1, 0.35)), max(2.2 * scale, 1.0)
    canvas.rectangle(_POLE, metal, foot - 55 * scale, foot, centre - half, centre + half)
    canvas.ellipse(_POLE, metal, foot - 55 * scale, centre, (3 * scale, 5 * scale))


def _draw_pedestrian(canvas: _Canvas, road: _Road, depth: float, scale: float) -> None:
    random = canvas.random
    foot, centre = road.row(depth), _beside(canvas, road, depth)
    coat = _colour(random.random(), random.uniform(0.4, 0.9), random.uniform(0.3, 0.8))
    half = 4 * scale
    canvas.rectangle(_PEDESTRIAN, _grey(0.15), foot - 9 * scale, foot, centre - half, centre + half)
    canvas.rectangle(
        _PEDESTRIAN, coat, foot - 19 * scale, foot - 8 * scale, centre - half, centre + half
    )
    skin = np.array([0.85, 0.65, 0.5]) * random.uniform(0.5, 1.1)
    canvas.ellipse(_PEDESTRIAN, skin, foot - 22 * scale, centre, (3.4 * scale, 3 * scale))


def _with_void(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Labels in which some of the pixels at a border are ignored, as in hand-drawn ones."""
    border = np.zeros(labels.shape, bool)
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    border[1:] |= down
    border[:-1] |= down
    border[:, 1:] |= across
    border[:, :-1] |= across
    void = border & (random.random(labels.shape) < _VOID_SHARE)
    return np.where(void, IGNORE, labels)

"""Random changes of a training picture and its mask.

Pillow does every change; what stands here decides which, and does it to both alike.
"""

# Why no library of augmentations. albumentations is no longer maintained, and its successor is
# under the AGPL. kornia 0.9.0 (31 MB, 435 modules, 0.25 s to import) fills and samples image and
# mask rightly, but has no random factor of size: only an affine map of a fixed window, which cuts
# before the crop is drawn, does not smooth where it shrinks (stripes of 3 pixels, shrunk to 0.4,
# keep a standard deviation of 0.31; Pillow leaves 0.02), draws from the global random numbers, and
# takes 19 ms for what takes 3 ms here (480×360). torchvision would do, but its build for this
# torch (0.28.0, from PyPI) does not import beside the CPU build of torch: "operator
# torchvision::nms does not exist".
from dataclasses import dataclass

import numpy as np
from PIL import Image

from course_lib.data.camvid.masks import IGNORE

# Means and standard deviations of ImageNet's channels, which pretrained networks expect.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


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
        image, mask = resize(image, mask, size)
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


def resize(
    image: Image.Image, mask: Image.Image, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """An image and its mask at another size (width, height)."""
    # A mask takes the nearest pixel: there is no class between two classes.
    return (
        image.resize(size, Image.Resampling.BILINEAR),
        mask.resize(size, Image.Resampling.NEAREST),
    )

"""The answers of `augment`: the reference, right and wrong ones, its cases."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Text
from course_lib.exercises.lesson_06.shared import VOID, draw_classes, draw_some

Box = tuple[int, int, int, int]


Size = tuple[int, int]


def augment(
    image: Tensor, mask: Tensor, size: Size, crop: Box, flip: bool
) -> tuple[Tensor, Tensor]:
    """The reference of exercise 2: resize, crop, flip an image (3, H, W) and its mask (H, W)."""
    image = F.interpolate(image[None], size, mode="bilinear", align_corners=False)[0]
    mask = F.interpolate(mask[None, None].float(), size, mode="nearest-exact")[0, 0].long()
    top, left, height, width = crop
    image = image[:, top : top + height, left : left + width]
    mask = mask[top : top + height, left : left + width]
    return (image.flip(-1), mask.flip(-1)) if flip else (image, mask)


def augment_case(text: Text, flip: bool, grow: bool, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        # Odd sides: the middle of a new pixel never falls between two old ones.
        height, width = draw.pick(9, 11), draw.pick(13, 15)
        size = (height + 4, width + 5) if grow else (height - 3, width - 4)
        top, left = draw.integer(1, 2), draw.pick(0, 3)  # never equal
        crop = (top, left, size[0] - top - 1, size[1] - left - 2)
        image = draw.normal(3, height, width)
        mask = draw_classes(draw, 20, height, width)
        mask = mask.where(~draw_some(draw, 0.1, height, width), VOID)
        return Call((image, mask, size, crop, flip))

    return Case(text, make, **options)


def resized(
    value: Tensor, size: Size, mode: str, corners: bool = False, rounded: bool = False
) -> Tensor:
    """(H, W) or (3, H, W) at another size, in the dtype it has."""
    options = {"align_corners": corners} if mode == "bilinear" else {}
    planes = value.reshape(1, -1, *value.shape[-2:])
    if not planes.is_floating_point():
        planes = planes.float()
    made = F.interpolate(planes, size, mode=mode, **options)
    made = made.round() if rounded else made
    return made.reshape(*value.shape[:-2], *size).to(value.dtype)


def cut(value: Tensor, crop: Box) -> Tensor:
    top, left, height, width = crop
    return value[..., top : top + height, left : left + width]


def augment_mutant(
    *,
    image_mode: str = "bilinear",
    image_corners: bool = False,
    mask_mode: str = "nearest-exact",
    mask_corners: bool = False,
    mask_rounded: bool = False,
    size_of: Callable[[Size], Size] = lambda size: size,
    crop_as: Callable[[Box], Box] = lambda crop: crop,
    mask_crop: Callable[[Box], Box] = lambda crop: crop,
    flips: Callable[[Tensor, bool], Tensor] = lambda value, flip: value.flip(-1) if flip else value,
    flips_mask: Callable[[Tensor, bool], Tensor] | None = None,
    flip_first: bool = False,
    mask_as: Callable[[Tensor], Tensor] = lambda mask: mask,
) -> Callable[..., tuple[Tensor, Tensor]]:
    def answer(
        image: Tensor, mask: Tensor, size: Size, crop: Box, flip: bool
    ) -> tuple[Tensor, Tensor]:
        crop = crop_as(crop)
        image = resized(image, size_of(size), image_mode, image_corners)
        mask = resized(mask, size_of(size), mask_mode, mask_corners, mask_rounded)
        of_mask = flips_mask or flips
        if flip_first:
            return cut(flips(image, flip), crop), mask_as(cut(of_mask(mask, flip), crop))
        return flips(cut(image, crop), flip), mask_as(of_mask(cut(mask, mask_crop(crop)), flip))

    return answer


def cropped_first(
    image: Tensor, mask: Tensor, size: Size, crop: Box, flip: bool
) -> tuple[Tensor, Tensor]:
    image = resized(cut(image, crop), size, "bilinear")
    mask = resized(cut(mask, crop), size, "nearest-exact")
    return (image.flip(-1), mask.flip(-1)) if flip else (image, mask)


def augment_by_index(
    image: Tensor, mask: Tensor, size: Size, crop: Box, flip: bool
) -> tuple[Tensor, Tensor]:
    top, left, height, width = crop
    rows, columns = (
        (2 * torch.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, mask.shape, strict=True)
    )
    columns = columns[left : left + width]
    mask = mask[rows[top : top + height]][:, columns.flip(0) if flip else columns]
    enlarged = F.interpolate(image[None], size, mode="bilinear")[0]
    image = enlarged[:, top : top + height, left : left + width]
    return torch.flip(image, dims=(2,)) if flip else image, mask


def augment_narrow(image: Tensor, mask: Tensor, size: Size, crop: Box, flip: bool) -> list[Tensor]:
    top, left, height, width = crop
    made = []
    for value, mode in ((image, "bilinear"), (mask[None], "nearest-exact")):
        changed = nn.Upsample(size, mode=mode)(value[None].double())[0]
        changed = changed.narrow(1, top, height).narrow(2, left, width)
        made.append(changed.flip(2) if flip else changed)
    return [made[0].to(image.dtype), made[1][0].long()]

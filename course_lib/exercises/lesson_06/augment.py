"""Exercise danet-augment: an image and its mask, changed alike."""

import torch

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_06.augment_answers import (
    augment,
    augment_by_index,
    augment_case,
    augment_mutant,
    augment_narrow,
    cropped_first,
)

DANET_AUGMENT = Exercise(
    id="danet-augment",
    kind="implement",
    title=Text("图与掩码一起变", "Image and mask together"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=augment,
    cases=(
        augment_case(Text("放大，翻转", "enlarged, flipped"), True, True),
        augment_case(Text("缩小，不翻转", "shrunk, not flipped"), False, False),
        augment_case(Text("缩小，翻转", "shrunk, flipped"), True, False),
        augment_case(
            Text("放大，不翻转，双精度", "enlarged, not flipped, double precision"),
            False,
            True,
            dtype=torch.float64,
        ),
    ),
    mutants=(
        *(
            Mutant(
                f"mask-bilinear{name}",
                augment_mutant(mask_mode="bilinear", mask_corners=corners, mask_rounded=rounded),
                Text(
                    "掩码用双线性插值，得出两侧都没有的类：类 2 与类 8 之间不是类 5，"
                    "四舍五入也不会是。",
                    "The mask is interpolated and gets classes that neither side has: between "
                    "class 2 and class 8 there is no class 5, and rounding makes none.",
                ),
            )
            for name, corners, rounded in (
                ("", False, False),
                ("-rounded", False, True),
                ("-corners", True, False),
                ("-corners-rounded", True, True),
            )
        ),
        Mutant(
            "image-corners-aligned",
            augment_mutant(image_corners=True),
            Text(
                "图用了 `align_corners=True`，掩码不是这样，两者便错开了。用 `False`。",
                "The image has `align_corners=True`, the mask has not, so that they do not lie on "
                "each other. Use `False`.",
            ),
        ),
        Mutant(
            "mask-half-a-pixel-off",
            augment_mutant(mask_mode="nearest"),
            Text(
                "`nearest` 从像素的角算起，图却从像素的中心算起，掩码因此错开至多半个新像素；"
                "缩小时，那就是好几个旧像素。用 `nearest-exact`。",
                "`nearest` counts from the corner of a pixel, the image from its middle, so the "
                "mask is off by up to half a new pixel; where it is shrunk, that is many old ones. "
                "Use `nearest-exact`.",
            ),
        ),
        Mutant(
            "image-nearest",
            augment_mutant(image_mode="nearest-exact"),
            Text(
                "图也取了最近的像素。图是连续的颜色，用双线性插值。",
                "The image takes the nearest pixel too. Its colours are continuous: interpolate "
                "them linearly.",
            ),
        ),
        Mutant(
            "mask-not-flipped",
            augment_mutant(flips_mask=lambda value, flip: value),
            Text(
                "只翻转了图，没有翻转掩码：左边的车，标签跑到了右边。",
                "The image is flipped, the mask is not: a car at the left has its label at the "
                "right.",
            ),
        ),
        Mutant(
            "never-flipped",
            augment_mutant(flips=lambda value, flip: value),
            Text("`flip` 没有作用。", "`flip` has no effect."),
        ),
        Mutant(
            "upside-down",
            augment_mutant(flips=lambda value, flip: value.flip(-2) if flip else value),
            Text(
                "上下翻转了，天空到了下面。最后一个轴是宽，倒数第二个是高。",
                "It is flipped upside down, and the sky is below. The last axis is the width, the "
                "one before it the height.",
            ),
        ),
        Mutant(
            "flipped-first",
            augment_mutant(flip_first=True),
            Text(
                "先翻转再裁，裁到的是另一块。题目的次序是缩放、裁剪、翻转。",
                "It flips before it crops and so cuts out another part. The order asked for is "
                "resize, crop, flip.",
            ),
        ),
        Mutant(
            "cropped-first",
            cropped_first,
            Text(
                "先裁再缩放。`crop` 说的是新的大小里的地方：先缩放到 `size`，再裁。",
                "It crops before it resizes. `crop` is a place within the new size: resize to "
                "`size` first, then crop.",
            ),
        ),
        Mutant(
            "crop-as-corners",
            augment_mutant(crop_as=lambda c: (c[0], c[1], c[2] - c[0], c[3] - c[1])),
            Text(
                "`crop` 的后两个数当成了下与右。它们是高与宽。",
                "The last two numbers of `crop` are taken for bottom and right. They are height "
                "and width.",
            ),
        ),
        Mutant(
            "crop-left-first",
            augment_mutant(crop_as=lambda c: (c[1], c[0], c[3], c[2])),
            Text(
                "`crop` 当成了（左，上，宽，高）。次序是上，左，高，宽。",
                "`crop` is taken as left, top, width, height. The order is top, left, height, "
                "width.",
            ),
        ),
        Mutant(
            "top-and-left-exchanged",
            augment_mutant(crop_as=lambda c: (c[1], c[0], c[2], c[3])),
            Text(
                "上与左对调了：`crop` 的第一个数是上边，量在高的方向。",
                "Top and left are exchanged: the first number of `crop` is the top, along the "
                "height.",
            ),
        ),
        Mutant(
            "mask-cropped-elsewhere",
            augment_mutant(mask_crop=lambda crop: (0, 0, *crop[2:])),
            Text(
                "掩码从左上角裁起，图从 `crop` 说的地方裁起。",
                "The mask is cut from the upper left corner, the image where `crop` says.",
            ),
        ),
        Mutant(
            "width-before-height",
            augment_mutant(size_of=lambda size: size[::-1]),
            Text(
                "`size` 当成了先宽后高。PyTorch 里高在前；Pillow 的 `resize` 才是宽在前。",
                "`size` is taken as width, height. In PyTorch the height comes first; it is "
                "Pillow's `resize` that has the width first.",
            ),
        ),
        Mutant(
            "mask-of-floats",
            augment_mutant(mask_as=lambda mask: mask.float()),
            Text(
                "掩码成了浮点数。类是整数，交叉熵要 `int64`。",
                "The mask has become floating point. Classes are whole numbers, and cross-entropy "
                "wants `int64`.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-index", augment_by_index),
        Alternate("narrow", augment_narrow),
    ),
    gradients=False,
)

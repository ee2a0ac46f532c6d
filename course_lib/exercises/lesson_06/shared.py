"""Exercises of lesson 06, DANet."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations, product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Fresh, Mutant, Text, choice
from course_lib.networks.resnet import BasicBlock
from course_lib.networks.small_resnet import halving_stage

LESSON = "06_danet"
_VOID = 255


def _classes(draw: Draw, classes: int, *shape: int) -> Tensor:
    """Classes at random, int64."""
    return (draw.normal(*shape) * 1e4).long() % classes


def _some(draw: Draw, share: float, *shape: int) -> Tensor:
    """True at about this share of the places."""
    return _classes(draw, 1000, *shape) < 1000 * share


# --- danet-miou: one matrix, and what is read off it ----------------------------------------------


def count_and_score(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """The reference of exercise 1: the confusion matrix (K, K), int64, and the mean IoU."""
    counted = labels != _VOID
    pairs = labels[counted] * classes + predicted[counted]
    counts = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    both = counts.diagonal()
    return counts, (both / (counts.sum(0) + counts.sum(1) - both)).nanmean()


def _miou_case(text: Text, pictures: int, absent: bool = False, invented: bool = False) -> Case:
    def make(draw: Draw) -> Call:
        classes = draw.integer(4, 6)
        shape = (pictures, draw.integer(5, 6), draw.integer(7, 9))
        labels = _classes(draw, classes, *shape)
        wrong = _classes(draw, classes, *shape)
        predicted = labels.where(_some(draw, 0.6, *shape), wrong)
        if absent:  # class 1 is nowhere
            labels, predicted = (t.where(t != 1, 2) for t in (labels, predicted))
        if invented:  # class 3 is predicted only
            labels = labels.where(labels != 3, 0)
        labels = labels.where(~_some(draw, 0.2, *shape), _VOID)
        labels[0, 0, 0], predicted[0, 0, 0] = 2, 2
        if invented:
            labels[0, 0, 1], predicted[0, 0, 1] = 0, 3
        return Call((predicted, labels, classes))

    return Case(text, make)


def _score_mutant(
    score: Callable[[Tensor], Tensor],
) -> Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]:
    """Counts rightly; what it makes of the counts differs."""

    def answer(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        counts = _count_by_class(predicted, labels, classes)
        return counts, score(counts)

    return answer


def _count_by_class(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    rows = [
        [((labels == true) & (predicted == taken)).sum() for taken in range(classes)]
        for true in range(classes)
    ]
    return torch.stack([torch.stack(row) for row in rows])


def _by_class(counts: Tensor) -> Tensor:
    both = counts.diagonal()
    return both / (counts.sum(0) + counts.sum(1) - both)


def _void_as_class_0(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    counts = _count_by_class(predicted, labels.where(labels != _VOID, 0), classes)
    return counts, _by_class(counts).nanmean()


def _transposed_counts(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    counts = _count_by_class(predicted, labels, classes)
    return counts.T, _by_class(counts).nanmean()


def _mean_of_pictures(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    pairs = zip(predicted, labels, strict=True)
    counts = [_count_by_class(one, truth, classes) for one, truth in pairs]
    return sum(counts), torch.stack([_by_class(c).nanmean() for c in counts]).mean()


def _of_labels_only(counts: Tensor) -> Tensor:
    return _by_class(counts)[counts.sum(1) > 0].mean()


def _void_in_the_codes(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    pairs = labels * classes + predicted
    counts = torch.bincount(pairs.flatten(), minlength=classes**2).view(classes, classes)
    return counts, _by_class(counts).nanmean()


def _miou_loop(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    pairs = zip(labels.flatten().tolist(), predicted.flatten().tolist(), strict=True)
    for true, taken in pairs:
        if true != _VOID:
            counts[true, taken] += 1
    found = []
    for kind in range(classes):
        union = counts[kind].sum() + counts[:, kind].sum() - counts[kind, kind]
        if union > 0:
            found.append(counts[kind, kind] / union)
    return counts, torch.stack(found).mean()


def _miou_one_hot(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    kept = labels.ne(_VOID)
    true, taken = (F.one_hot(t[kept], classes) for t in (labels, predicted))
    union = (true | taken).sum(0)
    score = (true & taken).sum(0)[union > 0] / union[union > 0]
    return true.T @ taken, score.mean()


DANET_MIOU = Exercise(
    id="danet-miou",
    kind="implement",
    title=Text("混淆矩阵与 mIoU", "Confusion matrix and mIoU"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=count_and_score,
    cases=(
        _miou_case(Text("几张图", "several pictures"), 3),
        _miou_case(Text("一个类哪里都没有", "a class that is nowhere"), 3, absent=True),
        _miou_case(
            Text("一个类只在预测里出现", "a class that is only predicted"), 2, invented=True
        ),
        _miou_case(Text("一张图", "one picture"), 1),
    ),
    mutants=(
        Mutant(
            "void-counted",
            _void_as_class_0,
            Text(
                "标签为 255 的像素被当成了第 0 类。它们一个也不算，预测了什么都不问。",
                "Pixels with the label 255 are taken for class 0. None of them counts, whatever is "
                "predicted there.",
            ),
        ),
        Mutant(
            "void-in-the-codes",
            _void_in_the_codes,
            Text(
                "若报的是 `shape … is invalid`：标签为 255 的像素还在里面，"
                "它们的编码比方阵的格子大得多。先去掉它们。",
                "If it says `shape … is invalid`: pixels with the label 255 are still there, and "
                "their codes lie far beyond the places of the square. Take them out first.",
            ),
        ),
        Mutant(
            "transposed",
            _transposed_counts,
            Text(
                "矩阵转置了：行是真实的类，列是预测的类。mIoU 倒没有变。",
                "The matrix is transposed: rows are true classes, columns predicted ones. The mIoU "
                "happens to be the same.",
            ),
        ),
        Mutant(
            "pixel-accuracy",
            _score_mutant(lambda counts: counts.trace() / counts.sum()),
            Text(
                "第二个数是像素准确率。它由大的类说了算，小的类全错也看不出来。",
                "The second number is the pixel accuracy. Large classes decide it; a small class "
                "may be wrong everywhere without a trace.",
            ),
        ),
        Mutant(
            "recall",
            _score_mutant(lambda counts: (counts.diagonal() / counts.sum(1)).nanmean()),
            Text(
                "除数只是真实属于这一类的像素。错认成这一类的像素也要算进并集。",
                "The divisor holds only pixels that truly have the class. Those that were wrongly "
                "given it belong to the union too.",
            ),
        ),
        Mutant(
            "both-twice",
            _score_mutant(
                lambda counts: (counts.diagonal() / (counts.sum(0) + counts.sum(1))).nanmean()
            ),
            Text(
                "并集里交集数了两遍：行和与列和都含着它，要减去一次。",
                "The union counts the intersection twice: row sum and column sum both hold it, so "
                "take it off once.",
            ),
        ),
        Mutant(
            "dice",
            _score_mutant(
                lambda counts: (2 * counts.diagonal() / (counts.sum(0) + counts.sum(1))).nanmean()
            ),
            Text(
                "这是 Dice 系数，两倍的交集除以两者之和；IoU 是交集除以并集。",
                "This is the Dice coefficient, twice the intersection over the sum of both; IoU is "
                "intersection over union.",
            ),
        ),
        Mutant(
            "absent-is-zero",
            _score_mutant(lambda counts: _by_class(counts).nan_to_num(0.0).mean()),
            Text(
                "标签与预测里都没有的类算成了 0，拉低了均值。这样的类没有 IoU，不参加平均。",
                "A class that is neither in the labels nor predicted counts as 0 and pulls the "
                "mean down. It has no IoU and takes no part in the mean.",
            ),
        ),
        Mutant(
            "absent-is-one",
            _score_mutant(lambda counts: _by_class(counts).nan_to_num(1.0).mean()),
            Text(
                "标签与预测里都没有的类算成了 1，抬高了均值。这样的类没有 IoU，不参加平均。",
                "A class that is neither in the labels nor predicted counts as 1 and lifts the "
                "mean. It has no IoU and takes no part in the mean.",
            ),
        ),
        Mutant(
            "in-per-cent",
            _score_mutant(lambda counts: 100 * _by_class(counts).nanmean()),
            Text(
                "第二个数是百分数。这里从 0 到 1。",
                "The second number is in per cent. Here it goes from 0 to 1.",
            ),
        ),
        Mutant(
            "invented-left-out",
            _score_mutant(_of_labels_only),
            Text(
                "只对标签里出现的类取平均。凭空预测出来的类也有并集，它的 IoU 是 0。",
                "The mean is over the classes of the labels only. A class that is predicted out of "
                "nothing has a union too, and its IoU is 0.",
            ),
        ),
        Mutant(
            "mean-of-pictures",
            _mean_of_pictures,
            Text(
                "先算每张图的 mIoU 再平均。数要先在所有图上加起来，最后只除一次。",
                "This averages the mIoU of the pictures. Counts are summed over all pictures "
                "first and divided once.",
            ),
        ),
    ),
    alternates=(
        Alternate("loop", _miou_loop),
        Alternate("one-hot", _miou_one_hot),
        Alternate(
            "by-class", _score_mutant(lambda counts: torch.nanmean(_by_class(counts).float()))
        ),
    ),
    gradients=False,
)

# --- danet-augment: an image and its mask, changed alike ------------------------------------------

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


def _augment_case(text: Text, flip: bool, grow: bool, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        # Odd sides: the middle of a new pixel never falls between two old ones.
        height, width = draw.pick(9, 11), draw.pick(13, 15)
        size = (height + 4, width + 5) if grow else (height - 3, width - 4)
        top, left = draw.integer(1, 2), draw.pick(0, 3)  # never equal
        crop = (top, left, size[0] - top - 1, size[1] - left - 2)
        image = draw.normal(3, height, width)
        mask = _classes(draw, 20, height, width)
        mask = mask.where(~_some(draw, 0.1, height, width), _VOID)
        return Call((image, mask, size, crop, flip))

    return Case(text, make, **options)


def _resized(
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


def _cut(value: Tensor, crop: Box) -> Tensor:
    top, left, height, width = crop
    return value[..., top : top + height, left : left + width]


def _augment_mutant(
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
        image = _resized(image, size_of(size), image_mode, image_corners)
        mask = _resized(mask, size_of(size), mask_mode, mask_corners, mask_rounded)
        of_mask = flips_mask or flips
        if flip_first:
            return _cut(flips(image, flip), crop), mask_as(_cut(of_mask(mask, flip), crop))
        return flips(_cut(image, crop), flip), mask_as(of_mask(_cut(mask, mask_crop(crop)), flip))

    return answer


def _cropped_first(
    image: Tensor, mask: Tensor, size: Size, crop: Box, flip: bool
) -> tuple[Tensor, Tensor]:
    image = _resized(_cut(image, crop), size, "bilinear")
    mask = _resized(_cut(mask, crop), size, "nearest-exact")
    return (image.flip(-1), mask.flip(-1)) if flip else (image, mask)


def _augment_by_index(
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


def _augment_narrow(image: Tensor, mask: Tensor, size: Size, crop: Box, flip: bool) -> list[Tensor]:
    top, left, height, width = crop
    made = []
    for value, mode in ((image, "bilinear"), (mask[None], "nearest-exact")):
        changed = nn.Upsample(size, mode=mode)(value[None].double())[0]
        changed = changed.narrow(1, top, height).narrow(2, left, width)
        made.append(changed.flip(2) if flip else changed)
    return [made[0].to(image.dtype), made[1][0].long()]


DANET_AUGMENT = Exercise(
    id="danet-augment",
    kind="implement",
    title=Text("图与掩码一起变", "Image and mask together"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=augment,
    cases=(
        _augment_case(Text("放大，翻转", "enlarged, flipped"), True, True),
        _augment_case(Text("缩小，不翻转", "shrunk, not flipped"), False, False),
        _augment_case(Text("缩小，翻转", "shrunk, flipped"), True, False),
        _augment_case(
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
                _augment_mutant(mask_mode="bilinear", mask_corners=corners, mask_rounded=rounded),
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
            _augment_mutant(image_corners=True),
            Text(
                "图用了 `align_corners=True`，掩码不是这样，两者便错开了。用 `False`。",
                "The image has `align_corners=True`, the mask has not, so that they do not lie on "
                "each other. Use `False`.",
            ),
        ),
        Mutant(
            "mask-half-a-pixel-off",
            _augment_mutant(mask_mode="nearest"),
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
            _augment_mutant(image_mode="nearest-exact"),
            Text(
                "图也取了最近的像素。图是连续的颜色，用双线性插值。",
                "The image takes the nearest pixel too. Its colours are continuous: interpolate "
                "them linearly.",
            ),
        ),
        Mutant(
            "mask-not-flipped",
            _augment_mutant(flips_mask=lambda value, flip: value),
            Text(
                "只翻转了图，没有翻转掩码：左边的车，标签跑到了右边。",
                "The image is flipped, the mask is not: a car at the left has its label at the "
                "right.",
            ),
        ),
        Mutant(
            "never-flipped",
            _augment_mutant(flips=lambda value, flip: value),
            Text("`flip` 没有作用。", "`flip` has no effect."),
        ),
        Mutant(
            "upside-down",
            _augment_mutant(flips=lambda value, flip: value.flip(-2) if flip else value),
            Text(
                "上下翻转了，天空到了下面。最后一个轴是宽，倒数第二个是高。",
                "It is flipped upside down, and the sky is below. The last axis is the width, the "
                "one before it the height.",
            ),
        ),
        Mutant(
            "flipped-first",
            _augment_mutant(flip_first=True),
            Text(
                "先翻转再裁，裁到的是另一块。题目的次序是缩放、裁剪、翻转。",
                "It flips before it crops and so cuts out another part. The order asked for is "
                "resize, crop, flip.",
            ),
        ),
        Mutant(
            "cropped-first",
            _cropped_first,
            Text(
                "先裁再缩放。`crop` 说的是新的大小里的地方：先缩放到 `size`，再裁。",
                "It crops before it resizes. `crop` is a place within the new size: resize to "
                "`size` first, then crop.",
            ),
        ),
        Mutant(
            "crop-as-corners",
            _augment_mutant(crop_as=lambda c: (c[0], c[1], c[2] - c[0], c[3] - c[1])),
            Text(
                "`crop` 的后两个数当成了下与右。它们是高与宽。",
                "The last two numbers of `crop` are taken for bottom and right. They are height "
                "and width.",
            ),
        ),
        Mutant(
            "crop-left-first",
            _augment_mutant(crop_as=lambda c: (c[1], c[0], c[3], c[2])),
            Text(
                "`crop` 当成了（左，上，宽，高）。次序是上，左，高，宽。",
                "`crop` is taken as left, top, width, height. The order is top, left, height, "
                "width.",
            ),
        ),
        Mutant(
            "top-and-left-exchanged",
            _augment_mutant(crop_as=lambda c: (c[1], c[0], c[2], c[3])),
            Text(
                "上与左对调了：`crop` 的第一个数是上边，量在高的方向。",
                "Top and left are exchanged: the first number of `crop` is the top, along the "
                "height.",
            ),
        ),
        Mutant(
            "mask-cropped-elsewhere",
            _augment_mutant(mask_crop=lambda crop: (0, 0, *crop[2:])),
            Text(
                "掩码从左上角裁起，图从 `crop` 说的地方裁起。",
                "The mask is cut from the upper left corner, the image where `crop` says.",
            ),
        ),
        Mutant(
            "width-before-height",
            _augment_mutant(size_of=lambda size: size[::-1]),
            Text(
                "`size` 当成了先宽后高。PyTorch 里高在前；Pillow 的 `resize` 才是宽在前。",
                "`size` is taken as width, height. In PyTorch the height comes first; it is "
                "Pillow's `resize` that has the width first.",
            ),
        ),
        Mutant(
            "mask-of-floats",
            _augment_mutant(mask_as=lambda mask: mask.float()),
            Text(
                "掩码成了浮点数。类是整数，交叉熵要 `int64`。",
                "The mask has become floating point. Classes are whole numbers, and cross-entropy "
                "wants `int64`.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-index", _augment_by_index),
        Alternate("narrow", _augment_narrow),
    ),
    gradients=False,
)

# --- danet-dilate: a stage without its stride -----------------------------------------------------


class DilatedStage(nn.Module):
    """The reference of exercise 3: a stage whose stride is gone, its dilations in its place."""

    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        self.stage = stage
        for layer in stage.modules():
            if isinstance(layer, nn.Conv2d):
                rate = before if layer.stride == (2, 2) else 2 * before
                layer.stride = (1, 1)
                if layer.kernel_size == (3, 3):
                    layer.dilation = layer.padding = (rate, rate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        return self.stage(x)


def _stage_mutant(
    rate: Callable[[int, int, bool], int],
    stride: int | None = 1,
    padding: Callable[[int], int] = lambda rate: rate,
) -> type[nn.Module]:
    """Rates from (before, number of the block, whether the stride stood here)."""

    class Stage(nn.Module):
        def __init__(self, stage: nn.Module, before: int) -> None:
            super().__init__()
            self.stage = stage
            for number, block in enumerate(stage):
                for layer in block.modules():
                    if isinstance(layer, nn.Conv2d):
                        r = rate(before, number, layer.stride == (2, 2))
                        if stride:
                            layer.stride = (stride, stride)
                        if layer.kernel_size == (3, 3):
                            layer.dilation, layer.padding = (r, r), (padding(r), padding(r))

        def forward(self, x: Tensor) -> Tensor:
            return self.stage(x)

    return Stage


class _EnlargedAfter(nn.Module):
    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.stage(x), x.shape[2:], mode="nearest")


class _StageRebuilt(nn.Module):
    """New blocks with the rates, which take over the weights."""

    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        blocks, rates = [], (before, 2 * before)
        for block in stage:
            planes, channels = block.conv1.weight.shape[:2]
            made = BasicBlock(channels, planes, 1, None, rates)
            made.load_state_dict(block.state_dict())
            blocks.append(made)
            rates = (2 * before, 2 * before)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class _StageByName(nn.Module):
    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        after = 2 * before
        for name, layer in stage.named_modules():
            if name.endswith(("conv1", "conv2")):
                rate = before if name == "0.conv1" else after
                layer.dilation = layer.padding = (rate, rate)
        stage[0].conv1.stride = stage[0].downsample[0].stride = (1, 1)
        self.layers = stage

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class _StageByPhases(nn.Module):
    """The strided stage on every shifted part of the grid, put together again."""

    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        self.stage, self.step = stage, before
        for layer in stage.modules():
            if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2):
                layer.stride = (1, 1)
            elif isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                layer.dilation = layer.padding = (2, 2)
        # Train mode would take the statistics of a part only.

    def forward(self, x: Tensor) -> Tensor:
        step = self.step
        parts = [[self.stage(x[:, :, i::step, j::step]) for j in range(step)] for i in range(step)]
        y = x.new_zeros(len(x), parts[0][0].shape[1], *x.shape[2:])
        for i, j in product(range(step), range(step)):
            y[:, :, i::step, j::step] = parts[i][j]
        return y


def _stage_case(text: Text, before: int, blocks: int, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels, planes = draw.integer(2, 3), draw.integer(4, 5)
        stage = Fresh(
            partial(halving_stage, channels, planes, blocks),
            f"stage({channels} → {planes}, blocks={blocks})",
        )
        x = draw.normal(2, channels, draw.integer(10, 12), draw.integer(13, 15))
        return Call((x,), {"stage": stage, "before": before})

    return Case(text, make, **options)


DANET_DILATE = Exercise(
    id="danet-dilate",
    kind="implement",
    title=Text("以膨胀代步幅", "Dilation instead of stride"),
    difficulty=3,
    minutes=8,
    points=4,
    reference=DilatedStage,
    cases=(
        _stage_case(Text("来的网格没有变", "the grid is as it was"), 1, 2),
        _stage_case(Text("来的网格每边已是两倍格数", "the grid is twice as fine already"), 2, 2),
        _stage_case(
            Text("每边是三倍格数，一个块", "the grid is three times as fine, one block"), 3, 1
        ),
        _stage_case(
            Text("三个块，双精度", "three blocks, double precision"), 2, 3, dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "stride-kept",
            _stage_mutant(lambda before, block, strided: 1, stride=None),
            Text(
                "图还是缩小了一半：步幅没有拿掉。有步幅的卷积有两个。",
                "The map is still half as large: the stride is there. Two convolutions have it.",
            ),
        ),
        Mutant(
            "not-dilated",
            _stage_mutant(lambda before, block, strided: 1),
            Text(
                "步幅没有了，膨胀也没有。卷积看的是细网格上的近邻，权重学的却是粗网格上的：要让抽头的间隔跟着变。",
                "The stride is gone, but no convolution is dilated. They look at neighbours on the "
                "fine grid, while the weights mean those on the coarse one: the taps must move "
                "apart.",
            ),
        ),
        Mutant(
            "first-one-too-wide",
            _stage_mutant(lambda before, block, strided: 2 * before),
            Text(
                "原来有步幅的那个 3×3 卷积也用了 `2 * before`。它在步幅之前看图，"
                "那时网格还是来时的网格。",
                "The 3×3 convolution that had the stride has `2 * before` too. It looks at the map "
                "before the stride, when the grid is still the one that comes in.",
            ),
        ),
        Mutant(
            "first-block-as-before",
            _stage_mutant(lambda before, block, strided: before if not block else 2 * before),
            Text(
                "第一个块的两个 3×3 卷积都用了 `before`。第二个已经在步幅之后，"
                "看的是粗网格：它要 `2 * before`。",
                "Both 3×3 convolutions of the first block have `before`. The second one already "
                "stands after the stride and means the coarse grid: it needs `2 * before`.",
            ),
        ),
        Mutant(
            "all-as-before",
            _stage_mutant(lambda before, block, strided: before),
            Text(
                "每个 3×3 卷积都用了 `before`。原来在步幅之后的那些要它的两倍。",
                "Every 3×3 convolution has `before`. Those after the stride need twice that.",
            ),
        ),
        Mutant(
            "interchanged",
            _stage_mutant(lambda before, block, strided: 2 * before if strided else before),
            Text(
                "两种膨胀放反了：有步幅的那个卷积用 `before`，其余的用它的两倍。",
                "The two dilations are interchanged: `before` is for the convolution with the "
                "stride, twice that for all others.",
            ),
        ),
        Mutant(
            "always-two",
            _stage_mutant(lambda before, block, strided: 2),
            Text(
                "每个 3×3 卷积的膨胀都是写死的 2。它随 `before` 变，步幅之前与之后也不同。",
                "Every 3×3 convolution has a fixed dilation of 2. It depends on `before`, and "
                "differs before and after the stride.",
            ),
        ),
        Mutant(
            "before-ignored",
            _stage_mutant(lambda before, block, strided: 1 if strided else 2),
            Text(
                "膨胀不随 `before` 变。前一个阶段的步幅若也拿掉了，间隔要在它的基础上再翻倍。",
                "The dilation does not depend on `before`. Where the stage before has lost its "
                "stride too, the distance doubles from there.",
            ),
        ),
        Mutant(
            "added-not-doubled",
            _stage_mutant(lambda before, block, strided: before if strided else before + 1),
            Text(
                "膨胀用了 `before + 1`。每去掉一个步幅 2，间隔是翻倍。",
                "The dilation is `before + 1`. Every stride of 2 that goes doubles the distance.",
            ),
        ),
        Mutant(
            "later-blocks-forgotten",
            _stage_mutant(
                lambda before, block, strided: before if strided else 2 * before if not block else 1
            ),
            Text(
                "只有第一个块膨胀了。后面的块原来也在粗网格上。",
                "Only the first block is dilated. The blocks after it stood on the coarse grid "
                "too.",
            ),
        ),
        Mutant(
            "padding-forgotten",
            _stage_mutant(
                lambda before, block, strided: before if strided else 2 * before,
                padding=lambda rate: 1,
            ),
            Text(
                "两条路的图大小不同，加不起来。逐个看：3×3 卷积的膨胀是 d，填充也要是 d；"
                "捷径上的 1×1 卷积步幅是 1，没有填充。",
                "The maps of the two paths differ in size and cannot be added. Look at each: a 3×3 "
                "convolution with dilation d needs a padding of d; the 1×1 convolution of the "
                "shortcut has stride 1 and no padding.",
            ),
        ),
        Mutant(
            "enlarged-after",
            _EnlargedAfter,
            Text(
                "阶段没有动，只把它的输出放大了。大小对，细节已经丢了。",
                "The stage is as it was, and its output is enlarged. The size is right, the detail "
                "is lost.",
            ),
        ),
    ),
    alternates=(
        Alternate("rebuilt", _StageRebuilt),
        Alternate("by-name", _StageByName),
        Alternate("by-phases", _StageByPhases),
    ),
)

# --- danet-head: two branches, three outputs ------------------------------------------------------


def _three_by_three(
    channels_in: int,
    channels: int,
    norm: Callable[[int], nn.Module],
    last: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Module:
    convolution = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
    return nn.Sequential(convolution, norm(channels), last())


class DualHead(nn.Module):
    """The reference of exercise 5: two branches, three outputs."""

    def __init__(
        self,
        channels: int,
        inner: int,
        classes: int,
        position: nn.Module,
        channel: nn.Module,
        dropout: float = 0.1,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.before_position = _three_by_three(channels, inner, norm)
        self.position = position
        self.after_position = _three_by_three(inner, inner, norm)
        self.before_channel = _three_by_three(channels, inner, norm)
        self.channel = channel
        self.after_channel = _three_by_three(inner, inner, norm)
        self.classify, self.classify_position, self.classify_channel = (
            nn.Sequential(nn.Dropout2d(dropout), nn.Conv2d(inner, classes, 1)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, D, H, W) -> three scores (B, K, H, W)."""
        position = self.after_position(self.position(self.before_position(x)))
        channel = self.after_channel(self.channel(self.before_channel(x)))
        return (
            self.classify(position + channel),
            self.classify_position(position),
            self.classify_channel(channel),
        )


class _Head(nn.Module):
    """The authors' order of layers, and where the mutants of the head differ."""

    entries = 2
    classifiers = 3
    exits = 2
    widening = 1
    classifier_bias = True
    last = nn.ReLU
    names = 1  # under how many names the entry or the classifier is registered

    def __init__(
        self,
        channels: int,
        inner: int,
        classes: int,
        position: nn.Module,
        channel: nn.Module,
        dropout: float = 0.1,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        enter = [_three_by_three(channels, inner, norm, self.last) for _ in range(self.entries)]
        self.enter = nn.ModuleList(enter * (self.names if self.entries == 1 else 1))
        self.attention = nn.ModuleList([position, channel])
        self.leave = nn.ModuleList(
            _three_by_three(inner, inner, norm, self.last) for _ in range(self.exits)
        )
        wide = [self.widening * inner, inner, inner][: self.classifiers]
        classify = [nn.Conv2d(width, classes, 1, bias=self.classifier_bias) for width in wide]
        self.classify = nn.ModuleList(classify * (self.names if self.classifiers == 1 else 1))
        self.share = dropout

    def drop(self, maps: Tensor) -> Tensor:
        return F.dropout2d(maps, self.share, self.training)

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        entered = [self.enter[0](x), self.enter[-1](x)]
        attended = [a(e) for a, e in zip(self.attention, entered, strict=True)]
        if not self.exits:
            return attended[0], attended[1]
        return self.leave[0](attended[0]), self.leave[-1](attended[1])

    def join(self, position: Tensor, channel: Tensor) -> Tensor:
        return position + channel

    def outputs(self, position: Tensor, channel: Tensor) -> tuple[Tensor, ...]:
        maps = (self.join(position, channel), position, channel)
        classify = [self.classify[0], self.classify[-2], self.classify[-1]]
        if self.classifiers == 1:
            classify = [self.classify[0]] * 3
        return tuple(c(self.drop(m)) for c, m in zip(classify, maps, strict=True))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.outputs(*self.branches(x))


def _head(**differences: object) -> type[nn.Module]:
    return type("Head", (_Head,), differences)


class _NormIgnored(_Head):
    """Always BatchNorm2d; registered branch by branch, as the task says."""

    def __init__(self, *arguments: object, norm: object = None, **options: object) -> None:
        super().__init__(*arguments, **options)
        enter, leave, classify = list(self.enter), list(self.leave), self.classify
        del self.enter, self.leave, self.classify
        self.layers = nn.ModuleList([enter[0], leave[0], enter[1], leave[1]])
        self.enter, self.leave, self.classify = enter, leave, classify


class _HeadLinear(_Head):
    """Classifies by matrix products, one position after the other."""

    def outputs(self, position: Tensor, channel: Tensor) -> list[Tensor]:
        maps = torch.stack([position + channel, position, channel])
        weights = torch.stack([c.weight.flatten(1) for c in self.classify])
        biases = torch.stack([c.bias for c in self.classify])[:, None, :, None, None]
        dropped = torch.stack([self.drop(m) for m in maps])
        return list((torch.einsum("okc,obchw->obkhw", weights, dropped) + biases).unbind())


class _OtherOrder(_Head):
    """Makes the layers of the channel branch first."""

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        position = self.leave[1](self.attention[0](self.enter[1](x)))
        return position, self.leave[0](self.attention[1](self.enter[0](x)))


def _head_case(
    text: Text, dropout: float | None, *, large: bool = False, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels, inner = (2, 1) if large else (draw.integer(9, 10), draw.integer(6, 7))
        build = {
            "channels": channels,
            "inner": inner,
            "classes": draw.integer(3, 4),
            "position": Fresh(partial(nn.AvgPool2d, 3, 1, 1), "AvgPool2d(3, 1, 1)"),
            "channel": Fresh(nn.Softmax2d, "Softmax2d()"),
            "norm": Fresh(
                partial(partial, nn.BatchNorm2d, affine=False, track_running_stats=False),
                "BatchNorm2d without parameters",
            ),
        }
        sides = (160, draw.integer(170, 180)) if large else (draw.integer(4, 5), 7)
        x = draw.normal(1 if large else draw.integer(2, 3), channels, *sides)
        return Call((x,), build if dropout is None else {**build, "dropout": dropout})

    return Case(text, make, **options)


DANET_HEAD = Exercise(
    id="danet-head",
    kind="implement",
    title=Text("三个输出的头", "The head with three outputs"),
    difficulty=3,
    minutes=8,
    points=4,
    reference=DualHead,
    cases=(
        _head_case(Text("推理模式，默认的丢弃", "eval mode, default dropout"), None),
        _head_case(Text("推理模式，丢弃率 0.9", "eval mode, dropout of 0.9"), 0.9),
        _head_case(Text("训练模式，不丢弃", "train mode, nothing dropped"), 0.0, training=True),
        _head_case(Text("训练模式，全部丢弃", "train mode, all dropped"), 1.0, training=True),
        _head_case(Text("双精度", "double precision"), 0.0, dtype=torch.float64),
        # Three maps of one channel: a whole channel goes once in 1,300 runs, single numbers always.
        _head_case(
            Text(
                "训练模式，大图，丢弃率极小：整个通道几乎不会丢",
                "train mode, a large map, a dropout so small that whole channels hardly ever go",
            ),
            2.5e-4,
            large=True,
            training=True,
        ),
    ),
    mutants=(
        Mutant(
            "attentions-swapped",
            _head(
                branches=lambda self, x: (
                    self.leave[0](self.attention[1](self.enter[0](x))),
                    self.leave[1](self.attention[0](self.enter[1](x))),
                )
            ),
            Text(
                "两个注意力站错了分支：`position` 属于先造的那一支。",
                "The attentions stand in each other's branch: `position` belongs to the branch "
                "that is made first.",
            ),
        ),
        *(
            Mutant(
                name,
                _head(entries=1, names=names),
                Text(
                    "两支共用一个入口卷积。每一支要有自己的。",
                    "Both branches share one convolution at the entry. Each has its own.",
                ),
            )
            for name, names in (("one-entry", 1), ("one-entry-two-names", 2))
        ),
        Mutant(
            "no-convolution-after",
            _head(exits=0),
            Text(
                "注意力之后没有 3×3 卷积。每一支在注意力前后各有一个。",
                "There is no 3×3 convolution after the attention. Each branch has one before it "
                "and one after it.",
            ),
        ),
        Mutant(
            "norm-ignored",
            _NormIgnored,
            Text(
                "归一化写死成了 `nn.BatchNorm2d`。用参数 `norm` 来造它。",
                "The normalization is always `nn.BatchNorm2d`. Make it with the argument `norm`.",
            ),
        ),
        Mutant(
            "no-relu",
            _head(last=nn.Identity),
            Text(
                "3×3 卷积与归一化之后没有 ReLU。",
                "There is no ReLU after the 3×3 convolutions and their normalization.",
            ),
        ),
        Mutant(
            "halved",
            _head(join=lambda self, p, c: (p + c) / 2),
            Text(
                "第一个输出分类的是两支的平均。要的是和。",
                "The first output classifies the mean of both branches. It is their sum.",
            ),
        ),
        Mutant(
            "joined-instead-of-added",
            _head(widening=2, join=lambda self, p, c: torch.cat([p, c], 1)),
            Text(
                "两支拼接了，第一个分类层因此宽了一倍。要的是相加。",
                "The branches are joined, so the first classifier is twice as wide. They are "
                "added.",
            ),
        ),
        *(
            Mutant(
                name,
                _head(classifiers=1, names=names),
                Text(
                    "三个输出共用一个分类层。每个输出要有自己的。",
                    "One classifier serves all three outputs. Each output has its own.",
                ),
            )
            for name, names in (("one-classifier", 1), ("one-classifier-three-names", 3))
        ),
        Mutant(
            "branches-interchanged",
            _head(
                outputs=lambda self, p, c: (lambda o: (o[0], o[2], o[1]))(_Head.outputs(self, p, c))
            ),
            Text(
                "后两个输出对调了：第二个是 `position` 一支的，第三个是 `channel` 一支的。",
                "The last two outputs are interchanged: the second belongs to the branch of "
                "`position`, the third to that of `channel`.",
            ),
        ),
        Mutant(
            "fused-last",
            _head(
                outputs=lambda self, p, c: (lambda o: (o[1], o[2], o[0]))(_Head.outputs(self, p, c))
            ),
            Text(
                "次序反了：两支之和的输出在最前，因为它就是预测。",
                "The order is wrong: the output of the sum comes first, for it is the prediction.",
            ),
        ),
        Mutant(
            "fused-alone",
            _head(outputs=lambda self, p, c: _Head.outputs(self, p, c)[0]),
            Text(
                "只返回了两支之和的输出，像博客那样。要三个，装在元组里。",
                "Only the output of the sum is returned, as in the blog. Three are asked for, in a "
                "tuple.",
            ),
        ),
        Mutant(
            "no-bias",
            _head(classifier_bias=False),
            Text(
                "分类层没有偏置。没有偏置的是 3×3 卷积，它们后面有归一化。",
                "The classifiers have no bias. It is the 3×3 convolutions that have none, for a "
                "normalization follows them.",
            ),
        ),
        Mutant(
            "no-dropout",
            _head(drop=lambda self, maps: maps),
            Text(
                "训练时什么也没有丢弃。丢弃站在每个分类层之前。",
                "Nothing is dropped in training. Dropout stands before each classifier.",
            ),
        ),
        Mutant(
            "single-numbers-dropped",
            _head(drop=lambda self, maps: F.dropout(maps, self.share, self.training)),
            Text(
                "丢掉的是单个的数，不是整个通道：用 `nn.Dropout2d`。",
                "Single numbers are dropped, not whole channels: use `nn.Dropout2d`.",
            ),
        ),
        Mutant(
            "dropout-after-the-classifier",
            _head(
                outputs=lambda self, p, c: tuple(
                    F.dropout2d(classify(m), self.share, self.training)
                    for classify, m in zip(self.classify, (p + c, p, c), strict=True)
                )
            ),
            Text(
                "丢弃站在分类层之后，丢掉的是类的分数。它要站在分类层之前。",
                "Dropout stands after the classifier and drops the scores of classes. It stands "
                "before.",
            ),
        ),
        Mutant(
            "always-dropping",
            _head(drop=lambda self, maps: F.dropout2d(maps, self.share, True)),
            Text(
                "推理时也在丢弃。`F.dropout2d` 不知道模块的模式，除非告诉它。",
                "It drops in eval mode too. `F.dropout2d` does not know the mode of the module "
                "unless it is told.",
            ),
        ),
        Mutant(
            "made-in-another-order",
            _OtherOrder,
            Text(
                "算得也许没错，但各层造的次序反了：检查按次序把权重交给各层，"
                "所以 `position` 那一支的层要先造。",
                "The computation may be right, but the layers are made in another order: the check "
                "hands out weights in order, so the layers of the `position` branch come first.",
            ),
        ),
    ),
    alternates=(
        Alternate("authors-order", _head()),
        Alternate("matrix-products", _HeadLinear),
    ),
)

# --- danet-loss: three outputs, three losses ------------------------------------------------------

_WEIGHTS = (1.0, 0.4, 0.4)


def dual_loss(
    fused: Tensor,
    position: Tensor,
    channel: Tensor,
    labels: Tensor,
    weights: Sequence[float] = _WEIGHTS,
) -> Tensor:
    """The reference of exercise 6: enlarge, leave out void, weigh, add."""
    total = torch.zeros((), dtype=fused.dtype)
    for scores, weight in zip((fused, position, channel), weights, strict=True):
        enlarged = F.interpolate(scores, labels.shape[1:], mode="bilinear", align_corners=True)
        total = total + weight * F.cross_entropy(enlarged, labels, ignore_index=_VOID)
    return total


def _loss_case(text: Text, pictures: int, default: bool = False, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        classes, height, width = draw.integer(3, 5), draw.integer(3, 4), draw.integer(5, 6)
        scores = [draw.normal(pictures, classes, height, width, scale=2.0) for _ in range(3)]
        # No multiple of the small map's side, as with pictures of any size.
        size = (5 * height + draw.integer(1, 3), 4 * width + draw.integer(1, 3))
        labels = _classes(draw, classes, pictures, *size)
        void = _some(draw, 0.1, pictures, *size)
        void[0] |= _some(draw, 0.6, *size)  # pictures differ in how much of them counts
        labels = labels.where(~void, _VOID)
        weights = (draw.pick(1.0, 0.7), draw.pick(0.4, 0.3), draw.pick(0.2, 0.1))
        return Call((*scores, labels) if default else (*scores, labels, weights))

    return Case(text, make, **options)


def _enlarged(scores: Tensor, labels: Tensor) -> Tensor:
    return F.interpolate(scores, labels.shape[1:], mode="bilinear", align_corners=True)


def _cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Without torch's own: mean over the pixels that count."""
    logs = scores.log_softmax(1)
    counted = labels != _VOID
    taken = logs.gather(1, labels.where(counted, 0)[:, None])[:, 0]
    return -taken[counted].mean()


def _loss_mutant(
    one: Callable[[Tensor, Tensor], Tensor] = lambda scores, labels: _cross_entropy(
        _enlarged(scores, labels), labels
    ),
    add: Callable[[list[Tensor], Sequence[float]], Tensor] = lambda losses, weights: sum(
        w * loss for w, loss in zip(weights, losses, strict=True)
    ),
) -> Callable[..., Tensor]:
    """What differs: the loss of one output, or how the three are added."""

    def answer(
        fused: Tensor,
        position: Tensor,
        channel: Tensor,
        labels: Tensor,
        weights: Sequence[float] = _WEIGHTS,
    ) -> Tensor:
        return add([one(scores, labels) for scores in (fused, position, channel)], weights)

    return answer


def _void_as_a_class(scores: Tensor, labels: Tensor) -> Tensor:
    return _cross_entropy(_enlarged(scores, labels), labels.where(labels != _VOID, 0))


def _over_all_pixels(scores: Tensor, labels: Tensor) -> Tensor:
    share = (labels != _VOID).to(scores.dtype).mean()
    return _cross_entropy(_enlarged(scores, labels), labels) * share


def _mean_over_pictures(scores: Tensor, labels: Tensor) -> Tensor:
    pairs = zip(_enlarged(scores, labels).split(1), labels.split(1), strict=True)
    return torch.stack([_cross_entropy(s, truth) for s, truth in pairs]).mean()


def _softmax_twice(scores: Tensor, labels: Tensor) -> Tensor:
    return _cross_entropy(_enlarged(scores, labels).softmax(1), labels)


def _corners_elsewhere(scores: Tensor, labels: Tensor) -> Tensor:
    enlarged = F.interpolate(scores, labels.shape[1:], mode="bilinear", align_corners=False)
    return _cross_entropy(enlarged, labels)


def _nearest_enlarged(scores: Tensor, labels: Tensor) -> Tensor:
    return _cross_entropy(F.interpolate(scores, labels.shape[1:]), labels)


def _loss_of_the_sum(
    fused: Tensor,
    position: Tensor,
    channel: Tensor,
    labels: Tensor,
    weights: Sequence[float] = _WEIGHTS,
) -> Tensor:
    scores = (fused, position, channel)
    total = sum(w * s for w, s in zip(weights, scores, strict=True))
    return _cross_entropy(_enlarged(total, labels), labels)


def _labels_shrunk(scores: Tensor, labels: Tensor) -> Tensor:
    small = F.interpolate(labels[:, None].double(), scores.shape[2:], mode="nearest-exact")
    return _cross_entropy(scores, small[:, 0].long())


def _fixed_factor(scores: Tensor, labels: Tensor) -> Tensor:
    enlarged = F.interpolate(scores, scale_factor=8, mode="bilinear", align_corners=True)
    return F.cross_entropy(enlarged, labels, ignore_index=_VOID)


def _loss_one_batch(
    fused: Tensor,
    position: Tensor,
    channel: Tensor,
    labels: Tensor,
    weights: Sequence[float] = _WEIGHTS,
) -> Tensor:
    """All outputs in one batch; the classes as a one-hot code."""
    scores = torch.cat([fused, position, channel])
    logs = nn.UpsamplingBilinear2d(tuple(labels.shape[1:]))(scores).log_softmax(1)
    counted = (labels != _VOID).to(fused.dtype)
    truth = F.one_hot(labels % _VOID, max(_VOID, fused.shape[1]))[..., : fused.shape[1]]
    chosen = torch.einsum("obkhw,bhwk,bhw->o", logs.unflatten(0, (3, -1)), truth.to(logs), counted)
    return -(chosen * chosen.new_tensor(list(weights))).sum() / counted.sum()


def _loss_sum_reduced(
    fused: Tensor,
    position: Tensor,
    channel: Tensor,
    labels: Tensor,
    weights: Sequence[float] = _WEIGHTS,
) -> Tensor:
    parts = []
    for scores in (fused, position, channel):
        maps = F.interpolate(scores, size=labels.shape[-2:], mode="bilinear", align_corners=True)
        lost = nn.CrossEntropyLoss(ignore_index=_VOID, reduction="none")(maps, labels)
        parts.append(lost.sum() / (labels != _VOID).sum())
    return sum(weight * part for weight, part in zip(weights, parts, strict=True))


DANET_LOSS = Exercise(
    id="danet-loss",
    kind="implement",
    title=Text("三个损失", "Three losses"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=dual_loss,
    cases=(
        _loss_case(Text("几张图", "several pictures"), 3),
        _loss_case(Text("一张图，默认的权重", "one picture, default weights"), 1, default=True),
        _loss_case(Text("双精度", "double precision"), 2, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "void-as-a-class",
            _loss_mutant(_void_as_a_class),
            Text(
                "标签为 255 的像素也有损失：它们被当成了第 0 类。",
                "Pixels with the label 255 have a loss too: they are taken for class 0.",
            ),
        ),
        Mutant(
            "divided-by-all-pixels",
            _loss_mutant(_over_all_pixels),
            Text(
                "和除以了所有像素的个数。只除以算数的像素的个数，否则空白多的图损失就小。",
                "The sum is divided by the number of all pixels. Divide by those that count, else "
                "pictures with much void have a small loss.",
            ),
        ),
        Mutant(
            "mean-of-pictures",
            _loss_mutant(_mean_over_pictures),
            Text(
                "先在每张图里平均，再在图之间平均。这里每个算数的像素分量一样。",
                "This averages within each picture and then over pictures. Here every pixel that "
                "counts has the same weight.",
            ),
        ),
        Mutant(
            "not-weighted",
            _loss_mutant(add=lambda losses, weights: sum(losses)),
            Text("权重没有用上。", "The weights are not used."),
        ),
        Mutant(
            "fixed-weights",
            _loss_mutant(add=lambda losses, weights: losses[0] + 0.4 * losses[1] + 0.4 * losses[2]),
            Text(
                "权重写死成了 1、0.4、0.4。用参数 `weights`。",
                "The weights are always 1, 0.4, 0.4. Use the argument `weights`.",
            ),
        ),
        Mutant(
            "loss-of-the-sum",
            _loss_of_the_sum,
            Text(
                "先把三个分数按权重加起来，只求了一个交叉熵。每个分数各有自己的交叉熵，相加的是它们。",
                "The three scores are added by their weights, and there is one cross-entropy. Each "
                "score has its own; it is these that are added.",
            ),
        ),
        Mutant(
            "nearest",
            _loss_mutant(_nearest_enlarged),
            Text(
                '按最近的位置放大了，那是默认的做法。写明 `mode="bilinear"`。',
                "Enlarged by the nearest position, which is the default. Ask for "
                '`mode="bilinear"`.',
            ),
        ),
        Mutant(
            "fused-alone",
            _loss_mutant(add=lambda losses, weights: weights[0] * losses[0]),
            Text(
                "只有第一个输出有损失，两支各自的分类层永远学不到东西。",
                "Only the first output has a loss, and the classifiers of both branches never "
                "learn.",
            ),
        ),
        Mutant(
            "divided-by-the-weights",
            _loss_mutant(
                add=lambda losses, weights: (
                    sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
                )
            ),
            Text(
                "除以了权重之和。要的是加权的和，不是加权的平均。",
                "It is divided by the sum of the weights. A weighted sum is asked for, not a "
                "weighted mean.",
            ),
        ),
        Mutant(
            "softmax-twice",
            _loss_mutant(_softmax_twice),
            Text(
                "先取了 softmax，交叉熵里又取一次。把分数直接交给它。",
                "A softmax is taken before cross-entropy, which takes one itself. Hand it the "
                "scores.",
            ),
        ),
        Mutant(
            "corners-not-aligned",
            _loss_mutant(_corners_elsewhere),
            Text(
                "插值没有对齐四角。题目要 `align_corners=True`，DANet 的代码就是这样。",
                "The interpolation does not align the corners. The task wants "
                "`align_corners=True`, as DANet's code has it.",
            ),
        ),
        Mutant(
            "labels-shrunk",
            _loss_mutant(_labels_shrunk),
            Text(
                "缩小了标签，没有放大分数。大多数像素就没有人问了，细的杆子也丢了。",
                "The labels are shrunk instead of the scores enlarged. Most pixels are then never "
                "asked for, and thin poles are lost.",
            ),
        ),
        Mutant(
            "fixed-factor",
            _loss_mutant(_fixed_factor),
            Text(
                "分数的大小与标签对不上。放大到 `labels` 的高与宽，不要用写死的倍数。",
                "The scores do not have the size of the labels. Enlarge to the height and width of "
                "`labels`, not by a fixed factor.",
            ),
        ),
    ),
    alternates=(
        Alternate("one-batch", _loss_one_batch),
        Alternate("summed", _loss_sum_reduced),
        Alternate("by-hand", _loss_mutant()),
    ),
)

# --- danet-macs: enlarge before or after the classifier ------------------------------------------


def classifier_macs(
    channels: int, hidden: int, classes: int, height: int, width: int, factor: int
) -> dict[str, int]:
    """The reference of exercise 4: multiply-adds of two 3×3 convolutions, on either map."""
    after = 9 * (channels * hidden + hidden * classes) * height * width
    return {"before": after * factor**2, "after": after}


def _macs_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        drawn = {
            "channels": draw.integer(40, 60),
            "hidden": draw.integer(16, 32),
            "classes": draw.integer(5, 12),
            "height": draw.integer(6, 9),
            "width": draw.integer(10, 14),
            "factor": draw.integer(3, 8),
        }
        return Call(tuple((drawn | fixed).values()))

    return Case(text, make)


def _macs_mutant(
    one: Callable[[int, int, int], int] = lambda channels, hidden, classes: (
        9 * (channels * hidden + hidden * classes)
    ),
    enlarge: Callable[[int, int], int] = lambda macs, factor: macs * factor**2,
    whole: Callable[[dict[str, int]], dict[str, int]] = lambda macs: macs,
) -> Callable[..., dict[str, int]]:
    def answer(
        channels: int, hidden: int, classes: int, height: int, width: int, factor: int
    ) -> dict[str, int]:
        after = one(channels, hidden, classes) * height * width
        return whole({"before": enlarge(after, factor), "after": after})

    return answer


def _of_the_enlarged(
    channels: int, hidden: int, classes: int, height: int, width: int, factor: int
) -> dict[str, int]:
    one = 9 * (channels * hidden + hidden * classes)
    small = (height // factor) * (width // factor)
    return {"before": one * height * width, "after": one * small}


def _macs_by_weights(
    channels: int, hidden: int, classes: int, height: int, width: int, factor: int
) -> dict[str, int]:
    """Every weight takes part once at every position."""
    with torch.device("meta"):
        layers = nn.Conv2d(channels, hidden, 3), nn.Conv2d(hidden, classes, 3)
    weights = sum(layer.weight.numel() for layer in layers)
    small, large = height * width, height * factor * width * factor
    return {"after": small * weights, "before": large * weights}


def _macs_summed(
    channels: int, hidden: int, classes: int, height: int, width: int, factor: int
) -> dict[str, int]:
    widths = [(channels, hidden), (hidden, classes)]
    sizes = {"after": height * width, "before": (height * factor) * (width * factor)}
    return {
        name: sum(math.prod((3, 3, inputs, outputs, size)) for inputs, outputs in widths)
        for name, size in sizes.items()
    }


DANET_MACS = Exercise(
    id="danet-macs",
    kind="predict",
    title=Text("先放大还是后放大", "Enlarge before or after"),
    difficulty=2,
    minutes=4,
    points=2,
    reference=classifier_macs,
    cases=(
        _macs_case(Text("任意大小", "any sizes")),
        _macs_case(Text("两倍", "twofold"), factor=2),
        _macs_case(Text("没有放大", "nothing enlarged"), factor=1),
        _macs_case(Text("特征图只有一个位置", "a map of one position"), height=1, width=1),
    ),
    mutants=(
        Mutant(
            "factor-once",
            _macs_mutant(enlarge=lambda macs, factor: macs * factor),
            Text(
                "倍数只乘了一次。高与宽都放大了。",
                "The factor is there once. Both height and width grow.",
            ),
        ),
        Mutant(
            "kernel-forgotten",
            _macs_mutant(lambda channels, hidden, classes: channels * hidden + hidden * classes),
            Text(
                "这是 1×1 卷积的乘加。3×3 卷积每个输出要九倍。",
                "These are the multiply-adds of 1×1 convolutions. A kernel of 3×3 takes nine times "
                "as many.",
            ),
        ),
        Mutant(
            "kernel-once",
            _macs_mutant(
                lambda channels, hidden, classes: 3 * (channels * hidden + hidden * classes)
            ),
            Text(
                "3×3 卷积按 3 个抽头数了。卷积核有高也有宽。",
                "The 3×3 convolution counts with 3 taps. Its kernel has a height and a width.",
            ),
        ),
        Mutant(
            "one-convolution",
            _macs_mutant(lambda channels, hidden, classes: 9 * channels * hidden),
            Text("少了第二个卷积。", "The second convolution is missing."),
        ),
        Mutant(
            "hidden-left-out",
            _macs_mutant(lambda channels, hidden, classes: 9 * channels * classes),
            Text(
                "按一个卷积、直接从 `channels` 到 `classes` 数了，中间还有 `hidden` 个通道。",
                "This counts one convolution from `channels` to `classes`; between them there are "
                "`hidden` channels.",
            ),
        ),
        Mutant(
            "additions-too",
            _macs_mutant(
                lambda channels, hidden, classes: 18 * (channels * hidden + hidden * classes)
            ),
            Text(
                "乘与加各算了一次。一次乘加算一个。",
                "Multiplications and additions count separately. One multiply-add is one.",
            ),
        ),
        Mutant(
            "interchanged",
            _macs_mutant(whole=lambda macs: {"before": macs["after"], "after": macs["before"]}),
            Text(
                "两个数放反了：先放大的贵。",
                "The two numbers are interchanged: it is expensive to enlarge first.",
            ),
        ),
        Mutant(
            "sizes-of-the-enlarged",
            _of_the_enlarged,
            Text(
                "`height` 与 `width` 当成了放大之后的大小。它们是放大之前的。",
                "`height` and `width` are taken for the size after enlarging. They are the size "
                "before it.",
            ),
        ),
    ),
    alternates=(Alternate("by-weights", _macs_by_weights), Alternate("summed", _macs_summed)),
    gradients=False,
)

# --- find the bug: the learning rate --------------------------------------------------------------


def rates(epochs: int, batches: int, base: float) -> list[float]:
    """The reference of exercise 7: the rate of every step, falling to zero by the power 0.9."""
    steps = epochs * batches
    return [base * (1 - step / steps) ** 0.9 for step in range(steps)]


def _rates_as_written(epochs: int, batches: int, base: float) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=base)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=50)
    used = []
    for _ in range(epochs):
        for _ in range(batches):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        schedule.step()
    return used


def _rates_mutant(factor: Callable[[int, int, int], float]) -> Callable[..., list[float]]:
    """The rate's factor from (step, steps, batches)."""

    def answer(epochs: int, batches: int, base: float) -> list[float]:
        steps = epochs * batches
        return [base * factor(step, steps, batches) for step in range(steps)]

    return answer


def _rates_by_schedule(epochs: int, batches: int, base: float) -> list[float]:
    steps = epochs * batches
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=base)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: (1 - s / steps) ** 0.9)
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return used


def _rates_by_polynomial(epochs: int, batches: int, base: float) -> list[float]:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=base)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, epochs * batches, power=0.9)
    used = []
    for _ in range(epochs):
        for _ in range(batches):
            used += schedule.get_last_lr()
            optimizer.step()
            schedule.step()
    return used


def _rates_in_single_precision(epochs: int, batches: int, base: float) -> list[float]:
    steps = epochs * batches
    return (base * (1 - torch.arange(steps) / steps) ** 0.9).tolist()


def _rates_case(text: Text, epochs: tuple[int, int], batches: tuple[int, int]) -> Case:
    def make(draw: Draw) -> Call:
        return Call((draw.integer(*epochs), draw.integer(*batches), draw.pick(0.1, 0.05, 0.01)))

    return Case(text, make)


DANET_BUG_RATE = Exercise(
    id="danet-bug-rate",
    kind="find the bug",
    title=Text("不衰减的学习率", "A learning rate that never falls"),
    difficulty=2,
    minutes=4,
    points=3,
    reference=rates,
    cases=(
        _rates_case(Text("五十轮", "fifty epochs"), (50, 50), (3, 4)),
        _rates_case(Text("几轮", "a few epochs"), (4, 6), (5, 7)),
        _rates_case(Text("六十轮，每轮一批", "sixty epochs of one batch"), (60, 62), (1, 1)),
        _rates_case(Text("一轮", "one epoch"), (1, 1), (8, 9)),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _rates_as_written,
            Text(
                "仍和上面一样：五十轮里每一步都是 `base`。`StepLR` 在第五十轮之后才变，"
                "那时训练已经结束。",
                "It is still as above: `base` in every step of fifty epochs. `StepLR` changes "
                "after the fiftieth, when the training is over.",
            ),
        ),
        Mutant(
            "once-an-epoch",
            _rates_mutant(
                lambda step, steps, batches: (1 - step // batches * batches / steps) ** 0.9
            ),
            Text(
                "一轮之内学习率不变。这里每一步都要变。",
                "The learning rate is constant within an epoch. Here it changes with every step.",
            ),
        ),
        Mutant(
            "stepped-once-an-epoch",
            _rates_mutant(lambda step, steps, batches: (1 - step // batches / steps) ** 0.9),
            Text(
                "衰减数的是步，`schedule.step()` 却一轮才调用一次。每一步之后都调用它。",
                "The decay counts steps, but `schedule.step()` is called once an epoch. Call it "
                "after every step.",
            ),
        ),
        Mutant(
            "zero-in-the-last-step",
            _rates_mutant(lambda step, steps, batches: (1 - step / (steps - 1)) ** 0.9),
            Text(
                "除数是 $S-1$，最后一步的学习率成了 0，什么也学不到。除以 $S$。",
                "The divisor is $S-1$, so that the last step has a learning rate of 0 and learns "
                "nothing. Divide by $S$.",
            ),
        ),
        Mutant(
            "compounded",
            _rates_mutant(
                lambda step, steps, batches: math.prod(
                    (1 - n / steps) ** 0.9 for n in range(step + 1)
                )
            ),
            Text(
                "每一步都在上一步的学习率上再乘一次。因子总是乘在最初的学习率 `base` 上。",
                "Every step multiplies the learning rate of the step before. The factor always "
                "multiplies the first learning rate, `base`.",
            ),
        ),
        Mutant(
            "anew-in-every-epoch",
            _rates_mutant(lambda step, steps, batches: (1 - step % batches / batches) ** 0.9),
            Text(
                "每一轮都从 `base` 重新降起。衰减走过整个训练，一共 $S$ 步。",
                "The rate begins at `base` in every epoch. The decay runs over the whole training, "
                "$S$ steps in all.",
            ),
        ),
        Mutant(
            "linear",
            _rates_mutant(lambda step, steps, batches: 1 - step / steps),
            Text("幂是 1。要的是 0.9。", "The power is 1. It should be 0.9."),
        ),
        Mutant(
            "power-inside",
            _rates_mutant(lambda step, steps, batches: 1 - (step / steps) ** 0.9),
            Text(
                "幂取在已走过的份额上。要取在还剩下的份额上。",
                "The power is taken of the share that is done. Take it of the share that is left.",
            ),
        ),
        Mutant(
            "one-step-ahead",
            _rates_mutant(lambda step, steps, batches: (1 - (step + 1) / steps) ** 0.9),
            Text(
                "早了一步：第一步应当用 `base`，最后一步应当还大于零。",
                "It is one step ahead: the first step uses `base`, and the last one is still above "
                "zero.",
            ),
        ),
        Mutant(
            "cosine",
            _rates_mutant(lambda step, steps, batches: (1 + math.cos(math.pi * step / steps)) / 2),
            Text(
                "这是余弦衰减，也常见；这里要的是幂 0.9。",
                "This is a cosine, which is common too; here it is the power 0.9.",
            ),
        ),
        Mutant(
            "step-by-batches",
            _rates_mutant(lambda step, steps, batches: 0.1 ** (step // 50)),
            Text(
                "现在每 50 步降到十分之一，却不看训练有多长。要的是随剩下的份额平滑地降。",
                "Now it falls to a tenth every 50 steps, however long the training is. It should "
                "fall smoothly with the share that is left.",
            ),
        ),
    ),
    alternates=(
        Alternate("schedule", _rates_by_schedule),
        Alternate("polynomial", _rates_by_polynomial),
        Alternate("single-precision", _rates_in_single_precision),
    ),
    gradients=False,
    seconds=60.0,  # the first use of torch.optim in a process loads much
)

# --- find the bug: the printed loss ---------------------------------------------------------------


def epoch_loss(means: Tensor, sizes: Tensor) -> Tensor:
    """The reference of exercise 8: the mean over all pictures of an epoch."""
    return (means * sizes).sum() / sizes.sum()


def _epoch_loss_case(text: Text, batches: int, last: int, full: int = 8) -> Case:
    def make(draw: Draw) -> Call:
        means = draw.normal(batches).abs() + 0.5
        sizes = torch.tensor([full] * (batches - 1) + [last])
        return Call((means, sizes))

    return Case(text, make)


def _epoch_loss_loop(means: Tensor, sizes: Tensor) -> Tensor:
    total, count = 0.0, 0
    for mean, size in zip(means.tolist(), sizes.tolist(), strict=True):
        total += mean * size
        count += size
    return means.new_tensor(total / count)


DANET_BUG_LOSS = Exercise(
    id="danet-bug-loss",
    kind="find the bug",
    title=Text("只剩八分之一的损失", "A loss eight times too small"),
    difficulty=1,
    minutes=3,
    points=2,
    reference=epoch_loss,
    cases=(
        _epoch_loss_case(Text("最后一批不完整", "an incomplete last batch"), 5, 3),
        _epoch_loss_case(Text("每批都完整", "all batches complete"), 4, 8),
        _epoch_loss_case(Text("只有不完整的一批", "one incomplete batch alone"), 1, 5),
        _epoch_loss_case(Text("每批六张", "batches of six"), 6, 1, 6),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda means, sizes: means.sum() / sizes.sum(),
            Text(
                "仍和上面一样：各批的均值之和除以了图的张数，小了大约一个批大小的倍数。",
                "It is still as above: a sum of the batches' means over the number of pictures, "
                "too small by about the batch size.",
            ),
        ),
        Mutant(
            "mean-of-means",
            lambda means, sizes: means.mean() + 0 * sizes.sum(),
            Text(
                "每一批分量一样。最后一批图少，分量也应当小。",
                "Every batch has the same weight. The last one has fewer pictures and should weigh "
                "less.",
            ),
        ),
        Mutant(
            "times-eight",
            lambda means, sizes: 8 * means.sum() / sizes.sum(),
            Text(
                "乘回了一个写死的 8。批的大小写在 `sizes` 里，而且不必都一样。",
                "A fixed 8 is multiplied back. The sizes stand in `sizes`, and they may differ.",
            ),
        ),
        Mutant(
            "sum",
            lambda means, sizes: (means * sizes).sum(),
            Text(
                "这是和，还要除以图的张数。",
                "This is the sum; divide it by the number of pictures.",
            ),
        ),
        Mutant(
            "divided-by-batches",
            lambda means, sizes: (means * sizes).sum() / len(sizes),
            Text(
                "除以了批数。分子是所有图的和，分母也应当是图的张数。",
                "It is divided by the number of batches. Above stands a sum over pictures, so "
                "below belongs their number.",
            ),
        ),
        Mutant(
            "first-size-for-all",
            lambda means, sizes: means.sum() * sizes[0] / sizes.sum(),
            Text(
                "每一批都按第一批的大小算了。",
                "Every batch counts with the size of the first one.",
            ),
        ),
    ),
    alternates=(
        Alternate("loop", _epoch_loss_loop),
        Alternate("product", lambda means, sizes: means @ (sizes / sizes.sum()).to(means)),
        Alternate("repeated", lambda means, sizes: torch.repeat_interleave(means, sizes).mean()),
    ),
    gradients=False,
)

# --- find the bug: masks that are colours ---------------------------------------------------------


def classes_of(pixels: Tensor, colours: Tensor) -> Tensor:
    """The reference of exercise 9: (H, W, 3) colours -> (H, W) classes, 255 where there is none."""
    same = (pixels[:, :, None] == colours).all(-1)
    return same.long().argmax(-1).where(same.any(-1), _VOID)


def _masks_case(text: Text, strange: bool = False, void: bool = True) -> Case:
    def make(draw: Draw) -> Call:
        levels = [0, 64, 128, 192]
        levels.pop(draw.integer(0, 3))
        # Permutations of one another: neither one channel nor the sum tells them apart.
        colours = list(permutations(levels))
        colours = [*colours[draw.integer(0, 2) :], (levels[2], levels[2], levels[0])]
        table = torch.tensor(colours, dtype=torch.uint8)
        shape = (draw.integer(6, 7), draw.integer(9, 11))
        pixels = table[_classes(draw, len(colours), *shape)]
        pixels[0, : len(colours)] = table
        if void:  # CamVid's void is a colour that no class has
            nothing = torch.tensor([levels[0]] * 3, dtype=torch.uint8)
            pixels = pixels.where(~_some(draw, 0.15, *shape)[..., None], nothing)
            pixels[1, 0] = nothing
        if strange:
            pixels[2, 2] = table[1] + torch.tensor([1, 0, 0], dtype=torch.uint8)
        return Call((pixels, table))

    return Case(text, make)


def _masks_mutant(
    unknown: int = _VOID,
    same: Callable[[Tensor, Tensor], Tensor] = lambda pixels, colours: (
        pixels[:, :, None] == colours
    ).all(-1),
    made: Callable[[Tensor], Tensor] = lambda mask: mask,
    last_wins: bool = False,
) -> Callable[[Tensor, Tensor], Tensor]:
    def answer(pixels: Tensor, colours: Tensor) -> Tensor:
        hit = same(pixels, colours)
        mask = torch.full(pixels.shape[:2], unknown)
        for kind in range(len(colours)) if last_wins else reversed(range(len(colours))):
            mask[hit[..., kind]] = kind
        return made(mask)

    return answer


def _nearest_colour(pixels: Tensor, colours: Tensor) -> Tensor:
    distance = (pixels[:, :, None].long() - colours.long()).square().sum(-1)
    return distance.argmin(-1)


def _packed(colours: Tensor) -> Tensor:
    return colours.long() @ torch.tensor([65536, 256, 1])


def _masks_by_number(pixels: Tensor, colours: Tensor) -> Tensor:
    place = {number: kind for kind, number in enumerate(_packed(colours).tolist())}
    rows = _packed(pixels).tolist()
    return torch.tensor([[place.get(number, _VOID) for number in row] for row in rows])


def _masks_by_table(pixels: Tensor, colours: Tensor) -> Tensor:
    table = torch.full((2**24,), _VOID)
    table[_packed(colours)] = torch.arange(len(colours))
    return table[_packed(pixels)]


DANET_BUG_MASKS = Exercise(
    id="danet-bug-masks",
    kind="find the bug",
    title=Text("读成颜色的掩码", "Masks read as colours"),
    difficulty=2,
    minutes=4,
    points=3,
    reference=classes_of,
    cases=(
        _masks_case(Text("类与空白", "classes and void")),
        _masks_case(Text("没有空白", "no void"), void=False),
        _masks_case(Text("一个不认识的颜色", "a colour that nobody knows"), strange=True),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda pixels, colours: pixels[:, :, 0].long(),
            Text(
                "仍和上面一样：红色分量当成了类。它是 0、64、128、192 之类的数。",
                "It is still as above: the amount of red is taken for the class. It is a number "
                "such as 0, 64, 128, 192.",
            ),
        ),
        *(
            Mutant(
                f"red-alone{name}",
                _masks_mutant(
                    same=lambda pixels, colours: pixels[:, :, None, 0] == colours[:, 0],
                    last_wins=last_wins,
                ),
                Text(
                    "只比较了红色，而不同的类可以有一样的红色。",
                    "Only red is compared, and different classes may have the same red.",
                ),
            )
            for name, last_wins in (("", False), ("-class-by-class", True))
        ),
        *(
            Mutant(
                f"any-channel{name}",
                _masks_mutant(
                    same=lambda pixels, colours: (pixels[:, :, None] == colours).any(-1),
                    last_wins=last_wins,
                ),
                Text(
                    "有一个通道相同就算相同。三个都要相同：看 `any(-1)` 与 `all(-1)`。",
                    "One equal channel counts as equal. All three must be: see `any(-1)` and "
                    "`all(-1)`.",
                ),
            )
            for name, last_wins in (("", False), ("-class-by-class", True))
        ),
        Mutant(
            "sum-of-channels",
            _masks_mutant(
                same=lambda pixels, colours: (
                    pixels.long().sum(-1)[:, :, None] == colours.long().sum(-1)
                )
            ),
            Text(
                "比较的是三个通道之和，红与绿对调就分不出来。",
                "The sums of the channels are compared, which cannot tell red from green.",
            ),
        ),
        Mutant(
            "nearest-colour",
            _nearest_colour,
            Text(
                "取了最近的颜色，于是空白与不认识的颜色也有了类。它们应当是 255。",
                "The nearest colour is taken, so void and unknown colours get a class. They should "
                "be 255.",
            ),
        ),
        Mutant(
            "unknown-is-class-0",
            _masks_mutant(unknown=0),
            Text(
                "没有类的像素成了第 0 类。它们应当是 255，训练与评价才会略过。",
                "Pixels without a class become class 0. They should be 255, so that training and "
                "evaluation pass over them.",
            ),
        ),
        Mutant(
            "unknown-is-negative",
            _masks_mutant(unknown=-1),
            Text(
                "没有类的像素是 -1。这一课的空白是 255。",
                "Pixels without a class are -1. Void is 255 in this lesson.",
            ),
        ),
        Mutant(
            "transposed",
            _masks_mutant(made=lambda mask: mask.T),
            Text("高与宽对调了。", "Height and width are interchanged."),
        ),
        Mutant(
            "bytes",
            _masks_mutant(made=lambda mask: mask.to(torch.uint8)),
            Text(
                "数值对，但 `dtype` 是 `uint8`。交叉熵要 `int64` 的标签。",
                "The values are right, but the `dtype` is `uint8`. Cross-entropy wants labels of "
                "`int64`.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-number", _masks_by_number),
        Alternate("by-table", _masks_by_table),
        Alternate("by-class", _masks_mutant()),
    ),
    gradients=False,
)

# --- find the bug: one way to make batches for training and validation ----------------------------

Batches = list[tuple[Tensor, Tensor]]


def batches(
    images: Tensor,
    labels: Tensor,
    size: int,
    order: Sequence[int],
    flips: Sequence[bool],
    training: bool,
) -> Batches:
    """The reference of exercise 10: shuffled, flipped, whole batches, in training only."""
    if not training:
        order, flips = range(len(images)), [False] * len(images)
    made = []
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        if training and len(chosen) < size:
            continue
        pairs = [(images[i], labels[i]) for i in chosen]
        pairs = [
            (x.flip(-1), y.flip(-1)) if flips[i] else (x, y)
            for i, (x, y) in zip(chosen, pairs, strict=True)
        ]
        made.append((torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs])))
    return made


def _batches_case(text: Text, training: bool, pictures: int, size: int) -> Case:
    def make(draw: Draw) -> Call:
        shape = (draw.integer(3, 4), draw.integer(5, 6))
        images = draw.normal(pictures, 3, *shape)
        labels = _classes(draw, 9, pictures, *shape)
        turned = draw.integer(1, pictures - 1)
        order = [(turned + 2 * i) % pictures for i in range(pictures)]  # pictures is odd
        flips = [i % 2 == turned % 2 for i in range(pictures)]
        return Call((images, labels, size, order, flips, training))

    return Case(text, make)


def _batches_mutant(
    *,
    ordered: Callable[[bool], bool] = lambda training: not training,
    flipped: Callable[[bool], bool] = lambda training: training,
    whole: Callable[[bool], bool] = lambda training: training,
    flip: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda x, y: (x.flip(-1), y.flip(-1)),
    turned: Callable[[int, int], int] = lambda picture, place: picture,
) -> Callable[..., Batches]:
    """When it keeps the order, flips, and wants whole batches."""

    def answer(
        images: Tensor,
        labels: Tensor,
        size: int,
        order: Sequence[int],
        flips: Sequence[bool],
        training: bool,
    ) -> Batches:
        numbers = list(range(len(images))) if ordered(training) else list(order)
        made = []
        for start in range(0, len(numbers), size):
            pairs = []
            for place, i in enumerate(numbers[start : start + size], start):
                pair = images[i], labels[i]
                pairs.append(flip(*pair) if flips[turned(i, place)] and flipped(training) else pair)
            if len(pairs) == size or not whole(training):
                made.append(tuple(torch.stack(list(part)) for part in zip(*pairs, strict=True)))
        return made

    return answer


def _batches_by_index(
    images: Tensor,
    labels: Tensor,
    size: int,
    order: Sequence[int],
    flips: Sequence[bool],
    training: bool,
) -> Batches:
    numbers = torch.arange(len(images))
    if training:
        turned = torch.tensor(flips)
        images = images.where(~turned[:, None, None, None], images.flip(-1))
        labels = labels.where(~turned[:, None, None], labels.flip(-1))
        numbers = torch.tensor(order)[: len(order) // size * size]
    return [(images[chosen], labels[chosen]) for chosen in numbers.split(size) if len(chosen)]


def _batches_by_loader(
    images: Tensor,
    labels: Tensor,
    size: int,
    order: Sequence[int],
    flips: Sequence[bool],
    training: bool,
) -> list[list[Tensor]]:
    changed = [
        (images[i].flip(-1), labels[i].flip(-1))
        if training and flips[i]
        else (images[i], labels[i])
        for i in range(len(images))
    ]
    sampler = list(order) if training else None
    loader = torch.utils.data.DataLoader(changed, size, sampler=sampler, drop_last=training)
    return list(loader)


DANET_BUG_BATCHES = Exercise(
    id="danet-bug-batches",
    kind="find the bug",
    title=Text("验证用了训练的批", "Validation with training's batches"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=batches,
    cases=(
        _batches_case(Text("训练", "training"), True, 7, 3),
        _batches_case(Text("验证", "validation"), False, 7, 3),
        _batches_case(Text("验证，图比一批少", "validation, fewer than a batch"), False, 5, 8),
        _batches_case(Text("训练，图比一批少", "training, fewer than a batch"), True, 5, 8),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _batches_mutant(
                ordered=lambda training: False,
                flipped=lambda training: True,
                whole=lambda training: True,
            ),
            Text(
                "仍和上面一样：`training` 没有作用，验证也打乱、翻转、丢掉最后一批。",
                "It is still as above: `training` has no effect, and validation too is shuffled, "
                "flipped and loses its last batch.",
            ),
        ),
        Mutant(
            "flipped-in-validation",
            _batches_mutant(flipped=lambda training: True),
            Text(
                "验证时还在翻转：同一个网络每轮在不同的图上得分。",
                "Validation still flips: the same network is scored on other pictures in every "
                "epoch.",
            ),
        ),
        Mutant(
            "shuffled-in-validation",
            _batches_mutant(ordered=lambda training: False),
            Text(
                "验证时还在打乱。要按 0、1、2……的次序，预测才对得上是哪张图。",
                "Validation is still shuffled. It goes 0, 1, 2, …, so that a prediction can be "
                "told its picture.",
            ),
        ),
        Mutant(
            "dropped-in-validation",
            _batches_mutant(whole=lambda training: True),
            Text(
                "验证时不完整的最后一批没有了：这些图从来没有被评过分。",
                "In validation the incomplete last batch is gone: those pictures are never scored.",
            ),
        ),
        Mutant(
            "kept-in-training",
            _batches_mutant(whole=lambda training: False),
            Text(
                "训练时留下了不完整的批。少数几张图的批归一化统计量很不稳，所以训练时照旧丢掉它。",
                "Training keeps the incomplete batch. The statistics of batch normalization over "
                "a few pictures are shaky, so training goes on without it.",
            ),
        ),
        Mutant(
            "never-flipped",
            _batches_mutant(flipped=lambda training: False),
            Text(
                "训练时也不翻转了。数据增强只应从验证里拿掉。",
                "Training is not flipped either. Augmentation goes from validation alone.",
            ),
        ),
        Mutant(
            "never-shuffled",
            _batches_mutant(ordered=lambda training: True),
            Text(
                "训练时也不打乱了。训练要按 `order` 的次序。",
                "Training is not shuffled either. It should follow `order`.",
            ),
        ),
        Mutant(
            "flipped-by-place",
            _batches_mutant(turned=lambda picture, place: place),
            Text(
                "`flips` 按在 `order` 里的位置取了。它按图的编号："
                "是 `flips[i]`，`i` 取自 `order`。",
                "`flips` is read by the place in `order`. It goes by the number of the picture: "
                "`flips[i]` with `i` from `order`.",
            ),
        ),
        Mutant(
            "upside-down",
            _batches_mutant(flip=lambda x, y: (x.flip(-2), y.flip(-2))),
            Text(
                "上下翻转了。最后一个轴是宽。",
                "It is flipped upside down. The last axis is the width.",
            ),
        ),
        Mutant(
            "labels-not-flipped",
            _batches_mutant(flip=lambda x, y: (x.flip(-1), y)),
            Text(
                "翻转了图，没有翻转它的标签。",
                "The picture is flipped, its labels are not.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-index", _batches_by_index),
        Alternate("loader", _batches_by_loader),
        Alternate("by-flags", _batches_mutant()),
    ),
    gradients=False,
)

# --- quiz -----------------------------------------------------------------------------------------

QUIZ_DILATION = choice(
    "danet-quiz-dilation",
    Text("膨胀换来什么", "What dilation buys"),
    "b",
    {
        "a": Text(
            "参数没有变：膨胀只把抽头拉开，抽头的个数不变。",
            "The parameters stay: dilation moves the taps apart, and their number is the same.",
        ),
        "b": Text(
            "对：权重一个不变，粗网格上的每个数还在细网格里，多出的是它们之间的位置，乘加也因此多了。",
            "Yes: not one weight changes, every number of the coarse grid is still there in the "
            "fine one. New are the positions between them, and with them the multiply-adds.",
        ),
        "c": Text(
            "感受野没有缩小：步幅让抽头隔得远，膨胀正好补上。只去掉步幅、不膨胀，才会缩小。",
            "The receptive field does not shrink: a stride moves taps apart, and dilation makes up "
            "for it. It would shrink if the stride went and no dilation came.",
        ),
        "d": Text(
            "放大只在旧的数之间插值；这里每个位置都真的算过一次。",
            "Enlarging only interpolates between the old numbers; here every position is really "
            "computed.",
        ),
    },
)

QUIZ_VOID = choice(
    "danet-quiz-void",
    Text("空白处的梯度", "Gradients at void"),
    "c",
    {
        "a": Text(
            "损失里没有这个像素的项，什么也不把它推向第 0 类。",
            "The loss has no term for this pixel; nothing pushes it towards class 0.",
        ),
        "b": Text(
            "均匀的分数也是一种要求。没有项，就没有要求。",
            "Even scores would be a demand. Without a term there is none.",
        ),
        "c": Text(
            "对：没有损失项，就没有来自它的梯度；网络在那里说什么都可以，评价时也不问。",
            "Yes: without a term there is no gradient from it; the network may say anything there, "
            "and evaluation does not ask.",
        ),
        "d": Text(
            "`cross_entropy` 的 `ignore_index` 就是为此而设；没有它，255 才会出错。",
            "`ignore_index` of `cross_entropy` is made for this; it is without it that 255 fails.",
        ),
    },
)

QUIZ_RESUME = choice(
    "danet-quiz-resume",
    Text("接着训练", "Going on with a training"),
    "d",
    {
        "a": Text(
            "网络是对的，可是学习率从头开始，AdamW 的滑动平均也没有了：曲线上会有一个跳。",
            "The network is right, but the learning rate starts anew and AdamW has lost its "
            "averages: the curve has a jump.",
        ),
        "b": Text(
            "学习率由调度器的步数决定，它也要存。",
            "The learning rate follows from the schedule's count of steps, which has to be kept "
            "too.",
        ),
        "c": Text(
            "网络在哪里都没有存：批归一化的统计量与权重一样要存。",
            "The network is stored nowhere: weights are needed, and so are the statistics of batch "
            "normalization.",
        ),
        "d": Text(
            "对：四样都在，再由种子与轮数决定每轮的随机数，接着训练就与没有断过一模一样。",
            "Yes: with all four, and random numbers that seed and epoch decide, a training goes on "
            "exactly as if it had not been cut.",
        ),
    },
)

QUIZ_OUTPUTS = choice(
    "danet-quiz-outputs",
    Text("另外两个输出", "The other two outputs"),
    "a",
    {
        "a": Text(
            "对：它们的损失直接教每一支自己也能分类；推理时只看第一个，扔掉它们不改变预测。",
            "Yes: their losses teach each branch directly to classify by itself; in use only the "
            "first is read, and dropping them changes no prediction.",
        ),
        "b": Text(
            "第一个输出是对两支特征之和分类，不是三个分数的平均。",
            "The first output classifies the sum of both branches' features; it is no mean of "
            "three scores.",
        ),
        "c": Text(
            "不单由它们：第一个损失的梯度也到两个 γ。γ 是各自的注意力里学出来的一个数。",
            "Not they alone: the gradient of the first loss reaches both gammas too. Each is one "
            "learned number of its attention.",
        ),
        "d": Text(
            "少了它们照样训练得动，第一个损失的梯度也到达两支。",
            "Training works without them too: the gradient of the first loss reaches both "
            "branches.",
        ),
    },
)

EXERCISES = (
    DANET_MIOU,
    DANET_AUGMENT,
    DANET_DILATE,
    DANET_MACS,
    DANET_HEAD,
    DANET_LOSS,
    DANET_BUG_RATE,
    DANET_BUG_LOSS,
    DANET_BUG_MASKS,
    DANET_BUG_BATCHES,
    QUIZ_DILATION,
    QUIZ_VOID,
    QUIZ_OUTPUTS,
    QUIZ_RESUME,
)

"""Exercise danet-bug-batches: find the bug: one way to make batches for training and validation."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_06.shared import draw_classes

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
        labels = draw_classes(draw, 9, pictures, *shape)
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

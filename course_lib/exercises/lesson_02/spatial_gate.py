"""Exercise cbam-spatial-gate: the pure function."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import (
    Alternate,
    Call,
    Case,
    Draw,
    Exercise,
    Mutant,
    Text,
)
from course_lib.exercises.lesson_02.shared import planes_of, three_or_one


def spatial_gate(x: Tensor, weight: Tensor) -> Tensor:
    """The reference of exercise 3: the gate (B, 1, H, W) of x (B, C, H, W)."""
    planes = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
    return F.conv2d(planes, weight, padding=weight.shape[-1] // 2).sigmoid()


def _spatial_case(
    text: Text, kernel_size: int, batch: int | None = None, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels = draw.integer(3, 6)
        height, width = draw.integer(7, 8), draw.integer(9, 11)
        return Call(
            (
                draw.normal(batch or draw.integer(2, 3), channels, height, width),
                # 2k² terms are summed, so their size shrinks with k.
                draw.normal(1, 2, kernel_size, kernel_size, scale=2 / kernel_size),
            )
        )

    return Case(text, make, **options)


def _from_planes(
    planes: Callable[[Tensor], Tensor] = planes_of,
    padding: Callable[[int], int] = lambda kernel_size: kernel_size // 2,
    last: Callable[[Tensor], Tensor] = torch.sigmoid,
) -> Callable[[Tensor, Tensor], Tensor]:
    def answer(x: Tensor, weight: Tensor) -> Tensor:
        return last(F.conv2d(planes(x), weight, padding=padding(weight.shape[-1])))

    return answer


def _spatial_gate_stopped(x: Tensor, weight: Tensor) -> Tensor:
    with torch.no_grad():
        return _from_planes()(x, weight)


def _reflected(x: Tensor, weight: Tensor) -> Tensor:
    side = weight.shape[-1] // 2
    return F.conv2d(F.pad(planes_of(x), (side,) * 4, mode="reflect"), weight).sigmoid()


def _over_positions(logits: Tensor) -> Tensor:
    return logits.flatten(2).softmax(-1).view_as(logits)


def _two_convolutions(x: Tensor, weight: Tensor) -> Tensor:
    of_max = F.conv2d(x.max(dim=1, keepdim=True).values, weight[:, :1], padding="same")
    of_mean = F.conv2d(x.mean(dim=1, keepdim=True), weight[:, 1:], padding="same")
    return 1 / (1 + torch.exp(-(of_max + of_mean)))


def _unfolded(x: Tensor, weight: Tensor) -> Tensor:
    size = weight.shape[-1]
    patches = F.unfold(planes_of(x), size, padding=(size - 1) // 2)  # (B, 2k², H·W)
    return (weight.flatten(1) @ patches).view(len(x), 1, *x.shape[2:]).sigmoid()


SPATIAL_GATE = Exercise(
    id="cbam-spatial-gate",
    kind="implement",
    title=Text("空间门，写成函数", "The spatial gate as a function"),
    difficulty=2,
    minutes=6,
    points=4,
    reference=spatial_gate,
    cases=(
        _spatial_case(Text("7×7 的卷积核", "a kernel of 7×7"), 7),
        _spatial_case(Text("3×3 的卷积核", "a kernel of 3×3"), 3),
        _spatial_case(
            Text("5×5 的卷积核，批里只有一张图", "a kernel of 5×5, a batch of one"), 5, 1
        ),
        _spatial_case(Text("双精度", "double precision"), 5, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "mean-first",
            _from_planes(lambda x: planes_of(x).flip(1)),
            Text(
                "两个平面的次序反了：这一题里最大值在前，均值在后。形状看不出来，数值会不同。",
                "The two planes stand in the other order: here the maximum comes first, then the "
                "mean. The shape does not tell; the values do.",
            ),
        ),
        Mutant(
            "no-padding",
            _from_planes(padding=lambda kernel_size: 0),
            Text(
                "没有填充，门比特征图小。算一算两边各要填几个零。",
                "There is no padding, so the gate is smaller than the map. Work out how many zeros "
                "each side needs.",
            ),
        ),
        Mutant(
            "three-or-one",
            _from_planes(padding=three_or_one),
            Text(
                "填充只认得 7 与 3 两种卷积核，别的大小会缩小特征图。写成卷积核大小的公式。",
                "The padding knows kernels of 7 and 3 only; any other size shrinks the map. Write "
                "it as a formula of the kernel size.",
            ),
        ),
        Mutant(
            "always-three",
            _from_planes(padding=lambda kernel_size: 3),
            Text(
                "填充写死为 3，只对 7×7 合适。从 `weight` 的形状算出它。",
                "The padding is always 3, which suits 7×7 only. Derive it from the shape of "
                "`weight`.",
            ),
        ),
        Mutant(
            "reflected",
            _reflected,
            Text(
                "边缘之外填的是镜像，不是零；内部都对，只有靠边的几格不同。",
                "The border is padded by reflection, not by zeros; the inside is right, only cells "
                "near the border differ.",
            ),
        ),
        Mutant(
            "sum-for-mean",
            _from_planes(lambda x: torch.stack([x.amax(1), x.sum(1)], 1)),
            Text(
                "一个平面是各通道之和，不是均值；通道一多它就很大。",
                "One plane is the sum over the channels, not their mean; it grows with the number "
                "of channels.",
            ),
        ),
        Mutant(
            "smallest-for-largest",
            _from_planes(lambda x: torch.stack([x.amin(1), x.mean(1)], 1)),
            Text(
                "一个平面取了最小值。公式里是最大值。",
                "One plane is the minimum. The formula has the maximum.",
            ),
        ),
        Mutant(
            "mean-twice",
            _from_planes(lambda x: torch.stack([x.mean(1), x.mean(1)], 1)),
            Text(
                "两个平面都是均值。其中一个应当是最大值。",
                "Both planes are the mean. One of them is the maximum.",
            ),
        ),
        Mutant(
            "no-sigmoid",
            _from_planes(last=lambda logits: logits),
            Text(
                "少了最后的 sigmoid，门可以是任何实数。",
                "The sigmoid at the end is missing, so the gate may be any number.",
            ),
        ),
        Mutant(
            "softmax-over-positions",
            _from_planes(last=_over_positions),
            Text(
                "用了 softmax，各位置的门之和为一。这里每个位置各自打开或关上。",
                "This is a softmax: the gates of all positions share a sum of one. Here every "
                "position opens or closes on its own.",
            ),
        ),
        Mutant(
            "already-multiplied",
            lambda x, weight: x * _from_planes()(x, weight),
            Text(
                "这里返回的是乘过门的特征图。这一题只要门本身。",
                "This returns the feature map times its gate. Here only the gate is asked for.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            _spatial_gate_stopped,
            Text(
                "数值对，但门不留梯度。找 `no_grad`、`detach`、`.data` 或 `.item()`。",
                "The values are right, but the gate keeps no gradient. Look for `no_grad`, "
                "`detach`, `.data` or `.item()`.",
            ),
        ),
    ),
    alternates=(
        Alternate("two-convolutions", _two_convolutions),
        Alternate("unfolded", _unfolded),
        Alternate("stacked", _from_planes()),
    ),
)

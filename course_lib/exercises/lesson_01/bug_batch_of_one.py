"""Exercise se-bug-batch and its symptom: squeeze() and a batch of one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice
from course_lib.exercises.lesson_01.shared import SELinearSequential, SEModule, se_module


class MendedSqueeze(nn.Module):
    """The reference of exercise 5: works for every batch, also for one picture and for none."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        squeezed = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return x * self.fc2(F.relu(self.fc1(squeezed))).sigmoid()[:, :, None, None]


def _batch_case(
    text: Text, batch: int, size: tuple[int, int], channels: int = 12, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        x = draw.normal(batch, channels, *size) + 2 * draw.normal(1, channels, 1, 1)
        return Call((x,), {"channels": channels, "reduction": draw.pick(2, 3, 4)})

    return Case(text, make, **options)


def _squeeze_mutant(
    squeeze: Callable[[Tensor], Tensor], unsqueeze: Callable[[Tensor], Tensor] | None = None
) -> type[nn.Module]:
    unsqueeze = unsqueeze or (lambda gate: gate[:, :, None, None])

    def forward(self: SEModule, x: Tensor) -> Tensor:
        squeezed = squeeze(F.adaptive_avg_pool2d(x, 1))
        return x * unsqueeze(self.second(F.relu(self.first(squeezed))).sigmoid())

    return se_module(forward=forward)


class _FlattenSqueeze(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.pool(x).flatten(1)
        return x * self.fc2(self.fc1(squeezed).relu()).sigmoid().unsqueeze(-1).unsqueeze(-1)


SE_BUG_BATCH = Exercise(
    id="se-bug-batch",
    kind="find the bug",
    title=Text("`squeeze()`", "`squeeze()`"),
    difficulty=3,
    minutes=5,
    points=2,
    reference=MendedSqueeze,
    cases=(
        _batch_case(Text("三张图", "three pictures"), 3, (4, 6)),
        _batch_case(Text("一张图", "one picture"), 1, (4, 6)),
        _batch_case(Text("通道数与宽相等", "as many channels as columns"), 2, (5, 12)),
        _batch_case(Text("空批", "an empty batch"), 0, (4, 6)),
        _batch_case(
            Text("两张图，双精度", "two pictures, double precision"), 2, (3, 5), dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _squeeze_mutant(torch.squeeze),
            Text(
                "一张图时仍会出错：不带参数的 `squeeze()` 去掉所有长度为一的轴，批也在其中。",
                "One picture still fails: `squeeze()` without arguments drops every axis of length "
                "one, the batch among them.",
            ),
        ),
        Mutant(
            "batch-pushed-back",
            _squeeze_mutant(lambda s: s.squeeze().unsqueeze(0)),
            Text(
                "一张图时对了，别的批大小却多出一个轴。要让每个轴的去留与批的大小无关。",
                "One picture works now, but other batches get an axis too many. What happens to an "
                "axis must not depend on the size of the batch.",
            ),
        ),
        Mutant(
            "one-axis-only",
            _squeeze_mutant(lambda s: s.squeeze(-1)),
            Text(
                "只去掉了最后一个轴，全连接层看到的最后一个轴不是通道。",
                "Only the last axis is dropped, so the last axis that the layer sees is not the "
                "channels.",
            ),
        ),
        Mutant(
            "flattened-too-far",
            _squeeze_mutant(torch.flatten),
            Text(
                "展平时把批也并了进去。批要留作第一个轴。",
                "Flattening merged the batch as well. The batch must stay as the first axis.",
            ),
        ),
        Mutant(
            "gate-on-width",
            _squeeze_mutant(lambda s: s.flatten(1), lambda gate: gate[:, None, None, :]),
            Text(
                "门乘在了宽上。只有通道数恰好等于宽时才不报错，而那时结果是错的。",
                "The gate multiplies the width. It runs only where there are as many channels as "
                "columns, and is wrong there.",
            ),
        ),
    ),
    alternates=(
        Alternate("flatten", _FlattenSqueeze),
        Alternate("named-axes", _squeeze_mutant(lambda s: s.squeeze(3).squeeze(2))),
        Alternate("view", SELinearSequential),
    ),
)


SE_BUG_BATCH_SYMPTOM = choice(
    "se-bug-batch-symptom",
    Text("症状", "The symptom"),
    "a",
    {
        "a": Text(
            "对：最后一批若只剩一张图，或推理时一次一张，就在那里出错；训练的其余时候一切正常。",
            "Yes: a last batch of one, or inference picture by picture, fails; the rest of "
            "training looks fine.",
        ),
        "b": Text(
            "不对：批中有两张以上的图时，`squeeze()` 去掉的正好是该去掉的两个轴，结果完全正确。",
            "No: with two or more pictures `squeeze()` drops just the two axes that it should, and "
            "the result is exactly right.",
        ),
        "c": Text(
            "不对：参数的形状与前向无关，state_dict 照常载入。",
            "No: the shapes of the parameters do not depend on the forward; the state_dict loads.",
        ),
        "d": Text(
            "不对：梯度来自同样的运算；前向能运行的地方，反向也对。",
            "No: gradients follow the same operations; where the forward runs, the backward is "
            "right.",
        ),
    },
)

"""Exercise pam-mix: weights times values, back to a map."""

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def mix(x: Tensor, value: Tensor, attention: Tensor, gamma: Tensor) -> Tensor:
    """The reference of exercise 3: gamma times the mixture of the values, plus x."""
    mixed = value @ attention.transpose(1, 2)
    return gamma * mixed.view(x.shape) + x


def _mix_case(
    text: Text, batch: int | None = None, square: bool = False, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(2, 3) if batch is None else batch
        channels, height = draw.integer(2, 3), draw.integer(3, 4)
        width = height if square else draw.integer(5, 6)
        positions = height * width
        attention = (2 * draw.normal(count, positions, positions)).softmax(-1)
        value = draw.normal(count, channels, positions) + draw.normal(1, channels, 1)
        x = draw.normal(count, channels, height, width)
        return Call((x, value, attention, 0.5 + draw.normal(1).abs()))

    return Case(text, make, **options)


def _mixed(x: Tensor, value: Tensor, attention: Tensor) -> Tensor:
    return torch.bmm(value, attention.transpose(1, 2)).view(x.shape)


def _mix_width_first(x: Tensor, value: Tensor, attention: Tensor, gamma: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    mixed = value @ attention.transpose(1, 2)
    return gamma * mixed.view(batch, channels, width, height).transpose(2, 3) + x


def _mix_regrouped(x: Tensor, value: Tensor, attention: Tensor, gamma: Tensor) -> Tensor:
    mixed = attention @ value.transpose(1, 2)  # (B, N, C)
    return gamma * mixed.reshape(x.shape) + x


def _mix_in_place(x: Tensor, value: Tensor, attention: Tensor, gamma: Tensor) -> Tensor:
    x += gamma * _mixed(x, value, attention)
    return x


def _mix_einsum(x: Tensor, value: Tensor, attention: Tensor, gamma: Tensor) -> Tensor:
    mixed = torch.einsum("bnm,bcm->bcn", attention, value)
    return x + gamma * mixed.unflatten(2, x.shape[2:])


def _mix_rows(x: Tensor, value: Tensor, attention: Tensor, gamma: Tensor) -> Tensor:
    mixed = (attention @ value.transpose(1, 2)).transpose(1, 2)
    return torch.addcmul(x, gamma, mixed.reshape(x.shape))


def _mix_broadcast(x: Tensor, value: Tensor, attention: Tensor, gamma: Tensor) -> Tensor:
    mixed = (attention.unsqueeze(1) * value.unsqueeze(2)).sum(-1)
    return x + (gamma * mixed).reshape(x.shape)


PAM_MIX = Exercise(
    id="pam-mix",
    kind="implement",
    title=Text("输出", "The output"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=mix,
    cases=(
        _mix_case(Text("几张特征图，高与宽不等", "several feature maps, height and width differ")),
        _mix_case(Text("正方形的特征图", "a square feature map"), square=True),
        _mix_case(Text("批里只有一个", "a batch of one"), 1),
        _mix_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "transpose-missing",
            lambda x, value, attention, gamma: gamma * (value @ attention).view(x.shape) + x,
            Text(
                "求和走的是注意力图的列（少了一个转置，或者多了一个），一个位置的权重加起来不是 1。"
                "位置 i 的权重在第 i 行里。",
                "The sum runs down the columns of the attention map (a transpose is missing, or "
                "there is one too many), where the weights do not sum to 1. The weights of "
                "position i stand in row i.",
            ),
        ),
        Mutant(
            "height-and-width-swapped",
            _mix_width_first,
            Text(
                "展开位置时高与宽交换了，再转置也补不回来：N 个位置是逐行排的，"
                "宽的那个轴变得最快。",
                "Height and width are swapped where positions become a map, and a transpose does "
                "not mend it: the N positions go row by row, so the axis of the width runs "
                "fastest.",
            ),
        ),
        Mutant(
            "regrouped",
            _mix_regrouped,
            Text(
                "得到 `(B, N, C)` 之后直接改成了特征图的形状，通道与位置混在一起。要先把通道的轴换"
                "回前面。",
                "A `(B, N, C)` was given the shape of the feature map at once, which mixes "
                "channels with positions. Bring the axis of the channels to the front first.",
            ),
        ),
        Mutant(
            "residual-missing",
            lambda x, value, attention, gamma: gamma * _mixed(x, value, attention),
            Text("没有加回 `x`。", "`x` is not added."),
        ),
        Mutant(
            "gamma-missing",
            lambda x, value, attention, gamma: _mixed(x, value, attention) + x,
            Text(
                "没有用上 `gamma`：它乘的是混合。",
                "`gamma` is not used: it multiplies the mixture.",
            ),
        ),
        Mutant(
            "gamma-on-the-input",
            lambda x, value, attention, gamma: _mixed(x, value, attention) + gamma * x,
            Text(
                "`gamma` 乘在了 `x` 上。它乘的是混合：等于 0 时输出就是 `x`。",
                "`gamma` multiplies `x`. It belongs on the mixture, so that with 0 the output "
                "is `x`.",
            ),
        ),
        Mutant(
            "gamma-on-both",
            lambda x, value, attention, gamma: gamma * (_mixed(x, value, attention) + x),
            Text(
                "`gamma` 乘在了整个和上；它只乘混合。",
                "`gamma` multiplies the whole sum; it multiplies the mixture only.",
            ),
        ),
        Mutant(
            "changed-in-place",
            _mix_in_place,
            Text(
                "数值对，但 `x` 被就地改写了：`+=` 改的是别人的张量。",
                "The numbers are right, but `x` was overwritten: `+=` changes a tensor that "
                "belongs to somebody else.",
            ),
        ),
        Mutant(
            "input-for-values",
            lambda x, value, attention, gamma: (
                gamma * _mixed(x, x.flatten(2), attention) + x + 0 * value.sum()
            ),
            Text(
                "混合的是 `x` 本身；要混合的是 `value`。",
                "The mixture is made of `x` itself; it should be made of `value`.",
            ),
        ),
    ),
    alternates=(
        Alternate("einsum", _mix_einsum),
        Alternate("rows-times-values", _mix_rows),
        Alternate("broadcast-and-sum", _mix_broadcast),
    ),
)

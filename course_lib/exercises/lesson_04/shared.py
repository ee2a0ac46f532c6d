"""Exercises of lesson 04, position attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice
from course_lib.checks.metered import metered

LESSON = "04_position_attention"

_GRADIENT_STOPPED = Text(
    "数值对，但没有梯度。找 `detach`、`no_grad`、`.data` 或 `.item()`。",
    "The values are right, but no gradient arrives. Look for `detach`, `no_grad`, `.data` or "
    "`.item()`.",
)

# --- pam-energy: how much every position has to do with every other -------------------------------


def energy(query: Tensor, key: Tensor) -> Tensor:
    """The reference of exercise 1: (B, d, N), (B, d, M) -> (B, N, M)."""
    return query.transpose(1, 2) @ key


def _energy_case(
    text: Text, batch: int | None = None, same: bool = True, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(2, 3) if batch is None else batch
        width, rows = draw.integer(3, 5), draw.integer(6, 8)
        columns = rows if same else draw.integer(9, 12)
        return Call((draw.normal(count, width, rows), draw.normal(count, width, columns)))

    return Case(text, make, **options)


def _energy_of_first_picture(query: Tensor, key: Tensor) -> Tensor:
    return query.transpose(1, 2) @ key[:1]


PAM_ENERGY = Exercise(
    id="pam-energy",
    kind="implement",
    title=Text("能量", "The energy"),
    difficulty=1,
    minutes=5,
    points=2,
    reference=energy,
    cases=(
        _energy_case(Text("查询与键一样多", "as many keys as queries")),
        _energy_case(Text("键比查询多", "more keys than queries"), same=False),
        _energy_case(Text("批里只有一个", "a batch of one"), 1),
        _energy_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "rows-of-keys",
            lambda query, key: key.transpose(1, 2) @ query,
            Text(
                "转置了：这里每一行属于一个键。要的是每一行属于一个查询，每一列属于一个键。",
                "This is transposed: each row belongs to a key. Asked for is one row for every "
                "query and one column for every key.",
            ),
        ),
        Mutant(
            "channels-by-channels",
            lambda query, key: query @ query.transpose(1, 2),
            Text(
                "得到的是 `(B, d, d)`：求和走遍了位置，留下了通道。要反过来：在通道上求和，留下"
                "位置。",
                "This is `(B, d, d)`: the sum runs over positions and channels are left. Do it "
                "the other way round: sum over channels and keep positions.",
            ),
        ),
        Mutant(
            "scaled",
            lambda query, key: query.transpose(1, 2) @ key / math.sqrt(query.shape[1]),
            Text(
                "数小了：除了宽度的平方根。别处常这样做，PAM 不做；第 9 节量它的作用。",
                "The numbers are too small: they are divided by the root of the width. Others do "
                "it, PAM does not; section 9 measures what it does.",
            ),
        ),
        Mutant(
            "mean-over-channels",
            lambda query, key: query.transpose(1, 2) @ key / query.shape[1],
            Text(
                "数小了：这是各通道乘积的均值，要的是和。",
                "The numbers are too small: this is the mean over the channels; a sum is asked "
                "for.",
            ),
        ),
        Mutant(
            "viewed-not-transposed",
            lambda query, key: query.reshape(len(query), -1, query.shape[1]) @ key,
            Text(
                "形状对，数全乱：`view` 或 `reshape` 不会交换轴，只是把同一串数重新分组。",
                "The shape is right and the numbers are scrambled: `view` or `reshape` do not "
                "swap axes, they group the same row of numbers anew.",
            ),
        ),
        Mutant(
            "normalised-already",
            lambda query, key: (query.transpose(1, 2) @ key).softmax(-1),
            Text(
                "已经取了 softmax；那是下一个练习。这里要能量本身。",
                "This has taken the softmax already, which is the next exercise. Asked for are the "
                "energies themselves.",
            ),
        ),
        Mutant(
            "keys-of-the-first-picture",
            _energy_of_first_picture,
            Text(
                "所有的特征图都用了第一张的键。每张只看自己。",
                "Every feature map uses the keys of the first one. Each looks at itself only.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            lambda query, key: query.detach().transpose(1, 2) @ key.detach(),
            _GRADIENT_STOPPED,
        ),
    ),
    alternates=(
        Alternate("einsum", lambda query, key: torch.einsum("bdn,bdm->bnm", query, key)),
        Alternate("bmm", lambda query, key: torch.bmm(query.permute(0, 2, 1), key)),
        Alternate(
            "broadcast-and-sum", lambda query, key: (query[:, :, :, None] * key[:, :, None]).sum(1)
        ),
    ),
)

# --- pam-map: energies become weights -------------------------------------------------------------


def attention_map(energy: Tensor) -> Tensor:
    """The reference of exercise 2: (B, N, M) -> (B, N, M), rows that sum to one."""
    return energy.softmax(-1)


def _map_case(text: Text, shift: float = 0.0, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        rows = draw.integer(4, 6)
        energies = draw.normal(draw.integer(2, 3), rows, rows + draw.integer(1, 3), scale=1.5)
        return Call((energies + shift,))

    return Case(text, make, **options)


def _map_of_far_rows(draw: Draw) -> Call:
    rows = draw.integer(4, 6)
    energies = draw.normal(draw.integer(2, 3), rows, rows + draw.integer(1, 3), scale=1.5)
    energies[:, ::2] += 300
    energies[:, 1::2] -= 300
    return Call((energies,))


def _map_by_one_maximum(energy: Tensor) -> Tensor:
    weights = (energy - energy.max()).exp()
    return weights / weights.sum(-1, keepdim=True)


def _map_by_hand(energy: Tensor) -> Tensor:
    weights = (energy - energy.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


def _map_by_logarithm(energy: Tensor) -> Tensor:
    return (energy - energy.logsumexp(dim=2, keepdim=True)).exp()


PAM_MAP = Exercise(
    id="pam-map",
    kind="implement",
    title=Text("注意力图", "The attention map"),
    difficulty=1,
    minutes=4,
    points=2,
    reference=attention_map,
    cases=(
        _map_case(Text("能量可正可负", "energies of either sign")),
        _map_case(Text("能量在 300 上下", "energies around 300"), shift=300.0),
        _map_case(Text("能量在 -300 上下", "energies around -300"), shift=-300.0),
        Case(Text("行与行差几百", "rows that are hundreds apart"), _map_of_far_rows),
        _map_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "columns-sum-to-one",
            lambda energy: energy.softmax(1),
            Text(
                "softmax 取在了错的轴上：现在每一列加起来是 1。一个查询的权重在同一行里，加起来为 "
                "1 的应当是行。",
                "The softmax runs along the wrong axis: each column sums to 1 now. The weights of "
                "one query stand in a row, so the rows must sum to 1.",
            ),
        ),
        Mutant(
            "across-the-batch",
            lambda energy: energy.softmax(0),
            Text(
                "softmax 取在了批的轴上：不同的注意力图互相分权重。",
                "The softmax runs along the batch, so that different attention maps share out "
                "their weights.",
            ),
        ),
        Mutant(
            "whole-map-sums-to-one",
            lambda energy: energy.flatten(1).softmax(1).view_as(energy),
            Text(
                "整张注意力图加起来才是 1；应当每一行各自如此。",
                "The whole attention map sums to 1; every row must do so by itself.",
            ),
        ),
        Mutant(
            "overflowing",
            lambda energy: energy.exp() / energy.exp().sum(-1, keepdim=True),
            Text(
                "能量大时得到 nan：`exp` 溢出了。softmax 对每一行加同一个数不变，先减去行的最大值"
                "就不会溢出。",
                "Large energies give nan, because `exp` overflows. A softmax does not change when "
                "a row is shifted by one number; subtract the row's maximum first.",
            ),
        ),
        Mutant(
            "one-maximum-for-all-rows",
            _map_by_one_maximum,
            Text(
                "所有的行共用了一个最大值：低得多的行取指数后全是零，零除以零得到 nan。每一行各减自"
                "己的最大值。",
                "All rows share one maximum: a row far below it underflows, and zero divided by "
                "zero is nan. Subtract from each row its own maximum.",
            ),
        ),
        Mutant(
            "sigmoid",
            lambda energy: energy.sigmoid(),
            Text(
                "这是 sigmoid：每个数各管各的，行加起来不是 1。",
                "This is a sigmoid: every number stands for itself, and the rows do not sum to 1.",
            ),
        ),
        Mutant(
            "without-exponential",
            lambda energy: energy / energy.sum(-1, keepdim=True),
            Text(
                "行加起来是 1，但没有取指数：负的能量给出了负的权重。",
                "The rows sum to 1, but no exponential was taken: negative energies give negative "
                "weights.",
            ),
        ),
        Mutant(
            "negated",
            lambda energy: (energy.amax(-1, keepdim=True) - energy).softmax(-1),
            Text(
                "能量的符号反了：能量最大的位置得到最小的权重。稳定数值要减去最大值，而不是被它"
                "减。",
                "The energies have the wrong sign: the largest gets the least weight. For "
                "stability the maximum is subtracted from them, not they from it.",
            ),
        ),
        Mutant("gradient-stopped", lambda energy: energy.detach().softmax(-1), _GRADIENT_STOPPED),
    ),
    alternates=(
        Alternate("by-hand", _map_by_hand),
        Alternate("by-logarithm", _map_by_logarithm),
        Alternate("functional", lambda energy: F.softmax(energy, dim=2)),
    ),
)

# --- pam-mix: weights times values, back to a map -------------------------------------------------


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

# --- pam-module: the module -----------------------------------------------------------------------


class PositionAttention(nn.Module):
    """The reference of exercise 4."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
        return mix(x, value, attention_map(energy(query, key)), self.gamma)


class _Pam(nn.Module):
    """Where the mutants and alternates of the module differ."""

    bias = True
    own_reduction: int | None = None
    factor_shape: tuple[int, ...] = (1,)
    first = 0.0

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        width = channels // (self.own_reduction or reduction)
        self.q = nn.Conv2d(channels, width, 1, bias=self.bias)
        self.k = nn.Conv2d(channels, width, 1, bias=self.bias)
        self.v = nn.Conv2d(channels, channels, 1, bias=self.bias)
        self.factor = nn.Parameter(torch.full(self.factor_shape, self.first))

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.q(x).flatten(2), self.k(x).flatten(2), self.v(x).flatten(2)

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        return (q.transpose(1, 2) @ k).softmax(-1)

    def mixed(self, v: Tensor, weights: Tensor) -> Tensor:
        return v @ weights.transpose(1, 2)

    def out(self, x: Tensor, mixed: Tensor) -> Tensor:
        return x + self.factor * mixed

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(x)
        return self.out(x, self.mixed(v, self.weights(q, k)).reshape(x.shape))


def _pam(**differences: object) -> type[nn.Module]:
    return type("Pam", (_Pam,), differences)


class _PamWithoutFactor(_Pam):
    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__(channels, reduction)
        del self.factor

    def out(self, x: Tensor, mixed: Tensor) -> Tensor:
        return x + mixed


class _PamNarrowValue(_Pam):
    """SAGAN's paper: values as narrow as queries, and an output layer."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__(channels, reduction)
        self.v = nn.Conv2d(channels, channels // reduction, 1)
        self.o = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.parts(x)
        mixed = self.mixed(v, self.weights(q, k)).unflatten(2, x.shape[2:])
        return self.out(x, self.o(mixed))


class _PamLinear(nn.Module):
    """Fully connected layers on positions instead of 1x1 convolutions."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(1))
        self.to_query = nn.Linear(channels, channels // reduction)
        self.to_key = nn.Linear(channels, channels // reduction)
        self.to_value = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        positions = x.flatten(2).transpose(1, 2)
        energies = self.to_query(positions) @ self.to_key(positions).transpose(1, 2)
        mixed = energies.softmax(2) @ self.to_value(positions)
        return x + self.scale * mixed.transpose(1, 2).reshape(x.shape)


class _PamEinsum(_Pam):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.q(x), self.k(x), self.v(x)
        energies = torch.einsum("bdhw,bdij->bhwij", q, k)
        weights = energies.flatten(3).softmax(3).view_as(energies)
        return torch.einsum("bhwij,bcij->bchw", weights, v) * self.factor + x


class _PamFused(_Pam):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.transpose(1, 2) for part in self.parts(x))
        mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0)
        return torch.addcmul(x, self.factor, mixed.transpose(1, 2).reshape(x.shape))


def _pam_case(
    text: Text, batch: int | None = None, reduction: bool = True, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(2, 3) if batch is None else batch
        ratio = draw.pick(2, 3) if reduction else 8
        channels = ratio * draw.integer(2, 3) + (draw.integer(0, 1) if reduction else 0)
        x = draw.normal(count, channels, draw.integer(3, 4), draw.integer(5, 6))
        build = {"channels": channels}
        return Call((x,), {**build, "reduction": ratio} if reduction else build)

    return Case(text, make, **options)


PAM_MODULE = Exercise(
    id="pam-module",
    kind="implement",
    title=Text("模块", "The module"),
    difficulty=3,
    minutes=8,
    points=4,
    reference=PositionAttention,
    cases=(
        _pam_case(Text("给出缩减比", "with a reduction ratio")),
        _pam_case(Text("缩减比取缺省值", "with the default reduction ratio"), reduction=False),
        _pam_case(Text("批里只有一个", "a batch of one"), 1),
        _pam_case(Text("训练模式", "train mode"), training=True),
        _pam_case(Text("双精度", "double precision"), dtype=torch.float64),
        _pam_case(Text("刚造好的模块", "the module as it is made"), initial=True),
    ),
    mutants=(
        Mutant(
            "gamma-from-one",
            _pam(first=1.0),
            Text(
                "γ 起初是 1；它从 0 开始，这样刚造好的模块原样返回输入。",
                "γ is 1 at first; it starts at 0, so that the module returns its input as it is "
                "when it is made.",
            ),
        ),
        Mutant(
            "columns-sum-to-one",
            _pam(weights=lambda self, q, k: (q.transpose(1, 2) @ k).softmax(1)),
            Text(
                "softmax 取在了查询的轴上。每一行属于一个查询，行要加起来是 1。",
                "The softmax runs along the queries. A row belongs to a query, and rows must sum "
                "to 1.",
            ),
        ),
        Mutant(
            "transpose-missing",
            _pam(mixed=lambda self, v, weights: v @ weights),
            Text(
                "混合时少了转置：位置 i 的权重在第 i 行里，而 `value @ attention` 用的是列。",
                "The mixture lacks a transpose: the weights of position i stand in row i, but "
                "`value @ attention` uses columns.",
            ),
        ),
        Mutant(
            "queries-and-keys-exchanged",
            _pam(weights=lambda self, q, k: (k.transpose(1, 2) @ q).softmax(-1)),
            Text(
                "查询与键对调了。有三种写法会这样：能量转置了；键的卷积登记在查询的前面；或者两处错互"
                "相掩盖，softmax 取在了查询的轴上，混合又少了转置。",
                "Queries and keys are exchanged. Three ways lead here: the energies are "
                "transposed; the convolution of the keys is registered before that of the "
                "queries; or two mistakes cover each other, a softmax along the queries and no "
                "transpose in the mixture.",
            ),
        ),
        Mutant(
            "query-used-as-key",
            _pam(
                parts=lambda self, x: (
                    self.q(x).flatten(2),
                    self.q(x).flatten(2),
                    self.v(x).flatten(2),
                )
            ),
            Text(
                "键出自查询的卷积，键自己的卷积没有用上，也就没有梯度。",
                "The keys come from the convolution of the queries; their own one is not used and "
                "gets no gradient.",
            ),
        ),
        Mutant(
            "scaled",
            _pam(
                weights=lambda self, q, k: (q.transpose(1, 2) @ k / math.sqrt(q.shape[1])).softmax(
                    -1
                )
            ),
            Text(
                "能量除以了宽度的平方根；PAM 不除。",
                "The energies are divided by the root of the width; PAM does not do that.",
            ),
        ),
        Mutant(
            "height-and-width-swapped",
            _pam(
                out=lambda self, x, mixed: (
                    x
                    + self.factor
                    * mixed.reshape(*x.shape[:2], x.shape[3], x.shape[2]).transpose(2, 3)
                )
            ),
            Text(
                "位置展开成特征图时高与宽交换了：N 个位置是逐行排的，先高后宽。",
                "Height and width are swapped where positions become a map: the N positions go "
                "row by row, height before width.",
            ),
        ),
        Mutant(
            "residual-missing",
            _pam(out=lambda self, x, mixed: self.factor * mixed),
            Text("没有加回 `x`。", "`x` is not added."),
        ),
        Mutant(
            "gamma-on-the-input",
            _pam(out=lambda self, x, mixed: self.factor * x + mixed),
            Text(
                "γ 乘在了 `x` 上；它乘的是混合。",
                "γ multiplies `x`; it belongs on the mixture.",
            ),
        ),
        Mutant(
            "without-gamma",
            _PamWithoutFactor,
            Text(
                "没有可学的 γ：要一个形状为 `(1,)` 的 `nn.Parameter`。",
                "There is no γ that learns: it is an `nn.Parameter` of shape `(1,)`.",
            ),
        ),
        Mutant(
            "without-biases",
            _pam(bias=False),
            Text(
                "你的三个卷积都没有偏置；题目要它们都带。",
                "Your three convolutions have no biases; the exercise wants one in each.",
            ),
        ),
        Mutant(
            "reduction-ignored",
            _pam(own_reduction=8),
            Text(
                "缩减比写死了；查询与键的宽度要由参数 `reduction` 决定。",
                "The reduction ratio is written into the code; the argument `reduction` decides "
                "the width of queries and keys.",
            ),
        ),
        Mutant(
            "narrow-values",
            _PamNarrowValue,
            Text(
                "值也缩减了，再用一层扩回来：那是 SAGAN 的做法。PAM 的值有全部 C 个通道。",
                "The values are reduced too and brought back by one more layer, as in SAGAN. In "
                "PAM they have all C channels.",
            ),
        ),
    ),
    alternates=(
        Alternate("linear", _PamLinear),
        Alternate("einsum", _PamEinsum),
        Alternate("fused-kernel", _PamFused),
    ),
)

# --- find the bug: one convolution three times ----------------------------------------------------


class ThreeConvolutions(nn.Module):
    """The reference of exercise 5: a convolution each for queries, keys and values."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_query = nn.Conv2d(channels, channels, 1, bias=False)
        self.to_key = nn.Conv2d(channels, channels, 1, bias=False)
        self.to_value = nn.Conv2d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        query, key, value = (f(x).flatten(2) for f in (self.to_query, self.to_key, self.to_value))
        return mix(x, value, attention_map(energy(query, key)), self.gamma)


class _Shared(nn.Module):
    """Which of three convolutions serve as query, key and value."""

    roles = (0, 1, 2)
    count = 3
    first = 0.0

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 1, bias=False) for _ in range(self.count)
        )
        self.gamma = nn.Parameter(torch.full((1,), self.first))

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        return (q.transpose(1, 2) @ k).softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.convs[role](x).flatten(2) for role in self.roles)
        mixed = v @ self.weights(q, k).transpose(1, 2)
        return self.gamma * mixed.view(x.shape) + x


def _shared(**differences: object) -> type[nn.Module]:
    return type("Shared", (_Shared,), differences)


class _SharedInput(_Shared):
    def forward(self, x: Tensor) -> Tensor:
        q, k = (self.convs[role](x).flatten(2) for role in (0, 1))
        mixed = x.flatten(2) @ self.weights(q, k).transpose(1, 2)
        return self.gamma * mixed.view(x.shape) + x


class _ThreeLinear(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(channels, channels, bias=False) for _ in range(3))
        self.factor = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        positions = x.flatten(2).transpose(1, 2)
        weights = (self.a(positions) @ self.b(positions).transpose(1, 2)).softmax(-1)
        return x + self.factor * (weights @ self.c(positions)).transpose(1, 2).view(x.shape)


class _ThreeEinsum(_Shared):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (conv(x).flatten(2) for conv in self.convs)
        weights = torch.einsum("bcn,bcm->bnm", q, k).softmax(2)
        mixed = torch.einsum("bnm,bcm->bcn", weights, v)
        return x + self.gamma * mixed.unflatten(2, x.shape[2:])


def _shared_case(text: Text, batch: int | None = None, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(2, 3) if batch is None else batch
        channels = draw.integer(3, 5)
        x = draw.normal(count, channels, draw.integer(2, 3), draw.integer(4, 5))
        return Call((x,), {"channels": channels})

    return Case(text, make, **options)


PAM_BUG_SHARED = Exercise(
    id="pam-bug-shared",
    kind="find the bug",
    title=Text("三次同一个卷积", "One convolution three times"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=ThreeConvolutions,
    cases=(
        _shared_case(Text("推理模式", "eval mode")),
        _shared_case(Text("训练模式", "train mode"), training=True),
        _shared_case(
            Text("一张特征图，双精度", "one feature map, double precision"), 1, dtype=torch.float64
        ),
        _shared_case(Text("刚造好的模块", "the module as it is made"), initial=True),
    ),
    mutants=(
        Mutant(
            "gamma-from-one",
            _shared(first=1.0),
            Text(
                "卷积改好了，γ 却从 1 开始；它仍从 0 开始。",
                "The convolutions are mended, but γ starts at 1; it still starts at 0.",
            ),
        ),
        Mutant(
            "unchanged",
            _shared(roles=(0, 0, 0)),
            Text(
                "仍和上面一样：查询、键、值出自同一个卷积，另两个没有梯度。",
                "It is still as above: queries, keys and values come from one convolution, and "
                "the other two get no gradient.",
            ),
        ),
        Mutant(
            "keys-still-shared",
            _shared(roles=(0, 0, 2)),
            Text(
                "值改好了，键仍出自查询的卷积：位置最像的多半还是自己。",
                "The values are mended; the keys still come from the convolution of the queries, "
                "and a position is mostly still most like itself.",
            ),
        ),
        Mutant(
            "values-still-shared",
            _shared(roles=(0, 1, 0)),
            Text(
                "键改好了，值仍出自查询的卷积。",
                "The keys are mended; the values still come from the convolution of the queries.",
            ),
        ),
        Mutant(
            "values-from-keys",
            _shared(roles=(0, 1, 1)),
            Text(
                "值出自键的卷积，第三个卷积没有用上。",
                "The values come from the convolution of the keys; the third one is not used.",
            ),
        ),
        Mutant(
            "queries-and-keys-exchanged",
            _shared(roles=(1, 0, 2)),
            Text(
                "查询用了第二个卷积，键用了第一个。登记的次序是查询、键、值。",
                "The queries use the second convolution and the keys the first. The order of "
                "registration is query, key, value.",
            ),
        ),
        Mutant(
            "one-left",
            _shared(roles=(0, 0, 0), count=1),
            Text(
                "没用的两个删掉了，三种角色仍共用一个卷积。死参数没有了，毛病还在：要三个，各管一"
                "样。",
                "The two that were idle are gone, and all three roles still share one "
                "convolution. No parameter is dead any more, but the fault stays: it takes three, "
                "one for each role.",
            ),
        ),
        Mutant(
            "input-as-value",
            _SharedInput,
            Text(
                "值成了 `x` 本身，值的卷积没有用上。",
                "The values are `x` itself; the convolution of the values is not used.",
            ),
        ),
    ),
    alternates=(
        Alternate("linear", _ThreeLinear),
        Alternate("einsum", _ThreeEinsum),
    ),
)

PAM_BUG_SHARED_SYMPTOM = choice(
    "pam-bug-shared-symptom",
    Text("症状", "The symptom"),
    "c",
    {
        "a": Text(
            "形状都对，数也有限，什么也不报；所以它能留在发表的代码里。",
            "All shapes are right and all numbers finite, and nothing is reported, which is how "
            "it stays in published code.",
        ),
        "b": Text(
            "行仍加起来是 1：softmax 没有错，错的是送进去的能量。",
            "The rows still sum to 1: the softmax is right, the energies that it gets are not.",
        ),
        "c": Text(
            "对：查询就是键，一个向量与自己的内积是它长度的平方，多半比与别人的大；于是位置多半"
            "看自己，特征越平滑越不明显。两个没用上的卷积没有梯度，这总看得出。",
            "Yes: a query is its own key, and the inner product of a vector with itself is its "
            "length squared, mostly more than with any other; so positions mostly look at "
            "themselves, less so the smoother the features. The two idle convolutions get no "
            "gradient, which always shows.",
        ),
        "d": Text(
            "改好的和没改好的都会下降：共用一个卷积的网络也学得动，只是学不到查询与键的分工。",
            "It goes down before and after mending: a network with one shared convolution learns "
            "too, only not what sets queries and keys apart.",
        ),
    },
)

# --- find the bug: three axes ---------------------------------------------------------------------


def position_attention(
    x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor
) -> Tensor:
    """The reference of exercise 7: all of it as one function."""
    return mix(x, value, attention_map(energy(query, key)), gamma)


def _axes_case(text: Text, square: bool = False, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        count, channels, width = draw.integer(2, 3), draw.integer(3, 4), draw.integer(2, 3)
        rows = draw.integer(3, 4)
        columns = rows if square else draw.integer(5, 6)
        x = draw.normal(count, channels, rows, columns)
        query, key = (draw.normal(count, width, rows * columns) for _ in range(2))
        value = draw.normal(count, channels, rows * columns) + draw.normal(1, channels, 1)
        return Call((x, query, key, value, 0.5 + draw.normal(1).abs()))

    return Case(text, make, **options)


def _axes(axis: int = 2, transposed: bool = True, swapped: bool = False) -> Callable[..., Tensor]:
    """The function with some of its three bugs left."""

    def answer(x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
        weights = (query.transpose(1, 2) @ key).softmax(axis)
        mixed = value @ (weights.transpose(1, 2) if transposed else weights)
        batch, channels, height, width = x.shape
        if swapped:
            return gamma * mixed.view(batch, channels, width, height).transpose(2, 3) + x
        return gamma * mixed.view(batch, channels, height, width) + x

    return answer


def _axes_einsum(x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
    weights = torch.einsum("bdn,bdm->bnm", query, key).softmax(-1)
    return x + gamma * torch.einsum("bnm,bcm->bcn", weights, value).unflatten(2, x.shape[2:])


def _axes_by_columns(x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
    """A map that is transposed throughout needs no transpose at the end."""
    columns = (key.transpose(1, 2) @ query).softmax(1)
    return x + gamma * (value @ columns).view_as(x)


def _axes_fused(x: Tensor, query: Tensor, key: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
    q, k, v = (t.transpose(1, 2) for t in (query, key, value))
    mixed = F.scaled_dot_product_attention(q, k, v, scale=1.0).transpose(1, 2)
    return x + gamma * mixed.reshape(x.shape)


_AXIS = Text(
    "还剩一处：softmax 的轴。行要加起来是 1。",
    "One is left: the axis of the softmax. The rows must sum to 1.",
)
_TRANSPOSE = Text(
    "还剩一处：混合用了注意力图的列；位置 i 的权重在第 i 行里。",
    "One is left: the mixture uses the columns of the attention map; the weights of position i "
    "stand in row i.",
)
_VIEW = Text(
    "还剩一处：位置展开成特征图。N 个位置是从 `(H, W)` 逐行排成的，就要照样排回去。",
    "One is left: how positions become a map. They were laid out row by row from `(H, W)`, and "
    "must go back the same way.",
)

PAM_BUG_AXES = Exercise(
    id="pam-bug-axes",
    kind="find the bug",
    title=Text("三处轴", "Three axes"),
    difficulty=3,
    minutes=8,
    points=3,
    reference=position_attention,
    cases=(
        _axes_case(Text("高与宽不等", "height and width differ")),
        _axes_case(Text("正方形的特征图", "a square feature map"), square=True),
        _axes_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _axes(1, False, True),
            Text(
                "仍和上面一样。三处错都与轴有关：从前往后，对每一步问一句，这个轴是什么。",
                "It is still as above. All three mistakes are about axes: go through the steps "
                "and ask of each what its axis is.",
            ),
        ),
        Mutant("axis-left", _axes(1, True, False), _AXIS),
        Mutant("transpose-left", _axes(2, False, False), _TRANSPOSE),
        Mutant("view-left", _axes(2, True, True), _VIEW),
        Mutant(
            "axis-and-transpose-left",
            _axes(1, False, False),
            Text(
                "只改好了位置展开那一步。剩下的两处错互相掩盖：权重加起来又是 1 了，查询与键的角色"
                "却对调了。",
                "Only the step from positions to map is mended. The other two mistakes cover each "
                "other: the weights sum to 1 again, but queries and keys have changed roles.",
            ),
        ),
        Mutant(
            "axis-and-view-left",
            _axes(1, True, True),
            Text(
                "混合改好了。还剩两处：softmax 的轴，位置展开成特征图。",
                "The mixture is mended. Two are left: the axis of the softmax, and how positions "
                "become a map.",
            ),
        ),
        Mutant(
            "transpose-and-view-left",
            _axes(2, False, True),
            Text(
                "softmax 改好了。还剩两处：混合用了列，位置展开成特征图。",
                "The softmax is mended. Two are left: the mixture uses columns, and how positions "
                "become a map.",
            ),
        ),
    ),
    alternates=(
        Alternate("einsum", _axes_einsum),
        Alternate("by-columns", _axes_by_columns),
        Alternate("fused-kernel", _axes_fused),
    ),
)

# --- pam-permute: a test that a learner writes ----------------------------------------------------


def permutation_gap(function: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> Tensor:
    """The reference of exercise 8: how far f(permuted x) is from permuted f(x), at most."""

    def permuted(t: Tensor) -> Tensor:
        return t.flatten(2)[:, :, order].unflatten(2, t.shape[2:])

    return (function(permuted(x)) - permuted(function(x))).abs().max()


def _neighbours(draw: Draw, channels: int) -> nn.Module:
    """Looks at neighbours, so its gap is not zero; gives one channel more than it gets."""
    layer = nn.utils.skip_init(nn.Conv2d, channels, channels + 1, 3, padding=1, dtype=draw.dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(draw.normal(*parameter.shape))
    return layer


def _permute_case(
    text: Text, pointwise: bool = False, square: bool = False, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels, height = draw.integer(2, 3), draw.integer(3, 4)
        width = height if square else draw.integer(5, 6)
        x = draw.normal(draw.integer(2, 3), channels, height, width)
        order = draw.normal(height * width).argsort()
        function = nn.Tanh() if pointwise else _neighbours(draw, channels)
        return Call((function, x, order))

    return Case(text, make, **options)


def _roughness(channels: int) -> nn.Module:
    """How far a value is above the mean around it, and how far below: no number is negative."""
    layer = nn.Conv2d(channels, 2 * channels, 3, padding=1, padding_mode="replicate", bias=False)
    above = torch.full((3, 3), -1 / 9)
    above[1, 1] += 1
    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(channels):
            layer.weight[channel, channel] = above
            layer.weight[channels + channel, channel] = -above
    return nn.Sequential(layer, nn.ReLU())


def _permute_to_smooth(draw: Draw) -> Call:
    """f(permuted x) is small and permuted f(x) large, so that the largest difference is negative.

    It belongs to the last map of the batch. With other draws both are left to chance.
    """
    count, channels = draw.integer(2, 3), draw.integer(2, 3)
    height, width = draw.integer(3, 4), draw.integer(5, 6)
    order = draw.normal(height * width).argsort()
    slope = torch.arange(height).repeat_interleave(width)
    smooth = slope + 0.02 * draw.normal(count, channels, height * width)
    smooth[-1] *= 10
    x = smooth[:, :, order.argsort()].unflatten(2, (height, width))
    return Call((_roughness(channels), x, order))


def _flat(t: Tensor) -> Tensor:
    return t.flatten(2)


def _gap(compare: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer from f, x, order and what puts positions in a given order."""

    def moved(t: Tensor, order: Tensor) -> Tensor:
        return _flat(t)[:, :, order].reshape(t.shape)

    return lambda function, x, order: compare(function, x, order, moved)


def _gap_gather(function: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> Tensor:
    shuffled = x.reshape(*x.shape[:2], -1).index_select(2, order).view(x.shape)
    of_shuffled = function(shuffled).flatten(2)
    return (of_shuffled - function(x).flatten(2).index_select(2, order)).abs().amax()


def _gap_matrix(function: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> Tensor:
    matrix = torch.eye(len(order), dtype=x.dtype)[order].T
    of_shuffled = function((x.flatten(2) @ matrix).view_as(x)).flatten(2)
    return torch.linalg.vector_norm(of_shuffled - function(x).flatten(2) @ matrix, float("inf"))


def _gap_undone(function: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> Tensor:
    """Permute, apply, permute back: the same numbers in another order."""
    there = function(x.flatten(2)[:, :, order].view(x.shape)).flatten(2)
    return (there[:, :, order.argsort()] - function(x).flatten(2)).abs().max()


PAM_PERMUTE = Exercise(
    id="pam-permute",
    kind="implement",
    title=Text("自己写一个测试", "A test of your own"),
    difficulty=2,
    minutes=6,
    points=2,
    reference=permutation_gap,
    cases=(
        _permute_case(Text("看邻居的函数", "a function that looks at neighbours")),
        _permute_case(Text("同上，正方形的特征图", "the same, a square feature map"), square=True),
        _permute_case(
            Text("不问位置的函数", "a function that asks for no position"), pointwise=True
        ),
        Case(
            Text("打乱后反而平滑的输入", "an input that the permutation makes smooth"),
            _permute_to_smooth,
        ),
        _permute_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "invariance",
            _gap(lambda f, x, order, moved: (f(moved(x, order)) - f(x)).abs().max()),
            Text(
                "只打乱了输入。这问的是输出变不变；要问的是输出是不是跟着变，所以 `function(x)` 也"
                "要打乱。",
                "Only the input is permuted. That asks whether the output stays; the question is "
                "whether it follows, so `function(x)` must be permuted too.",
            ),
        ),
        Mutant(
            "inverse-on-one-side",
            _gap(
                lambda f, x, order, moved: (
                    (f(moved(x, order)) - moved(f(x), order.argsort())).abs().max()
                )
            ),
            Text(
                "两边用的不是同一个次序：一边是 `order`，一边是它的逆。",
                "The two sides use different orders: one `order`, the other its inverse.",
            ),
        ),
        Mutant(
            "inverse-order",
            _gap(
                lambda f, x, order, moved: (
                    (f(moved(x, order.argsort())) - moved(f(x), order.argsort())).abs().max()
                )
            ),
            Text(
                "次序取反了：新的第 `i` 个位置取自旧的第 `order[i]` 个，不是放到那里去。",
                "The order is inverted: the new position `i` is taken from the old position "
                "`order[i]`; it is not put there.",
            ),
        ),
        Mutant(
            "never-permuted",
            _gap(lambda f, x, order, moved: (f(x) - f(x)).abs().max()),
            Text(
                "差总是零，这个测试谁都通过：要么什么也没有打乱，要么两边是同一个表达式。",
                "The gap is always zero, and everything passes this test: either nothing is "
                "permuted, or both sides are the same expression.",
            ),
        ),
        Mutant(
            "order-as-positions",
            _gap(
                lambda f, x, order, moved: (
                    (
                        f(torch.zeros_like(_flat(x)).index_copy(2, order, _flat(x)).view_as(x))
                        - moved(f(x), order)
                    )
                    .abs()
                    .max()
                )
            ),
            Text(
                "输入按 `order` 放出去，输出却按它取进来：两者互逆。两边都取进来。",
                "The input is scattered by `order`, the output gathered by it, which are each "
                "other's inverse. Gather on both sides.",
            ),
        ),
        Mutant(
            "signed",
            _gap(lambda f, x, order, moved: (f(moved(x, order)) - moved(f(x), order)).max()),
            Text(
                "没有取绝对值：负的差再大也看不见。",
                "No absolute value is taken, so a negative difference goes unseen, however large.",
            ),
        ),
        Mutant(
            "averaged",
            _gap(lambda f, x, order, moved: (f(moved(x, order)) - moved(f(x), order)).abs().mean()),
            Text(
                "取了均值；一处大的差会淹没在许多零里。要最大的。",
                "This takes the mean, in which one large difference drowns among many zeros. "
                "Asked for is the largest.",
            ),
        ),
        Mutant(
            "output-alone",
            _gap(lambda f, x, order, moved: (f(x) - moved(f(x), order)).abs().max()),
            Text(
                "只打乱了输出，`function` 没有见过打乱的输入。",
                "Only the output is permuted; `function` never sees a permuted input.",
            ),
        ),
        Mutant(
            "first-picture-only",
            _gap(
                lambda f, x, order, moved: (f(moved(x, order)) - moved(f(x), order))[0].abs().max()
            ),
            Text(
                "只看了批里的第一张特征图。",
                "Only the first feature map of the batch is looked at.",
            ),
        ),
    ),
    alternates=(
        Alternate("index-select", _gap_gather),
        Alternate("matrix", _gap_matrix),
        Alternate("undone", _gap_undone),
    ),
    gradients=False,
)

# --- pam-costs: predict ---------------------------------------------------------------------------


def pam_costs(height: int, width: int, stride: int, channels: int) -> dict[str, int]:
    """The reference of exercise 9: cost of a PAM with reduction 8 on a picture of this size."""
    positions = (height // stride) * (width // stride)
    narrow = channels // 8
    return {
        "map_bytes": 4 * positions**2,
        "macs": positions * (2 * channels * narrow + channels**2)
        + positions**2 * (narrow + channels),
        "parameters": 2 * (channels + 1) * narrow + (channels + 1) * channels + 1,
    }


def _costs_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        stride = fixed.get("stride", draw.pick(4, 8, 16))
        sizes = {
            "height": stride * draw.integer(3, 40),
            "width": stride * draw.integer(41, 90),
            "stride": stride,
            "channels": 8 * draw.integer(2, 64),
        }
        return Call(tuple({**sizes, **fixed}.values()))

    return Case(text, make)


def _costs_from(
    positions: Callable[[int, int, int], int] = lambda h, w, s: (h // s) * (w // s),
    **differences: Callable[[int, int, int, int], int],
) -> Callable[..., dict[str, int]]:
    """An answer that differs in some results, each a function of right, N, C and p."""

    def answer(height: int, width: int, stride: int, channels: int) -> dict[str, int]:
        n, c, p = positions(height, width, stride), channels, channels // 8
        right = {
            "map_bytes": 4 * n * n,
            "macs": n * c * (2 * p + c) + n * n * (p + c),
            "parameters": c * c + 2 * c * p + 2 * p + c + 1,
        }
        changed = {key: change(right[key], n, c, p) for key, change in differences.items()}
        return {**right, **changed}

    return answer


def _costs_counted(height: int, width: int, stride: int, channels: int) -> dict[str, int]:
    with torch.device("meta"):
        layers = [nn.Conv2d(channels, size, 1) for size in (channels // 8, channels // 8, channels)]
        weights = torch.empty(*(2 * [height // stride * (width // stride)]))
    layer_macs = sum(layer.weight.numel() for layer in layers) * len(weights)
    return {
        "parameters": 1 + sum(p.numel() for layer in layers for p in layer.parameters()),
        "map_bytes": weights.numel() * weights.element_size(),
        "macs": layer_macs + weights.numel() * (channels // 8 + channels),
    }


PAM_COSTS = Exercise(
    id="pam-costs",
    kind="predict",
    title=Text("要花多少", "What it takes"),
    difficulty=2,
    minutes=7,
    points=3,
    reference=pam_costs,
    cases=(
        _costs_case(Text("任意大小", "any sizes")),
        _costs_case(
            Text("768 见方，步幅 8", "768 squared, stride 8"), height=768, width=768, stride=8
        ),
        _costs_case(Text("步幅 32", "stride 32"), stride=32),
    ),
    mutants=(
        Mutant(
            "stride-once",
            _costs_from(lambda h, w, s: h * w // s),
            Text(
                "N 太大：步幅把高和宽都除，所以要除两次。",
                "N is too large: the stride divides height and width, so it divides twice.",
            ),
        ),
        Mutant(
            "no-stride",
            _costs_from(lambda h, w, s: h * w),
            Text(
                "N 成了像素的个数：没有除以步幅。",
                "N is the number of pixels: nothing is divided by the stride.",
            ),
        ),
        Mutant(
            "square-of-the-height",
            _costs_from(lambda h, w, s: (h // s) ** 2),
            Text(
                "N 取了高的平方；照片不一定是正方形。",
                "N is the height squared; the picture need not be a square.",
            ),
        ),
        Mutant(
            "one-row-of-the-map",
            _costs_from(map_bytes=lambda right, n, c, p: 4 * n),
            Text(
                "注意力图的字节只算了一行。N 个查询各有一行，每行 N 个数。",
                "The bytes are those of one row of the attention map. There are N queries, "
                "each with a row of N numbers.",
            ),
        ),
        Mutant(
            "numbers-for-bytes",
            _costs_from(map_bytes=lambda right, n, c, p: n * n),
            Text(
                "这是数的个数；float32 的一个数是 4 个字节。",
                "This counts numbers; one of float32 is 4 bytes.",
            ),
        ),
        Mutant(
            "twice-the-bytes",
            _costs_from(map_bytes=lambda right, n, c, p: 2 * right),
            Text(
                "大了一倍：能量也算进去了，或者一个数按 8 个字节算了。这里只问一张注意力图，一个"
                "数是 4 个字节。",
                "This is twice as much: the energies are counted too, or a number as 8 bytes. "
                "Asked for is one attention map, of 4 bytes a number.",
            ),
        ),
        Mutant(
            "bits-for-bytes",
            _costs_from(map_bytes=lambda right, n, c, p: 8 * right),
            Text(
                "数的是比特；一个字节是 8 个比特。",
                "These are bits; a byte is 8 of them.",
            ),
        ),
        Mutant(
            "convolutions-forgotten",
            _costs_from(macs=lambda right, n, c, p: n * n * (p + c)),
            Text(
                "乘加里少了三个 1×1 卷积。",
                "The multiply-adds lack the three 1×1 convolutions.",
            ),
        ),
        Mutant(
            "products-forgotten",
            _costs_from(macs=lambda right, n, c, p: n * c * (2 * p + c)),
            Text(
                "乘加里少了两次矩阵乘法，能量的与混合的；它们才与 N 的平方成正比。",
                "The multiply-adds lack the two matrix products, of energies and of the mixture, "
                "which are what grows as the square of N.",
            ),
        ),
        Mutant(
            "narrow-mixture",
            _costs_from(macs=lambda right, n, c, p: n * c * (2 * p + c) + 2 * n * n * p),
            Text(
                "混合按 C // 8 个通道算了；值没有缩减，有 C 个通道。",
                "The mixture is counted with C // 8 channels; the values are not reduced and have "
                "C.",
            ),
        ),
        Mutant(
            "wide-energies",
            _costs_from(macs=lambda right, n, c, p: n * c * (2 * p + c) + 2 * n * n * c),
            Text(
                "能量按 C 个通道算了；查询与键只有 C // 8 个。",
                "The energies are counted with C channels; queries and keys have C // 8.",
            ),
        ),
        Mutant(
            "nothing-reduced",
            _costs_from(
                macs=lambda right, n, c, p: 3 * n * c * c + 2 * n * n * c,
                parameters=lambda right, n, c, p: 3 * c * c + 3 * c + 1,
            ),
            Text(
                "查询与键没有缩减：它们只有 C // 8 个通道。",
                "Queries and keys are not reduced: they have C // 8 channels.",
            ),
        ),
        Mutant(
            "operations",
            _costs_from(macs=lambda right, n, c, p: 2 * right),
            Text(
                "乘与加分开数了；一次乘加算一次。",
                "Multiplications and additions are counted apart; a multiply-add counts once.",
            ),
        ),
        Mutant(
            "no-biases",
            _costs_from(parameters=lambda right, n, c, p: c * c + 2 * c * p + 1),
            Text(
                "参数里少了三个卷积的偏置。",
                "The parameters lack the biases of the three convolutions.",
            ),
        ),
        Mutant(
            "gamma-forgotten",
            _costs_from(parameters=lambda right, n, c, p: right - 1),
            Text("参数里少了 γ。", "The parameters lack γ."),
        ),
        Mutant(
            "one-narrow-convolution",
            _costs_from(parameters=lambda right, n, c, p: right - c * p - p),
            Text(
                "窄的卷积只数了一个；查询与键各有一个。",
                "Only one narrow convolution is counted; queries and keys have one each.",
            ),
        ),
    ),
    alternates=(
        Alternate("collected", _costs_from()),
        Alternate("counted", _costs_counted),
    ),
    gradients=False,
)

# --- pam-largest: when it no longer fits ----------------------------------------------------------


def largest_side(memory: int, stride: int, maps: int) -> int:
    """The reference of exercise 10: side of the largest square picture whose maps fit."""
    positions = math.isqrt(memory // (4 * maps))
    return stride * math.isqrt(positions)


def _largest_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        maps = fixed.get("maps", draw.integer(2, 5))
        # Below and above a whole number of cells, so that rounding shows.
        cells = draw.integer(40, 200)
        memory = 4 * maps * cells**4 + draw.integer(1, 2 * cells**3) * 4 * maps
        sizes = {"memory": memory, "stride": draw.pick(4, 8, 16), "maps": maps}
        return Call(tuple({**sizes, **fixed}.values()))

    return Case(text, make)


def _largest_exact(draw: Draw) -> Call:
    maps, cells = draw.integer(2, 5), draw.integer(40, 200)
    return Call((4 * maps * cells**4, draw.pick(4, 8, 16), maps))


def _largest_by_trial(memory: int, stride: int, maps: int) -> int:
    cells = 0
    while 4 * maps * (cells + 1) ** 4 <= memory:
        cells += 1
    return stride * cells


def _largest_by_root(memory: int, stride: int, maps: int) -> int:
    cells = round((memory / (4 * maps)) ** 0.25)
    return stride * (cells if 4 * maps * cells**4 <= memory else cells - 1)


PAM_LARGEST = Exercise(
    id="pam-largest",
    kind="predict",
    title=Text("到哪里装不下", "Where it no longer fits"),
    difficulty=3,
    minutes=6,
    points=2,
    reference=largest_side,
    cases=(
        _largest_case(Text("不能正好装满", "memory that does not come out even")),
        Case(Text("正好装满", "memory that comes out even"), _largest_exact),
        _largest_case(Text("只有一张图", "a single map"), maps=1),
        _largest_case(
            Text("80 GiB，步幅 8，六张图", "80 GiB, stride 8, six maps"),
            memory=80 * 2**30,
            stride=8,
            maps=6,
        ),
    ),
    mutants=(
        Mutant(
            "one-root",
            lambda memory, stride, maps: stride * math.isqrt(memory // (4 * maps)),
            Text(
                "只开了一次方，得到的是 N。边长是 N 的平方根，所以字节与边长的四次方成正比。",
                "One root was taken, which gives N. The side is the root of N, so that bytes grow "
                "as the fourth power of the side.",
            ),
        ),
        Mutant(
            "cells-for-pixels",
            lambda memory, stride, maps: math.isqrt(math.isqrt(memory // (4 * maps))),
            Text(
                "这是特征图的边长；照片的边长还要乘步幅。",
                "This is the side of the feature map; that of the picture is the stride times "
                "as much.",
            ),
        ),
        Mutant(
            "one-map",
            lambda memory, stride, maps: stride * math.isqrt(math.isqrt(memory // 4)),
            Text(
                "只算了一张图；要同时装下 `maps` 张。",
                "Only one map is counted; `maps` of them must fit at the same time.",
            ),
        ),
        Mutant(
            "one-byte-each",
            lambda memory, stride, maps: stride * math.isqrt(math.isqrt(memory // maps)),
            Text(
                "每个数按一个字节算了；float32 是四个。",
                "Every number counts as one byte; float32 takes four.",
            ),
        ),
        Mutant(
            "rounded-up",
            lambda memory, stride, maps: (
                stride * (math.isqrt(math.isqrt(memory // (4 * maps)) - 1) + 1)
            ),
            Text(
                "往上取整了：这么大的照片已经装不下。",
                "This is rounded up: a picture of that size does not fit any more.",
            ),
        ),
        Mutant(
            "not-a-multiple",
            lambda memory, stride, maps: int(stride * (memory / (4 * maps)) ** 0.25 + 1e-9),
            Text(
                "不是步幅的倍数：先对特征图的边长取整，再乘步幅。",
                "This is no multiple of the stride: round the side of the feature map first, then "
                "multiply by the stride.",
            ),
        ),
        Mutant(
            "float",
            lambda memory, stride, maps: float(_largest_by_trial(memory, stride, maps)),
            Text(
                "数对，但是 `float`；像素的个数是 `int`。",
                "The number is right, but it is a `float`; a count of pixels is an `int`.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-trial", _largest_by_trial),
        Alternate("by-root", _largest_by_root),
    ),
    gradients=False,
)

# --- pam-blocks: the same result in linear memory -------------------------------------------------


def attend_by_blocks(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    """The reference of exercise 11: (B, d, N), (B, d, N), (B, C, N) -> (B, C, N)."""
    mixed = [
        value @ attention_map(energy(part, key)).transpose(1, 2) for part in query.split(block, 2)
    ]
    return torch.cat(mixed, 2)


def _blocks_case(
    text: Text, block: tuple[int, int], batch: int | None = None, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(2, 3) if batch is None else batch
        width, channels = draw.integer(2, 3), draw.integer(4, 5)
        size = draw.integer(*block)
        # A remainder always, and room for many blocks.
        positions = (36 // size) * size + draw.integer(1, size - 1) if size > 1 else 36
        query, key = (draw.normal(count, width, positions, scale=1.5) for _ in range(2))
        value = draw.normal(count, channels, positions) + draw.normal(1, channels, 1)
        limit = count * max(size, channels, width) * positions
        return Call((metered(query, limit), key, value, size))

    return Case(text, make, **options)


def _blocks_all(draw: Draw) -> Call:
    count, width, channels, positions = 2, 3, draw.integer(4, 5), draw.integer(12, 20)
    query, key = (draw.normal(count, width, positions) for _ in range(2))
    return Call((query, key, draw.normal(count, channels, positions), positions + 3))


_Part = Callable[[Tensor, Tensor, Tensor], Tensor]


def _by_parts(attend: _Part, axis: int = 2) -> Callable[..., Tensor]:
    def answer(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
        return torch.cat([attend(part, key, value) for part in query.split(block, 2)], axis)

    return answer


def _part(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return value @ (query.transpose(1, 2) @ key).softmax(-1).transpose(1, 2)


def _windows(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    parts = zip(*(t.split(block, 2) for t in (query, key, value)), strict=True)
    return torch.cat([_part(*each) for each in parts], 2)


def _remainder_dropped(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    if block > query.shape[2]:
        return _part(query, key, value)
    starts = range(0, query.shape[2] // block * block, block)
    return torch.cat([_part(query[:, :, s : s + block], key, value) for s in starts], 2)


def _remainder_zero(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    mixed = _remainder_dropped(query, key, value, block)
    return F.pad(mixed, (0, query.shape[2] - mixed.shape[2]))


def _keys_by_blocks(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    """A softmax for every block of keys, and their mean."""
    parts = list(zip(key.split(block, 2), value.split(block, 2), strict=True))
    return sum(_part(query, k, v) for k, v in parts) / len(parts)


def _blocks_filled(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    mixed = torch.zeros_like(value)
    for start in range(0, query.shape[2], block):
        rows = slice(start, start + block)
        weights = torch.einsum("bdn,bdm->bnm", query[:, :, rows], key).softmax(-1)
        mixed[:, :, rows] = torch.einsum("bnm,bcm->bcn", weights, value)
    return mixed


def _blocks_of_keys(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    """Blocks of keys with a running maximum: the softmax that grows as keys arrive."""
    top = torch.full_like(query[:, :1], -math.inf)
    total, mixed = torch.zeros_like(top), torch.zeros_like(value)
    for k, v in zip(key.split(block, 2), value.split(block, 2), strict=True):
        energies = k.transpose(1, 2) @ query  # (B, block, N)
        higher = torch.maximum(top, energies.amax(1, keepdim=True)).detach()
        shrunk, weights = (top - higher).exp(), (energies - higher).exp()
        total = total * shrunk + weights.sum(1, keepdim=True)
        mixed = mixed * shrunk + v @ weights
        top = higher
    return mixed / total


def _picture_by_picture(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    pictures = []
    for q, k, v in zip(query, key, value, strict=True):
        rows = [(part.T @ k).softmax(1) @ v.T for part in q.split(block, 1)]
        pictures.append(torch.cat(rows).T)
    return torch.stack(pictures)


PAM_BLOCKS = Exercise(
    id="pam-blocks",
    kind="experiment",
    title=Text("一块一块地算", "Block by block"),
    difficulty=4,
    minutes=10,
    points=4,
    reference=attend_by_blocks,
    cases=(
        _blocks_case(
            Text("几张特征图，最后一块不满", "several feature maps, a last block not full"), (6, 8)
        ),
        _blocks_case(Text("每块一个查询", "one query a block"), (1, 1)),
        Case(Text("一块就装得下", "all in one block"), _blocks_all),
        _blocks_case(
            Text("一张特征图，双精度", "one feature map, double precision"),
            (6, 8),
            1,
            dtype=torch.float64,
        ),
    ),
    mutants=(
        Mutant(
            "whole-map",
            lambda query, key, value, block: _part(query, key, value),
            Text(
                "有一个张量太大了：一次算的行多于 `block` 行。全部能量是不是一次造出来的？或者用了 "
                "`chunk`：它分出的是这么多块；`split` 给出的每一块才是 `block` 个查询。",
                "Some tensor is too large: more than `block` rows were made at a time. Are all "
                "energies made at once? Or is it `chunk`, which makes so many pieces? Each piece "
                "of `split` is `block` queries.",
            ),
        ),
        Mutant(
            "ready-made",
            _by_parts(
                lambda q, k, v: F.scaled_dot_product_attention(
                    q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale=1.0
                ).transpose(1, 2)
            ),
            Text(
                "用了 PyTorch 现成的注意力函数：它在里面占用多少内存，这里量不出。用矩阵乘法与 "
                "softmax 写。",
                "This uses the attention function that PyTorch has ready; how much memory it holds "
                "inside cannot be measured here. Write it with matrix products and a softmax.",
            ),
        ),
        Mutant(
            "windows",
            _windows,
            Text(
                "键与值也切成了同样的块：一块只看自己，远处的都没了。切的只是查询。",
                "Keys and values are cut into the same blocks, so a block sees only itself and "
                "nothing far away. Only the queries are cut.",
            ),
        ),
        Mutant(
            "remainder-dropped",
            _remainder_dropped,
            Text(
                "最后不满的一块丢了。",
                "The last block, which is not full, is lost.",
            ),
        ),
        Mutant(
            "remainder-zero",
            _remainder_zero,
            Text(
                "最后不满的一块没有算，留着零。",
                "The last block, which is not full, was never computed and is left zero.",
            ),
        ),
        Mutant(
            "columns-sum-to-one",
            _by_parts(lambda q, k, v: v @ (q.transpose(1, 2) @ k).softmax(1).transpose(1, 2)),
            Text(
                "softmax 在块内沿查询的轴取了；每个查询自己的一行要加起来是 1。按查询切块能行，正因"
                "为每一行自成一体。",
                "The softmax runs along the queries of a block; the row of each query must sum "
                "to 1. That each row stands by itself is why blocks of queries work at all.",
            ),
        ),
        Mutant(
            "keys-by-blocks",
            _keys_by_blocks,
            Text(
                "切的是键，每块各取 softmax 再平均。分母要走遍所有的键，块与块之间不能分开归一化。",
                "The keys are cut, and every block has a softmax of its own before the mean. The "
                "denominator runs over all keys; blocks cannot be normalized apart.",
            ),
        ),
        Mutant(
            "blocks-in-reverse",
            lambda query, key, value, block: torch.cat(
                [_part(part, key, value) for part in reversed(query.split(block, 2))], 2
            ),
            Text(
                "每块都对，拼的次序反了。",
                "Every block is right; they are joined in the wrong order.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            _by_parts(lambda q, k, v: _part(q.detach(), k.detach(), v.detach())),
            _GRADIENT_STOPPED,
        ),
    ),
    alternates=(
        Alternate("filled-in", _blocks_filled),
        Alternate("running-softmax", _blocks_of_keys),
        Alternate("picture-by-picture", _picture_by_picture),
    ),
)

# --- quiz -----------------------------------------------------------------------------------------

QUIZ_GAMMA = choice(
    "pam-quiz-gamma",
    Text("γ = 0 的测试", "A test at γ = 0"),
    "b",
    {
        "a": Text(
            "不报错只说明形状相配。γ = 0 时，混合里算了什么都不影响输出。",
            "That nothing is raised shows only that shapes fit. With γ = 0 the output does not "
            "depend on what the mixture holds.",
        ),
        "b": Text(
            "对：输出是 `x` 加上零乘混合，混合算成什么样都行。要把 γ 设成别的数再比。",
            "Yes: the output is `x` plus zero times the mixture, whatever that is. Set γ to "
            "another number, then compare.",
        ),
        "c": Text(
            "查询、键、值的梯度都乘着 γ，此时全是零，错的与对的一样，所以也看不出。",
            "The gradients of queries, keys and values all carry the factor γ and are zero now, in "
            "right and wrong modules alike, so they tell nothing either.",
        ),
        "d": Text(
            "更大的输入、更多的种子都一样：零乘什么都是零。",
            "Larger inputs and more seeds change nothing: zero times anything is zero.",
        ),
    },
)

QUIZ_PLACE = choice(
    "pam-quiz-place",
    Text("它不知道什么", "What it does not know"),
    "d",
    {
        "a": Text(
            "能：颜色相近的位置查询与键的内积可以大，与远近无关。",
            "It can: positions of like colour can have a large inner product of query and key, "
            "near or far.",
        ),
        "b": Text(
            "能：键可以认出信标，值带上它的颜色，每个位置都取得到。",
            "It can: keys can know the beacon, values carry its colour, and every position gets "
            "it.",
        ),
        "c": Text(
            "能：注意力图若是均匀的，混合就是值的均值。",
            "It can: with a uniform attention map the mixture is the mean of the values.",
        ),
        "d": Text(
            "对：把位置任意打乱，输出只是跟着打乱，所以单靠它分不出左右；这样的消息得由卷积或位置"
            "编码给。",
            "Yes: however the positions are permuted, the output only follows, so by itself it "
            "cannot tell left from right; convolutions or an encoding of positions must say so.",
        ),
    },
)

QUIZ_TWO_WRONGS = choice(
    "pam-quiz-two-wrongs",
    Text("两处错", "Two mistakes"),
    "a",
    {
        "a": Text(
            "对：列加起来是 1，用的也是列；等于把查询与键对调。两者都是学来的，所以重新训练时"
            "看不出差别，装别人的权重时才错。",
            "Yes: the columns sum to 1, and columns are what is used, which amounts to "
            "exchanging queries and keys. Both are learned, so training from scratch shows no "
            "difference, only loading somebody's weights does.",
        ),
        "b": Text(
            "各有一处时加起来不是 1；两处都有时，用的列正是归一化过的列。",
            "With one of the two they do not sum to 1; with both, the columns that are used are "
            "the ones that were normalized.",
        ),
        "c": Text(
            "形状没有变：注意力图是 N×N 的，转不转置、沿哪个轴归一化都一样大。",
            "No shape changes: the attention map is N×N, transposed or not, normalized along "
            "either axis.",
        ),
        "d": Text(
            "输出与对的不同，除非查询等于键：能量一般不对称。",
            "The output differs from the right one unless queries equal keys: energies are not "
            "symmetric in general.",
        ),
    },
)

EXERCISES = (
    PAM_ENERGY,
    PAM_MAP,
    PAM_MIX,
    PAM_MODULE,
    PAM_BUG_SHARED,
    PAM_BUG_SHARED_SYMPTOM,
    PAM_BUG_AXES,
    PAM_PERMUTE,
    PAM_COSTS,
    PAM_LARGEST,
    PAM_BLOCKS,
    QUIZ_GAMMA,
    QUIZ_PLACE,
    QUIZ_TWO_WRONGS,
)

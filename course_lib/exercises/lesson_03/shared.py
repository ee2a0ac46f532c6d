"""Exercises of lesson 03, dual pooling."""

from collections.abc import Callable, Collection
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Fresh, Mutant, Text, choice
from course_lib.networks.small_resnet import SmallResNet

LESSON = "03_dual_pooling"

# --- dual-pool: two summaries of a map -----------------------------------------------------------


def dual_pool(x: Tensor) -> Tensor:
    """The reference of exercise 1: (B, C, H, W) -> (B, 2C), means first."""
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def _pool_case(
    text: Text, batch: int | None = None, size: tuple[int, int] | None = None, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels = draw.integer(3, 6)
        height, width = size or (draw.integer(4, 6), draw.integer(7, 9))
        count = draw.integer(2, 4) if batch is None else batch
        x = draw.normal(count, channels, height, width)
        return Call((x + 2 * draw.normal(1, channels, 1, 1),))

    return Case(text, make, **options)


def _pooled(*halves: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.cat([half(x) for half in halves], 1)


def _mean(x: Tensor) -> Tensor:
    return x.mean((2, 3))


def _maximum(x: Tensor) -> Tensor:
    return x.amax((2, 3))


_both = _pooled(_mean, _maximum)


def _interleaved(x: Tensor) -> Tensor:
    return torch.stack([_mean(x), _maximum(x)], 2).flatten(1)


def _pool_modules(x: Tensor) -> Tensor:
    halves = [nn.AdaptiveAvgPool2d(1)(x), nn.AdaptiveMaxPool2d(1)(x)]
    return torch.cat(halves, dim=1).flatten(1)


def _pool_positions(x: Tensor) -> Tensor:
    positions = x.flatten(2)
    return torch.hstack([positions.sum(-1) / positions.shape[-1], positions.max(-1).values])


def _pool_stacked(x: Tensor) -> Tensor:
    halves = torch.stack([x.mean(dim=[-2, -1]), x.max(3).values.max(2).values], 1)
    return halves.reshape(len(x), 2 * x.shape[1])


DUAL_POOL = Exercise(
    id="dual-pool",
    kind="implement",
    title=Text("两种概括", "Two summaries"),
    difficulty=1,
    minutes=5,
    points=3,
    reference=dual_pool,
    cases=(
        _pool_case(Text("几张图，高与宽不等", "several pictures, height and width differ")),
        _pool_case(Text("批里只有一张图", "a batch of one"), 1),
        _pool_case(Text("特征图只有一行", "a feature map of a single row"), None, (1, 6)),
        _pool_case(Text("空批", "an empty batch"), 0),
        _pool_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "maximum-first",
            _pooled(_maximum, _mean),
            Text(
                "两半的次序反了：均值在前。网上两种次序都有，权重因此不能直接互换。",
                "The halves are in the other order: the means come first. Both orders are in use, "
                "which is why weights do not simply carry over.",
            ),
        ),
        Mutant(
            "sum-for-mean",
            _pooled(lambda x: x.sum((2, 3)), _maximum),
            Text(
                "前一半是和，随特征图的大小增长；均值还要除以位置的个数。",
                "The first half is a sum, which grows with the map; a mean is divided by the "
                "number of positions.",
            ),
        ),
        Mutant(
            "mean-twice",
            _pooled(_mean, _mean),
            Text("两半都是均值。", "Both halves are means."),
        ),
        Mutant(
            "maximum-twice",
            _pooled(_maximum, _maximum),
            Text("两半都是最大值。", "Both halves are maxima."),
        ),
        Mutant(
            "added",
            lambda x: _mean(x) + _maximum(x),
            Text(
                "两半加在了一起，只剩 C 个数。这里要把它们并排放，后面的层才能分开用。",
                "The halves are added, so only C numbers are left. Here they stand side by side, "
                "so that the next layer can use each on its own.",
            ),
        ),
        Mutant(
            "interleaved",
            _interleaved,
            Text(
                "数都在，但逐通道交错：均值、最大值、均值……前 C 个应全是均值。",
                "All numbers are there, but channel by channel: mean, maximum, mean, … The first "
                "C must all be means.",
            ),
        ),
        Mutant(
            "joined-along-batch",
            lambda x: torch.cat([_mean(x), _maximum(x)], 0),
            Text(
                "拼接用了批的轴，一张图成了两行。看 `cat` 的第二个参数。",
                "The halves are joined along the batch, so one picture became two rows. Look at "
                "the second argument of `cat`.",
            ),
        ),
        Mutant(
            "axes-of-one-kept",
            lambda x: _both(x)[:, :, None, None],
            Text(
                "数值对，但末尾还有两个长度为一的轴；要的是 `(B, 2C)`。",
                "The values are right, but two axes of length one are left at the end; "
                "`(B, 2C)` is "
                "asked for.",
            ),
        ),
        Mutant(
            "all-dropped",
            lambda x: _both(x)[:, :, None, None].squeeze(),
            Text(
                "批里只有一张图时，批的轴也不见了。去掉轴时要指明是哪几个。",
                "With a single picture the batch axis is gone too. Name the axes that you drop.",
            ),
        ),
        Mutant(
            "largest-magnitude",
            _pooled(_mean, lambda x: x.abs().amax((2, 3))),
            Text(
                "后一半取的是绝对值的最大值；特征图里的负数不应变成正的。",
                "The second half is the largest magnitude; negative values of the map must not "
                "turn positive.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            lambda x: _both(x.detach()),
            Text(
                "数值对，但没有梯度。找 `detach`、`no_grad`、`.data` 或 `.item()`。",
                "The values are right, but no gradient arrives. Look for `detach`, `no_grad`, "
                "`.data` or `.item()`.",
            ),
        ),
    ),
    alternates=(
        Alternate("pooling-modules", _pool_modules),
        Alternate("flat-positions", _pool_positions),
        Alternate("stacked", _pool_stacked),
    ),
)

# --- dual-head: the module -----------------------------------------------------------------------


class DualPoolingHead(nn.Module):
    """The reference of exercise 2: pool, reduce, ReLU, dropout, classify."""

    def __init__(self, channels: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.reduce = nn.Linear(2 * channels, channels)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> scores (B, K)."""
        return self.classify(self.dropout(F.relu(self.reduce(dual_pool(x)))))


class _Head(nn.Module):
    """Where the mutants and alternates of the head differ."""

    bias = True
    narrow = True
    pool = staticmethod(dual_pool)

    def __init__(self, channels: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        width = channels if self.narrow else 2 * channels
        self.first = nn.Linear(2 * channels, width, bias=self.bias)
        self.second = nn.Linear(width, classes, bias=self.bias)
        self.drop = nn.Dropout(dropout)

    def scores(self, v: Tensor) -> Tensor:
        return self.second(self.drop(self.first(v).relu()))

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(self.pool(x))


def _head(**differences: object) -> type[nn.Module]:
    return type("Head", (_Head,), differences)


class _HeadConvolution(nn.Module):
    def __init__(self, channels: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.average = nn.AdaptiveAvgPool2d(1)
        self.largest = nn.AdaptiveMaxPool2d(1)
        self.reduce = nn.Conv2d(2 * channels, channels, 1)
        self.fc = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([self.average(x), self.largest(x)], 1)
        return self.fc(self.reduce(pooled).flatten(1))


class _HeadTwoMatrices(nn.Module):
    """The reduction of a concatenation is a sum of two products."""

    def __init__(self, channels: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.reduce = nn.Linear(2 * channels, channels)
        self.share = dropout
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        of_mean, of_maximum = self.reduce.weight.chunk(2, 1)
        hidden = _mean(x) @ of_mean.T + _maximum(x) @ of_maximum.T + self.reduce.bias
        return self.fc(F.dropout(hidden.clamp(min=0), self.share, self.training))


class _HeadSequential(nn.Module):
    def __init__(self, channels: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * channels, channels),
            nn.Dropout(dropout),  # before or after the ReLU is the same
            nn.ReLU(inplace=True),
            nn.Linear(channels, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(_pool_positions(x))


def _head_case(text: Text, dropout: float | None, batch: int = 0, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        # Many channels: with few, all biases may be negative, and dropping early goes unseen.
        channels = draw.integer(16, 20)
        x = draw.normal(batch or draw.integer(2, 4), channels, draw.integer(3, 5), 7)
        x = x + 2 * draw.normal(1, channels, 1, 1)
        build = {"channels": channels, "classes": draw.integer(2, 4)}
        return Call((x,), build if dropout is None else {**build, "dropout": dropout})

    return Case(text, make, **options)


DUAL_HEAD = Exercise(
    id="dual-head",
    kind="implement",
    title=Text("分类头", "The head"),
    difficulty=2,
    minutes=8,
    points=4,
    reference=DualPoolingHead,
    cases=(
        _head_case(Text("推理模式", "eval mode"), 0.0),
        _head_case(Text("推理模式，缺省的丢弃", "eval mode, default dropout"), None),
        _head_case(Text("推理模式，丢弃率 1", "eval mode, dropout of 1"), 1.0),
        _head_case(Text("训练模式，不丢弃", "train mode, nothing dropped"), 0.0, training=True),
        _head_case(Text("训练模式，全部丢弃", "train mode, all dropped"), 1.0, training=True),
        _head_case(
            Text("一张图，双精度", "one picture, double precision"), 0.0, 1, dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "no-relu",
            _head(scores=lambda self, v: self.second(self.drop(self.first(v)))),
            Text(
                "两层之间没有非线性。少了它，第一层就白做了；练习 3 会把这件事写成公式。",
                "Nothing non-linear stands between the layers. Without it the first one is in "
                "vain; exercise 3 puts this into a formula.",
            ),
        ),
        Mutant(
            "maximum-first",
            _head(pool=staticmethod(_pooled(_maximum, _mean))),
            Text(
                "送进第一层的两半次序反了。权重的前 `C` 列属于均值。",
                "The halves reach the first layer in the other order. The first `C` columns of its "
                "weight belong to the means.",
            ),
        ),
        Mutant(
            "mean-twice",
            _head(pool=staticmethod(_pooled(_mean, _mean))),
            Text("两半都是均值，没有最大值。", "Both halves are means; there is no maximum."),
        ),
        Mutant(
            "dropout-written-in",
            _head(
                scores=lambda self, v: self.second(
                    F.dropout(self.first(v).relu(), 0.5, self.training)
                )
            ),
            Text(
                "丢弃的概率写死了，或者用了缺省值：参数 `dropout` 没有用上。",
                "The probability of dropping is written into the code, or is the default: the "
                "argument `dropout` is not used.",
            ),
        ),
        Mutant(
            "no-dropout",
            _head(scores=lambda self, v: self.second(self.first(v).relu())),
            Text(
                "训练时什么也没有丢弃，参数 `dropout` 没有作用。",
                "Nothing is dropped in training, so `dropout` has no effect.",
            ),
        ),
        Mutant(
            "always-dropping",
            _head(
                scores=lambda self, v: self.second(
                    F.dropout(self.first(v).relu(), self.drop.p, training=True)
                )
            ),
            Text(
                "推理时也在丢弃。`F.dropout` 不知道模块处在什么模式，除非告诉它。",
                "It drops in eval mode too. `F.dropout` does not know the mode of the "
                "module unless "
                "it is told.",
            ),
        ),
        Mutant(
            "scores-dropped",
            _head(scores=lambda self, v: self.drop(self.second(self.first(v).relu()))),
            Text(
                "丢弃的是最后的分数。训练时某个类的分数会变成零；要丢弃的是第二层的输入。",
                "The scores themselves are dropped, so a class may lose its score in training; "
                "dropout belongs on the input of the second layer.",
            ),
        ),
        Mutant(
            "pooled-dropped",
            _head(scores=lambda self, v: self.second(self.first(self.drop(v)).relu())),
            Text(
                "丢弃的是池化后的特征，早了一层。要丢弃的是第二层的输入。",
                "The pooled features are dropped, one layer too early; dropout belongs on the "
                "input of the second layer.",
            ),
        ),
        Mutant(
            "no-bias",
            _head(bias=False),
            Text("两层都没有偏置；这里两层都带。", "Neither layer has a bias; here both do."),
        ),
        Mutant(
            "not-reduced",
            _head(narrow=False),
            Text(
                "第一层没有缩小：从 `2C` 到 `2C`。它应当从 `2C` 到 `C`。",
                "The first layer does not reduce: it goes from `2C` to `2C`. It should go "
                "from `2C` "
                "to `C`.",
            ),
        ),
        Mutant(
            "probabilities",
            _head(scores=lambda self, v: self.second(self.drop(self.first(v).relu())).softmax(1)),
            Text(
                "返回的是 softmax 之后的概率。要的是分数；交叉熵自己会取 softmax。",
                "This returns probabilities after a softmax. Scores are asked for; cross-entropy "
                "takes the softmax itself.",
            ),
        ),
        Mutant(
            "relu-on-scores",
            _head(scores=lambda self, v: self.second(self.drop(self.first(v))).relu()),
            Text(
                "ReLU 放在了最后：分数不能再是负的，两层之间却仍是线性的。",
                "The ReLU stands at the end: scores can no longer be negative, while nothing "
                "non-linear stands between the layers.",
            ),
        ),
    ),
    alternates=(
        Alternate("convolution", _HeadConvolution),
        Alternate("two-matrices", _HeadTwoMatrices),
        Alternate("sequential", _HeadSequential),
    ),
)

# --- dual-fold: what two layers without a non-linearity are ---------------------------------------


def fold(wr: Tensor, br: Tensor, wc: Tensor, bc: Tensor) -> tuple[Tensor, Tensor]:
    """The reference of exercise 3: one layer equal to both, as weight (K, 2C) and bias (K,)."""
    return wc @ wr, wc @ br + bc


def _fold_case(text: Text, classes: tuple[int, int], **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels, count = draw.integer(4, 7), draw.integer(*classes)
        return Call(
            (
                draw.normal(channels, 2 * channels),
                draw.normal(channels),
                draw.normal(count, channels),
                draw.normal(count),
            )
        )

    return Case(text, make, **options)


def _fold_by_probing(wr: Tensor, br: Tensor, wc: Tensor, bc: Tensor) -> tuple[Tensor, Tensor]:
    def both(v: Tensor) -> Tensor:
        return F.linear(F.linear(v, wr, br), wc, bc)

    bias = both(torch.zeros_like(wr[0]))
    return (both(torch.eye(wr.shape[1], dtype=wr.dtype)) - bias).T, bias


def _fold_einsum(wr: Tensor, br: Tensor, wc: Tensor, bc: Tensor) -> list[Tensor]:
    weight = torch.einsum("kc,cv->kv", wc, wr)
    return [weight, bc + (wc * br).sum(1)]


DUAL_FOLD = Exercise(
    id="dual-fold",
    kind="implement",
    title=Text("两层合成一层", "Two layers in one"),
    difficulty=2,
    minutes=5,
    points=2,
    reference=fold,
    cases=(
        _fold_case(Text("几个类", "several classes"), (2, 3)),
        _fold_case(Text("类比通道多", "more classes than channels"), (8, 9)),
        _fold_case(Text("只有一个类", "a single class"), (1, 1)),
        _fold_case(Text("双精度", "double precision"), (2, 3), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "first-bias-forgotten",
            lambda wr, br, wc, bc: (wc @ wr, bc),
            Text(
                "权重对，偏置里少了第一层的偏置：它也要经过第二层。",
                "The weight is right; the bias lacks that of the first layer, which passes through "
                "the second one too.",
            ),
        ),
        Mutant(
            "second-bias-forgotten",
            lambda wr, br, wc, bc: (wc @ wr, wc @ br),
            Text("偏置里少了 `bc`。", "The bias lacks `bc`."),
        ),
        Mutant(
            "transposed",
            lambda wr, br, wc, bc: ((wc @ wr).T, wc @ br + bc),
            Text(
                "权重转置了。`nn.Linear` 的权重形状是（输出数，输入数）。",
                "The weight is transposed. The weight of `nn.Linear` has the shape (outputs, "
                "inputs).",
            ),
        ),
        Mutant(
            "bias-through-weight",
            lambda wr, br, wc, bc: (wc @ wr, wc.sum(1) * br.sum() + bc),
            Text(
                "偏置的每一项要各自乘权重，再求和；不能先求和再相乘。",
                "Each entry of the bias is multiplied by its weight and then summed, not summed "
                "first.",
            ),
        ),
        Mutant(
            "weight-alone",
            lambda wr, br, wc, bc: wc @ wr,
            Text("只返回了权重，还有偏置。", "This returns the weight; there is a bias too."),
        ),
        Mutant(
            "bias-first",
            lambda wr, br, wc, bc: (wc @ br + bc, wc @ wr),
            Text("次序反了：先权重，后偏置。", "The other order: weight first, then bias."),
        ),
    ),
    alternates=(
        Alternate("by-probing", _fold_by_probing),
        Alternate("einsum", _fold_einsum),
    ),
)

# --- find the bug: the features of a network ------------------------------------------------------


def _widths(draw: Draw) -> tuple[int, ...]:
    """Four different widths, so that no stage can stand in for another."""
    first = draw.integer(3, 4)
    return tuple(first + 2 * stage + draw.integer(0, 1) for stage in range(4))


def _network(draw: Draw, classes: int) -> Fresh:
    """A network with the parts of ResNet-18, made anew at every use."""
    widths = _widths(draw)
    return Fresh(partial(SmallResNet, widths, classes), f"SmallResNet({widths}, classes={classes})")


class Features(nn.Module):
    """The reference of exercise 4: the network up to its last map."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*list(network.children())[:-2])

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, h, w)."""
        return self.layers(x)


def _cut(end: int | None, start: int = 0) -> type[nn.Module]:
    class Cut(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.layers = nn.Sequential(*list(network.children())[start:end])

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)

    return Cut


class _WholeKept(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.network.named_children():
            if name == "avgpool":
                break
            x = layer(x)
        return x


class _PlainList(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.layers = list(network.children())[:-2]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class _StagesOnly(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.conv1 = network.conv1
        self.stages = nn.Sequential(network.layer1, network.layer2, network.layer3, network.layer4)

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(self.conv1(x))


class _NoStem(nn.Module):
    """Forgets bn1, relu and maxpool, but keeps the parameters."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*list(network.children())[:-2])

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.layers.named_children():
            x = x if name == "3" else layer(x)
        return x


class _HeadReplaced(nn.Module):
    """The usual trick: the classifier replaced by an identity, all else as the network runs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        network.fc = nn.Identity()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


class _Frozen(_cut(-2)):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.layers(x)


class _ByName(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.conv1, self.bn1 = network.conv1, network.bn1
        self.layer1, self.layer2 = network.layer1, network.layer2
        self.layer3, self.layer4 = network.layer3, network.layer4
        self.maxpool = network.maxpool

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class _HeadDeleted(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        del network.avgpool, network.fc
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.network.children():
            x = layer(x)
        return x


class _ByNamedChildren(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        kept = {n: m for n, m in network.named_children() if n not in ("avgpool", "fc")}
        self.kept = nn.ModuleDict(kept)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.kept.values():
            x = layer(x)
        return x


def _features_case(text: Text, batch: int, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        build = {"network": _network(draw, draw.integer(2, 5))}
        return Call((draw.normal(batch, 3, 32, 48),), build)

    return Case(text, make, **options)


DUAL_BUG_FEATURES = Exercise(
    id="dual-bug-features",
    kind="find the bug",
    title=Text("最后三个", "The last three"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=Features,
    cases=(
        _features_case(Text("推理模式", "eval mode"), 2),
        _features_case(Text("训练模式", "train mode"), 3, training=True),
        _features_case(
            Text("一张图，双精度", "one picture, double precision"), 1, dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _cut(-3),
            Text(
                "仍和上面一样。把去掉的三个子模块的名字打印出来：其中一个不是分类头的。",
                "It is still as above. Print the names of the three children that go: one of them "
                "does not belong to the head.",
            ),
        ),
        Mutant(
            "pooled-already",
            _cut(-1),
            Text(
                "只去掉了最后一个，平均池化还在：每个通道只剩一个数，最大值无从取起。",
                "Only the last one is gone, and the average pool is still there: one number per "
                "channel is left, and nothing to take a maximum of.",
            ),
        ),
        Mutant(
            "head-replaced",
            _HeadReplaced,
            Text(
                "分类层换成了 `Identity`，但网络照旧先平均池化、再展平："
                "返回的是每个通道一个数，不是特征图。",
                "The classifier is replaced by `Identity`, but the network still runs its average "
                "pooling and flattens before it: what comes back is one number per channel and no "
                "feature map.",
            ),
        ),
        Mutant(
            "head-kept-unused",
            _WholeKept,
            Text(
                "输出对，但整个网络还存在里面：`fc` 的参数从不参与计算，却仍算作参数。",
                "The output is right, but the whole network is stored: the parameters of `fc` take "
                "part in nothing and still count.",
            ),
        ),
        Mutant(
            "plain-list",
            _PlainList,
            Text(
                "层放在普通的列表里，没有登记：优化器看不到它们，`train`、`eval` 与 `to` 也"
                "到不了它们。",
                "The layers are in a plain list and not registered: no optimizer sees them, and "
                "`train`, `eval` and `to` do not reach them.",
            ),
        ),
        Mutant(
            "stem-broken",
            _StagesOnly,
            Text(
                "开头只剩卷积，批归一化、ReLU 与最大池化都不见了。",
                "Of the stem only the convolution is left; batch normalization, ReLU and the max "
                "pool are gone.",
            ),
        ),
        Mutant(
            "pool-skipped",
            _NoStem,
            Text(
                "开头的最大池化不见了，图大了一倍。它没有参数，却仍属于网络。",
                "The max pool of the stem is gone, and the map is twice as large. It has no "
                "parameters, yet it belongs to the network.",
            ),
        ),
        Mutant(
            "frozen",
            _Frozen,
            Text(
                "输出对，但没有梯度：这样网络只能提取特征，不能再训练。",
                "The output is right, but there is no gradient: the network can give features and "
                "never train again.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-name", _ByName),
        Alternate("head-deleted", _HeadDeleted),
        Alternate("named-children", _ByNamedChildren),
    ),
)

DUAL_BUG_FEATURES_SYMPTOM = choice(
    "dual-bug-features-symptom",
    Text("症状", "The symptom"),
    "b",
    {
        "a": Text(
            "构造时不会报错：`Sequential` 不知道各层的形状是否相配，前向时才知道。",
            "Building is fine: a `Sequential` does not know whether its layers fit until a "
            "forward.",
        ),
        "b": Text(
            "对：少了 `layer4`，图是 14×14、256 个通道，两种池化合起来是 512 个数，而缩减层"
            "等的是 1024 个，第一次前向就报错。",
            "Yes: without `layer4` the map is 14×14 with 256 channels, both poolings together "
            "give 512 numbers, the reduction waits for 1024, and the first forward fails.",
        ),
        "c": Text(
            "缩减层的输入写死为 1024，所以跑不起来。假如它按得到的通道数来造，就会这样悄悄地错。",
            "The reduction has 1024 inputs written into it, so nothing runs. Had it been made "
            "for the channels that arrive, this silent fault would be what you get.",
        ),
        "d": Text(
            "边长是多少都会报错：缩减层要的是通道数，而通道数与图的大小无关。",
            "It fails with every side: the reduction asks for a number of channels, which does "
            "not depend on the size of the picture.",
        ),
    },
)

# --- find the bug: a classifier that keeps too much -----------------------------------------------


class MendedClassifier(nn.Module):
    """The reference of exercise 6: each live parameter once, and no other."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        channels = network.fc.in_features
        self.features = nn.Sequential(*list(network.children())[:-2])
        self.reduce = nn.Linear(2 * channels, channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, K)."""
        return self.fc(F.relu(self.reduce(dual_pool(self.features(x)))))


class _Classifier(nn.Module):
    """Where the mutants and alternates of the classifier differ: what they register."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        channels = network.fc.in_features
        self.register(network)
        self.reduce = nn.Linear(2 * channels, channels)
        self.fc = nn.Linear(channels, classes)

    def register(self, network: nn.Module) -> None:
        self.features = nn.Sequential(*list(network.children())[:-2])

    def maps(self, x: Tensor) -> Tensor:
        return self.features(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.reduce(dual_pool(self.maps(x))).relu())


def _classifier(**differences: object) -> type[nn.Module]:
    return type("Classifier", (_Classifier,), differences)


def _register_both(self: _Classifier, network: nn.Module) -> None:
    self.base = network
    _Classifier.register(self, network)


def _register_both_without_head(self: _Classifier, network: nn.Module) -> None:
    _Classifier.register(self, network)
    del network.fc, network.avgpool
    self.base = network


def _register_base(self: _Classifier, network: nn.Module) -> None:
    self.base = network


def _register_base_without_head(self: _Classifier, network: nn.Module) -> None:
    del network.avgpool, network.fc
    self.base = network


def _maps_of_base(self: _Classifier, x: Tensor) -> Tensor:
    for name, layer in self.base.named_children():
        if name not in ("avgpool", "fc"):
            x = layer(x)
    return x


def _register_hidden(self: _Classifier, network: nn.Module) -> None:
    self.hidden = [network]  # a list hides it from PyTorch


def _maps_of_hidden(self: _Classifier, x: Tensor) -> Tensor:
    for name, layer in self.hidden[0].named_children():
        if name not in ("avgpool", "fc"):
            x = layer(x)
    return x


def _maps_frozen(self: _Classifier, x: Tensor) -> Tensor:
    with torch.no_grad():
        return self.features(x)


class _ReusedHead(nn.Module):
    """Puts the new classifier where the old one was."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        channels = network.fc.in_features
        network.avgpool = nn.Identity()
        network.fc = nn.Sequential(
            nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, classes)
        )
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.network.named_children():
            x = layer(dual_pool(x) if name == "fc" else x)
        return x


def _classifier_case(text: Text, batch: int, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        build = {
            "network": _network(draw, draw.integer(6, 8)),
            "classes": draw.integer(2, 4),
        }
        return Call((draw.normal(batch, 3, 32, 48),), build)

    return Case(text, make, **options)


DUAL_BUG_TWICE = Exercise(
    id="dual-bug-twice",
    kind="find the bug",
    title=Text("多存了什么", "What is stored too much"),
    difficulty=3,
    minutes=8,
    points=3,
    reference=MendedClassifier,
    cases=(
        _classifier_case(Text("推理模式", "eval mode"), 2),
        _classifier_case(Text("训练模式", "train mode"), 3, training=True),
        _classifier_case(
            Text("一张图，双精度", "one picture, double precision"), 1, dtype=torch.float64
        ),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _classifier(register=_register_both),
            Text(
                "仍和上面一样：同样的层登记在两个名字下，旧的分类层也还在。",
                "It is still as above: the same layers are registered under two names, and the old "
                "classifier is still there.",
            ),
        ),
        Mutant(
            "twice-without-the-old-head",
            _classifier(register=_register_both_without_head),
            Text(
                "旧的分类层没有了，但同样的层仍登记在两个名字下：数一数 `state_dict()` 有几项。",
                "The old classifier is gone, but the same layers are still registered under two "
                "names: count the entries of `state_dict()`.",
            ),
        ),
        Mutant(
            "old-head-kept",
            _classifier(register=_register_base, maps=_maps_of_base),
            Text(
                "每层只登记了一次，但旧的分类层还在，没有梯度能传到它。",
                "Every layer is registered once now, but the old classifier is still there, and no "
                "gradient reaches it.",
            ),
        ),
        Mutant(
            "hidden-in-a-list",
            _classifier(register=_register_hidden, maps=_maps_of_hidden),
            Text(
                "网络藏进了普通的列表：`state_dict` 里没有它，优化器也训练不到它。",
                "The network is hidden in a plain list: it is missing from `state_dict`, and no "
                "optimizer trains it.",
            ),
        ),
        Mutant(
            "frozen",
            _classifier(maps=_maps_frozen),
            Text(
                "登记对了，但网络没有梯度：现在活着的只有分类头。",
                "The registration is right, but the network gets no gradient: only the head is "
                "alive now.",
            ),
        ),
        Mutant(
            "stage-lost",
            _classifier(
                register=lambda self, network: setattr(
                    self, "features", nn.Sequential(*list(network.children())[:-3])
                )
            ),
            Text(
                "去掉的太多：最后一个阶段也不见了。见练习 4。",
                "Too much is gone: the last stage too. See exercise 4.",
            ),
        ),
        Mutant(
            "pooled-already",
            _classifier(
                register=lambda self, network: setattr(
                    self, "features", nn.Sequential(*list(network.children())[:-1])
                )
            ),
            Text(
                "平均池化还在特征里：每个通道只剩一个数，均值与最大值于是相等。",
                "The average pool is still among the features: one number per channel is left, so "
                "that mean and maximum are equal.",
            ),
        ),
        Mutant(
            "maximum-first",
            _classifier(
                forward=lambda self, x: self.fc(
                    self.reduce(_pooled(_maximum, _mean)(self.maps(x))).relu()
                )
            ),
            Text(
                "登记对了，但两半的次序反了：均值在前。",
                "The registration is right, but the halves are in the other order: the means come "
                "first.",
            ),
        ),
        Mutant(
            "no-relu",
            _classifier(forward=lambda self, x: self.fc(self.reduce(dual_pool(self.maps(x))))),
            Text(
                "登记对了，但分类头里的 ReLU 不见了。",
                "The registration is right, but the ReLU of the head is gone.",
            ),
        ),
    ),
    alternates=(
        Alternate(
            "base-without-head",
            _classifier(register=_register_base_without_head, maps=_maps_of_base),
        ),
        Alternate("head-in-its-place", _ReusedHead),
        Alternate(
            "parts",
            _classifier(
                register=lambda self, network: setattr(self, "part", _ByNamedChildren(network)),
                maps=lambda self, x: self.part(x),
            ),
        ),
    ),
)

DUAL_BUG_TWICE_SYMPTOM = choice(
    "dual-bug-twice-symptom",
    Text("症状", "The symptom"),
    "c",
    {
        "a": Text(
            "前向只走一条路，梯度照样到达那些层；准确率不受影响，所以它才难发现。",
            "The forward takes one way and gradients reach those layers as ever; the accuracy does "
            "not suffer, which is why nobody notices.",
        ),
        "b": Text(
            "`parameters()` 会去重，同一个张量只更新一次。",
            "`parameters()` leaves out repetitions, so each tensor is updated once.",
        ),
        "c": Text(
            "对：`state_dict` 不去重，同样的层有两套名字；旧的 `fc` 没有梯度，"
            "分布式训练会因为有未用的参数而报错。",
            "Yes: `state_dict` keeps repetitions, so the same layers have two sets of names; the "
            "old `fc` gets no gradient, and distributed training complains of unused parameters.",
        ),
        "d": Text(
            "两个名字指着同一个张量，只占一份内存；存下来的文件里也只有一份数据，多的是名字。",
            "Both names point at one tensor, which is in memory once; a saved file has its data "
            "once too, what doubles is the names.",
        ),
    },
)

# --- predict: live and dead parameters ------------------------------------------------------------


def dual_counts(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    """The reference of exercise 8: counts of the classifier that stores too much."""
    head = 2 * channels * channels + channels + channels * classes + classes
    dead = channels * old_classes + old_classes
    return {
        "live": backbone + head,
        "dead": dead,
        "stored": 2 * backbone + dead + head,
    }


def _counts_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        sizes = {
            "backbone": draw.integer(10_000, 99_999),
            "channels": draw.integer(20, 600),
            "classes": draw.integer(2, 50),
            "old_classes": draw.integer(60, 1000),
        }
        return Call(tuple({**sizes, **fixed}.values()))

    return Case(text, make)


def _factored(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    live = backbone + channels * (2 * channels + 1) + classes * (channels + 1)
    dead = old_classes * (channels + 1)
    return {"live": live, "dead": dead, "stored": live + dead + backbone}


def _counts_mutant(**differences: Callable[..., int]) -> Callable[..., dict[str, int]]:
    def answer(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
        right = _factored(backbone, channels, classes, old_classes)
        changed = {
            key: change(right, backbone, channels, classes, old_classes)
            for key, change in differences.items()
        }
        return {**right, **changed}

    return answer


def _no_biases(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    head, dead = 2 * channels * channels + channels * classes, channels * old_classes
    return {"live": backbone + head, "dead": dead, "stored": 2 * backbone + dead + head}


def _narrow_head(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    right = _factored(backbone, channels, classes, old_classes)
    less = channels * channels
    return {**right, "live": right["live"] - less, "stored": right["stored"] - less}


def _wide_head(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    right = _factored(backbone, channels, classes, old_classes)
    more = channels * classes  # the classifier on 2C instead of C
    return {**right, "live": right["live"] + more, "stored": right["stored"] + more}


def _dead_by_new_classes(
    backbone: int, channels: int, classes: int, old_classes: int
) -> dict[str, int]:
    right = _factored(backbone, channels, classes, old_classes)
    dead = channels * classes + classes
    return {**right, "dead": dead, "stored": right["stored"] - right["dead"] + dead}


def _counted(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    def size(*layers: nn.Module) -> int:
        return sum(p.numel() for layer in layers for p in layer.parameters())

    with torch.device("meta"):
        head = size(nn.Linear(2 * channels, channels), nn.Linear(channels, classes))
        dead = size(nn.Linear(channels, old_classes))
    return {"stored": backbone * 2 + dead + head, "live": head + backbone, "dead": dead}


DUAL_COUNTS = Exercise(
    id="dual-counts",
    kind="predict",
    title=Text("活的与死的", "Live and dead"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=dual_counts,
    cases=(
        _counts_case(Text("任意大小", "any sizes")),
        _counts_case(Text("只有一个类", "a single class"), classes=1),
        _counts_case(Text("没有骨干", "no backbone at all"), backbone=0),
        _counts_case(
            Text("新旧的类一样多", "as many new classes as old ones"), classes=10, old_classes=10
        ),
    ),
    mutants=(
        Mutant(
            "no-biases",
            _no_biases,
            Text(
                "偏置没有数。三个全连接层都有。",
                "The biases are missing. All three layers have one.",
            ),
        ),
        Mutant(
            "dead-counted-as-live",
            _counts_mutant(live=lambda right, *sizes: right["live"] + right["dead"]),
            Text(
                "旧的分类层也算成了活的。没有梯度能传到它。",
                "The old classifier is counted as live. No gradient reaches it.",
            ),
        ),
        Mutant(
            "stored-once",
            _counts_mutant(stored=lambda right, *sizes: right["live"] + right["dead"]),
            Text(
                "`stored` 里骨干只数了一次。`state_dict` 里它有两套名字，每套都列出全部的数。",
                "The backbone counts once in `stored`. In `state_dict` it has two sets of names, "
                "and each lists all its numbers.",
            ),
        ),
        Mutant(
            "stored-all-twice",
            _counts_mutant(stored=lambda right, *sizes: 2 * (right["live"] + right["dead"])),
            Text(
                "`stored` 把所有东西都数了两次。登记了两次的只有骨干。",
                "`stored` counts everything twice. Only the backbone is registered twice.",
            ),
        ),
        Mutant(
            "stored-without-the-old-head",
            _counts_mutant(stored=lambda right, *sizes: right["stored"] - right["dead"]),
            Text(
                "`stored` 里少了旧的分类层。它没有梯度，却还登记着，`state_dict` 照样列出它。",
                "`stored` lacks the old classifier. It gets no gradient, yet it is registered, and "
                "`state_dict` lists it all the same.",
            ),
        ),
        Mutant(
            "live-twice",
            _counts_mutant(stored=lambda right, *sizes: 2 * right["live"] + right["dead"]),
            Text(
                "`stored` 里新的两层也数了两次。它们只有一套名字；有两套的只有骨干。",
                "`stored` counts the two new layers twice as well. They have one set of names; "
                "only the backbone has two.",
            ),
        ),
        Mutant(
            "dead-twice",
            _counts_mutant(stored=lambda right, *sizes: right["stored"] + right["dead"]),
            Text(
                "`stored` 里旧的分类层数了两次。它只在 `base` 里，不在 `features` 里。",
                "`stored` counts the old classifier twice. It is in `base` only, not in "
                "`features`.",
            ),
        ),
        Mutant(
            "reduction-from-c",
            _narrow_head,
            Text(
                "缩减层按 C 到 C 数了。它的输入是拼接后的 2C 个数。",
                "The reduction is counted as C to C. Its inputs are the 2C joined numbers.",
            ),
        ),
        Mutant(
            "classifier-from-2c",
            _wide_head,
            Text(
                "新的分类层按 2C 个输入数了。缩减之后只有 C 个。",
                "The new classifier is counted with 2C inputs. After the reduction there are C.",
            ),
        ),
        Mutant(
            "dead-by-new-classes",
            _dead_by_new_classes,
            Text(
                "死的那一层按新的类数算了。它是旧网络的，类数也是旧的。",
                "The dead layer is counted with the new classes. It is the old network's and has "
                "the old ones.",
            ),
        ),
        Mutant(
            "dead-alone-by-new-classes",
            _counts_mutant(dead=lambda right, backbone, c, classes, old: (c + 1) * classes),
            Text(
                "`stored` 是对的，`dead` 却按新的类数算了。死的是旧网络的那一层，类数也是旧的。",
                "`stored` is right, but `dead` is counted with the new classes. The dead layer is "
                "the old network's and has the old ones.",
            ),
        ),
    ),
    alternates=(Alternate("counted", _counted), Alternate("factored", _factored)),
    gradients=False,
)

# --- hooks: intermediate maps ---------------------------------------------------------------------


def intermediate_maps(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    """The reference of exercise 9: what the submodules called so gave, by name."""
    maps: dict[str, Tensor] = {}
    handles = []
    for name in names:

        def keep(module: nn.Module, inputs: object, output: Tensor, name: str = name) -> None:
            maps[name] = output.clone()

        handles.append(network.get_submodule(name).register_forward_hook(keep))
    try:
        network(x)
    finally:
        for handle in handles:
            handle.remove()
    return maps


def _hook_case(text: Text, names: tuple[str, ...], **options: object) -> Case:
    def make(draw: Draw) -> Call:
        network = _network(draw, draw.integer(2, 4))
        return Call((network, draw.normal(2, 3, 32, 48), list(names)))

    return Case(text, make, **options)


def _hooked(
    keep: Callable[[dict[str, Tensor], str, tuple[Tensor, ...], Tensor], None],
    find: Callable[[nn.Module, str], nn.Module] = nn.Module.get_submodule,
    run: bool = True,
    tidy: bool = True,
) -> Callable[..., dict[str, Tensor]]:
    """A hook-based answer that differs in what it keeps of a module's inputs and output."""

    def answer(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        maps: dict[str, Tensor] = {}
        handles = [
            find(network, name).register_forward_hook(
                lambda module, inputs, output, name=name: keep(maps, name, inputs, output)
            )
            for name in names
        ]
        if run:
            network(x)
        if tidy:
            for handle in handles:
                handle.remove()
        return maps

    return answer


def _late_name(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    maps: dict[str, Tensor] = {}
    handles = []
    for name in names:
        handles.append(
            network.get_submodule(name).register_forward_hook(
                lambda module, inputs, output: maps.update({name: output.clone()})  # noqa: B023
            )
        )
    network(x)
    for handle in handles:
        handle.remove()
    return maps


def _in_a_list(network: nn.Module, x: Tensor, names: Collection[str]) -> list[Tensor]:
    found = _hooked(lambda maps, name, inputs, output: maps.update({name: output.clone()}))
    return list(found(network, x, names).values())


def _functional(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    """Replaces forward methods instead of registering hooks."""
    maps: dict[str, Tensor] = {}
    for name in names:
        module = network.get_submodule(name)

        def forward(
            value: Tensor, name: str = name, old: Callable[[Tensor], Tensor] = module.forward
        ) -> Tensor:
            output = old(value)
            maps[name] = output + 0
            return output

        module.forward = forward
    network(x)
    for name in names:
        del network.get_submodule(name).forward
    return maps


def _by_named_modules(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    maps: dict[str, Tensor] = {}
    called = {module: name for name, module in network.named_modules() if name in names}

    def keep(module: nn.Module, inputs: object, output: Tensor) -> None:
        maps[called[module]] = output.clone()

    handles = [module.register_forward_hook(keep) for module in called]
    network.forward(x)
    for handle in handles:
        handle.remove()
    return maps


_STAGES = ("layer1", "layer2", "layer3", "layer4")

DUAL_HOOKS = Exercise(
    id="dual-hooks",
    kind="implement",
    title=Text("看见中间", "Seeing what is between"),
    difficulty=3,
    minutes=8,
    points=3,
    reference=intermediate_maps,
    cases=(
        _hook_case(Text("各个阶段", "the stages"), _STAGES),
        _hook_case(Text("只要一个", "a single one"), ("layer3",)),
        _hook_case(Text("批归一化之后", "behind a batch normalization"), ("bn1", "layer2.0.bn1")),
        _hook_case(
            Text("嵌套的，双精度", "nested ones, double precision"),
            ("layer4.0.conv2", "maxpool"),
            dtype=torch.float64,
        ),
    ),
    mutants=(
        Mutant(
            "changed-later",
            _hooked(lambda maps, name, inputs, output: maps.update({name: output})),
            Text(
                "批归一化之后的那几张图不对，里面没有负数：钩子存下的是同一个张量，后面的"
                "就地 ReLU 又改写了它。存的时候要另留一份，钩子也不要把它返回。",
                "The maps behind a batch normalization are wrong and hold no negative number: the "
                "hook kept the very tensor that the in-place ReLU behind it overwrites. Keep a "
                "tensor of your own, and do not return it from the hook.",
            ),
        ),
        Mutant(
            "inputs-for-outputs",
            _hooked(lambda maps, name, inputs, output: maps.update({name: inputs[0].clone()})),
            Text(
                "存下的是子模块的输入。看钩子的第三个参数。",
                "This keeps what goes into the submodules. Look at the third argument of a hook.",
            ),
        ),
        Mutant(
            "detached",
            _hooked(
                lambda maps, name, inputs, output: maps.update({name: output.detach().clone()})
            ),
            Text(
                "数值对，但没有梯度。若要由中间的图求梯度，就不能 `detach`。",
                "The values are right, but there is no gradient. Whoever wants gradients of a map "
                "in between must not `detach` it.",
            ),
        ),
        Mutant(
            "direct-children-only",
            _hooked(
                lambda maps, name, inputs, output: maps.update({name: output.clone()}), getattr
            ),
            Text(
                "嵌套的名字找不到：`getattr` 不认名字里的点。",
                "Nested names are not found: `getattr` does not understand the dots in a name.",
            ),
        ),
        Mutant(
            "last-name-wins",
            _late_name,
            Text(
                "只有最后一个名字：所有钩子读的是同一个循环变量，而它们运行时循环已经结束。",
                "Only the last name is there: all hooks read the same loop variable, and when they "
                "run the loop is over.",
            ),
        ),
        Mutant(
            "never-run",
            _hooked(
                lambda maps, name, inputs, output: maps.update({name: output.clone()}), run=False
            ),
            Text(
                "钩子登记了，网络却没有运行，所以什么也没存下。",
                "The hooks are registered, but the network never runs, so nothing is kept.",
            ),
        ),
        Mutant(
            "hooks-left",
            _hooked(
                lambda maps, name, inputs, output: maps.update({name: output.clone()}), tidy=False
            ),
            Text(
                "返回的图都对，但钩子还留在 `network` 里：以后每次运行它，都会再调用它们。"
                "登记时得到的句柄有 `remove()`。",
                "All maps are right, but the hooks are still in `network`: every later run calls "
                "them again. The handle that you got for each has a `remove()`.",
            ),
        ),
        Mutant(
            "without-names",
            _in_a_list,
            Text(
                "返回的是列表；要的是按名字的 `dict`。",
                "This returns a list; a `dict` by name is asked for.",
            ),
        ),
    ),
    alternates=(
        Alternate("forward-replaced", _functional),
        Alternate("named-modules", _by_named_modules),
    ),
)

# --- quiz -----------------------------------------------------------------------------------------

QUIZ_SHUFFLE = choice(
    "dual-quiz-shuffle",
    Text("打乱位置", "Shuffled positions"),
    "a",
    {
        "a": Text(
            "均值与最大值都不问位置，所以一个数也不变。",
            "Neither a mean nor a maximum asks where a value stands, so not one number changes.",
        ),
        "b": Text(
            "最大值移到了别处，它的值没有变；池化之后不记得它在哪里。",
            "The maximum moves elsewhere, but its value stays; after pooling its place is "
            "forgotten.",
        ),
        "c": Text(
            "均值是所有位置之和除以个数，与次序无关；最大值也一样。",
            "A mean is the sum over all positions divided by their number, in any order; the "
            "maximum does not care either.",
        ),
    },
)

QUIZ_PADDED = choice(
    "dual-quiz-padded",
    Text("四周是零", "Zeros around it"),
    "b",
    {
        "a": Text(
            "均值会变：总和没有变，位置却成了四倍。",
            "The means change: the sum stays, but there are four times as many positions.",
        ),
        "b": Text(
            "对：和不变而位置成了四倍，均值成了四分之一；ReLU 之后没有负数，添上的零盖不过最大值。",
            "Yes: the sum stays and the positions are four times as many, so the means are a "
            "quarter; after a ReLU nothing is negative, and added zeros exceed no maximum.",
        ),
        "c": Text(
            "最大值不会变：ReLU 之后的图没有负数，添上的零不会比原来的最大值大。",
            "The maxima stay: after a ReLU nothing is negative, and the added zeros exceed no "
            "maximum.",
        ),
        "d": Text(
            "正好相反：均值依赖于位置的个数，最大值不依赖。",
            "The other way round: a mean depends on the number of positions, a maximum does not.",
        ),
    },
)

QUIZ_GRADIENT = choice(
    "dual-quiz-gradient",
    Text("梯度去哪里", "Where gradients go"),
    "c",
    {
        "a": Text(
            "均值的那一半把梯度分给所有位置；只经过最大值时才是这样。",
            "The half of the means spreads its gradient over all positions; this would hold for "
            "the maximum alone.",
        ),
        "b": Text(
            "取得最大值的位置还从最大值的那一半收到梯度，所以它与别处不同。",
            "The position of the maximum also receives the gradient of the other half, so it "
            "differs from the rest.",
        ),
        "c": Text(
            "对：均值给每个位置同样的一份，最大值的那一份全部给取得最大值的位置。",
            "Yes: the mean gives every position the same share, and all of the maximum's goes to "
            "the position that has it.",
        ),
        "d": Text(
            "两者都可导（最大值在没有并列时可导），梯度照常传回。",
            "Both have gradients, the maximum wherever it is unique, and they flow back as usual.",
        ),
    },
)

QUIZ_CANNOT = choice(
    "dual-quiz-cannot",
    Text("双池化看不见什么", "What dual pooling cannot see"),
    "d",
    {
        "a": Text(
            "最大值看得见：只要有一处强烈的响应就够了。",
            "The maximum sees it: one strong response anywhere is enough.",
        ),
        "b": Text(
            "均值看得见：响应越多，均值越大。",
            "The mean sees it: the more responses, the larger it is.",
        ),
        "c": Text(
            "两半合起来看得见：一半说有没有，一半说有多少。",
            "Both halves together see it: one says whether, the other how much.",
        ),
        "d": Text(
            "对：两种池化都忘掉位置，而看不到两针宽的卷积自己也说不出左右。",
            "Yes: both poolings forget positions, and a convolution that sees less than two "
            "stitches in width cannot tell left from right either.",
        ),
    },
)

EXERCISES = (
    DUAL_POOL,
    DUAL_HEAD,
    DUAL_FOLD,
    DUAL_BUG_FEATURES,
    DUAL_BUG_FEATURES_SYMPTOM,
    DUAL_BUG_TWICE,
    DUAL_BUG_TWICE_SYMPTOM,
    DUAL_COUNTS,
    DUAL_HOOKS,
    QUIZ_SHUFFLE,
    QUIZ_PADDED,
    QUIZ_GRADIENT,
    QUIZ_CANNOT,
)

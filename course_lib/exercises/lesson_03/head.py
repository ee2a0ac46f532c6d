"""Exercise dual-head: the module."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_03.pool import dual_pool
from course_lib.exercises.lesson_03.shared import maximum_of, mean_of, pool_positions, pooled_by


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
        hidden = mean_of(x) @ of_mean.T + maximum_of(x) @ of_maximum.T + self.reduce.bias
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
        return self.layers(pool_positions(x))


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
            _head(pool=staticmethod(pooled_by(maximum_of, mean_of))),
            Text(
                "送进第一层的两半次序反了。权重的前 `C` 列属于均值。",
                "The halves reach the first layer in the other order. The first `C` columns of its "
                "weight belong to the means.",
            ),
        ),
        Mutant(
            "mean-twice",
            _head(pool=staticmethod(pooled_by(mean_of, mean_of))),
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

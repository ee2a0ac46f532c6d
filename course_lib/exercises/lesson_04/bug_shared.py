"""Exercise pam-bug-shared and its symptom: one convolution three times."""

import torch
from torch import Tensor, nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice
from course_lib.exercises.lesson_04.attention_map import attention_map
from course_lib.exercises.lesson_04.energy import energy
from course_lib.exercises.lesson_04.mix import mix


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

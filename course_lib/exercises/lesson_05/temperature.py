"""Exercises of lesson 05, channel attention (CAM)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text, choice

LESSON = "05_channel_attention"


def _features(draw: Draw, batch: int | None = None) -> Tensor:
    """A map whose energies leave the softmax soft: a few channels, values of about a half."""
    count = draw.integer(2, 4) if batch is None else batch
    x = draw.normal(count, draw.integer(4, 6), draw.integer(2, 3), draw.integer(4, 5), scale=0.4)
    return x + 0.2


def _transposed(draw: Draw) -> Tensor:
    """A map whose memory has another order than its shape."""
    return _features(draw).transpose(2, 3)


def _hundredfold(draw: Draw) -> Tensor:
    """A map with energies of tens of thousands: an exponential overflows in double precision."""
    return 100 * _features(draw)


_LARGE = Text("双精度，大一百倍的特征", "double precision, features a hundred times as large")


def _map_of(draw: Draw, x: Tensor) -> Tensor:
    """Rows of weights that sum to one, and are no symmetric matrix."""
    logits = draw.normal(x.shape[0], x.shape[1], x.shape[1])
    return logits.softmax(-1)


# --- cam-map: similarity of channels as weights ---------------------------------------------------


def channel_map(x: Tensor) -> Tensor:
    """The reference of exercise 1: (B, C, H, W) -> (B, C, C), softmax of the rows of A A^T."""
    flat = x.flatten(2)
    return torch.bmm(flat, flat.transpose(1, 2)).softmax(-1)


def _map_case(text: Text, make: Callable[[Draw], Tensor] = _features, **options: object) -> Case:
    return Case(text, lambda draw: Call((make(draw),)), **options)


def _gram(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return flat @ flat.mT


def _positional(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return (flat.mT @ flat).softmax(-1)


def _of_means(x: Tensor) -> Tensor:
    means = x.mean((2, 3))
    return (x[0, 0].numel() * means[:, :, None] * means[:, None]).softmax(-1)


def _reread(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return (flat @ flat.reshape(len(flat), flat.shape[2], flat.shape[1])).softmax(-1)


def _viewed(x: Tensor) -> Tensor:
    flat = x.view(x.shape[0], x.shape[1], -1)
    return (flat @ flat.mT).softmax(-1)


def _map_einsum(x: Tensor) -> Tensor:
    return F.softmax(torch.einsum("bihw,bjhw->bij", x, x), dim=2)


def _map_stepwise(x: Tensor) -> Tensor:
    flat = x.reshape(x.shape[0], x.shape[1], x.shape[2] * x.shape[3])
    energy = torch.matmul(flat, flat.permute(0, 2, 1))
    weights = torch.exp(energy - energy.max(dim=-1, keepdim=True).values)
    return weights / weights.sum(-1, keepdim=True)


def _map_pairs(x: Tensor) -> Tensor:
    products = (x[:, :, None] * x[:, None]).sum((3, 4))
    return nn.Softmax(dim=-1)(products)


CAM_MAP = Exercise(
    id="cam-map",
    kind="implement",
    title=Text("通道的相似图", "The map of channels"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=channel_map,
    cases=(
        _map_case(Text("几张图，高与宽不等", "several pictures, height and width differ")),
        _map_case(Text("批里只有一张图", "a batch of one"), lambda draw: _features(draw, 1)),
        _map_case(Text("转置过的特征图", "a transposed feature map"), _transposed),
        _map_case(Text("双精度", "double precision"), dtype=torch.float64),
        _map_case(_LARGE, _hundredfold, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "overflows",
            lambda x: _weights(_gram(x)),
            Text(
                "`exp` 溢出成无穷，无穷除以无穷得 nan。用 `softmax`，它自己会先减去最大值。",
                "`exp` overflows to infinity, and infinity by infinity is nan. Use `softmax`, "
                "which subtracts the maximum itself.",
            ),
        ),
        Mutant(
            "divided-by-number",
            lambda x: (_gram(x) / x[0, 0].numel()).softmax(-1),
            Text(
                "能量除以了位置的个数。公式里没有这一步；该除以什么，练习 5 会量。",
                "The energies are divided by the number of positions. The formula has no such "
                "step; what to divide by is measured in exercise 5.",
            ),
        ),
        Mutant(
            "wrong-axis",
            lambda x: _gram(x).softmax(1),
            Text(
                "softmax 取在了列上。每一行的和应当是一：看 `dim`。",
                "The softmax runs along the columns. Each row must sum to one: look at `dim`.",
            ),
        ),
        Mutant(
            "positional",
            _positional,
            Text(
                "这是位置之间的图，形状 `(B, N, N)`：两个因子的次序反了。通道的图是 `(B, C, C)`。",
                "This is a map between positions, of shape `(B, N, N)`: the two factors are in the "
                "other order. The map of channels is `(B, C, C)`.",
            ),
        ),
        Mutant(
            "no-softmax",
            _gram,
            Text(
                "还没有取 softmax：这是 Gram 矩阵本身，行的和不是一。",
                "There is no softmax yet: this is the Gram matrix itself, and its rows do not sum "
                "to one.",
            ),
        ),
        Mutant(
            "divided-by-root",
            lambda x: (_gram(x) / math.sqrt(x[0, 0].numel())).softmax(-1),
            Text(
                "能量除以了位置个数的平方根。公式里没有这一步；该除以什么，练习 5 会量。",
                "The energies are divided by the root of the number of positions. The formula "
                "has no "
                "such step; what to divide by is measured in exercise 5.",
            ),
        ),
        Mutant(
            "negated",
            lambda x: (-_gram(x)).softmax(-1),
            Text(
                "能量的符号反了：最不相似的通道得到了最大的权重。",
                "The energies have the other sign: the least similar channel gets the largest "
                "weight.",
            ),
        ),
        Mutant(
            "means-only",
            _of_means,
            Text(
                "只用了各通道的均值。内积要在每个位置上相乘，再对位置求和。",
                "Only the means of the channels are used. An inner product multiplies at every "
                "position and then sums over the positions.",
            ),
        ),
        Mutant(
            "reread-for-transposed",
            _reread,
            Text(
                "用 `reshape` 代替了转置：数的次序没有变，只是换了行的长度，一行里混进了几个通道。",
                "A `reshape` stands for a transpose: the numbers keep their order and only the "
                "rows get another length, so that a row mixes several channels.",
            ),
        ),
        Mutant(
            "view-only",
            _viewed,
            Text(
                "`view` 要求内存里的次序与形状相符，转置过的图做不到。"
                "换成 `flatten` 或 `reshape`。",
                "`view` needs memory in the order of the shape, and a transposed map has it "
                "otherwise. Take `flatten` or `reshape`.",
            ),
        ),
        Mutant(
            "batch-lost",
            lambda x: torch.einsum("bihw,bjhw->ij", x, x).softmax(-1),
            Text(
                "批的轴不见了：整批图加成了一张图。每张图有自己的图，一共 `B` 张。",
                "The batch axis is gone: the whole batch was summed into one map. Every picture "
                "has its own, `B` in all.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            lambda x: _gram(x.detach()).softmax(-1) + 0 * x.sum(),
            Text(
                "数值对，但梯度没有经过图。找 `detach`、`no_grad` 或 `.data`。",
                "The values are right, but no gradient passes the map. Look for `detach`, "
                "`no_grad` or `.data`.",
            ),
        ),
    ),
    alternates=(
        Alternate("einsum", _map_einsum),
        Alternate("stepwise", _map_stepwise),
        Alternate("pairs", _map_pairs),
    ),
)

# --- cam-effective: how many channels a row attends to --------------------------------------------


def effective_number(attention: Tensor) -> Tensor:
    """The reference of exercise 2: rows of weights (…, C) -> (…), exp of the entropy."""
    return torch.special.entr(attention).sum(-1).exp()


def _rows_case(text: Text, make: Callable[[Draw, tuple[int, ...]], Tensor], **options: object):
    def draw_rows(draw: Draw) -> Call:
        shape = (draw.integer(2, 3), draw.integer(4, 5), draw.integer(6, 8))
        return Call((make(draw, shape),))

    return Case(text, draw_rows, **options)


def _soft(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    return draw.normal(*shape, scale=1.5).softmax(-1)


def _one_each(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    return F.one_hot(draw.normal(*shape).argmax(-1), shape[-1]).to(draw.dtype)


def _shared_by_some(draw: Draw, shape: tuple[int, ...]) -> Tensor:
    """Equal weights on the first two or three channels, zeros on the others."""
    some = draw.integer(2, 3)
    weights = (torch.arange(shape[-1]) < some).to(draw.dtype) / some
    return weights.expand(shape).clone()


def _entropy(attention: Tensor, zero: float = 1e-30) -> Tensor:
    return -(attention * attention.clamp(min=zero).log()).sum(-1)


CAM_EFFECTIVE = Exercise(
    id="cam-effective",
    kind="implement",
    title=Text("几个通道", "How many channels"),
    difficulty=2,
    minutes=5,
    points=2,
    reference=effective_number,
    cases=(
        _rows_case(Text("任意的权重", "any weights"), _soft),
        _rows_case(Text("每行只看一个通道", "each row attends to a single channel"), _one_each),
        _rows_case(
            Text("几个通道平分，别的是零", "some channels share, the others have zero"),
            _shared_by_some,
        ),
        _rows_case(Text("双精度", "double precision"), _soft, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "zero-not-a-number",
            lambda a: (-(a * a.log()).sum(-1)).exp(),
            Text(
                "权重为零时得到 nan：零乘以负无穷没有定义。这样的项应当是零。",
                "A weight of zero gives nan: zero times minus infinity is not defined. Such a "
                "term must be zero.",
            ),
        ),
        Mutant(
            "entropy-itself",
            _entropy,
            Text(
                "返回的是熵。`C` 个通道的权重都相等时，它是 log C；再取指数，才是 `C`。",
                "This is the entropy. For equal weights on `C` channels it is log C; the "
                "exponential makes it `C`.",
            ),
        ),
        Mutant(
            "sign-lost",
            lambda a: (-_entropy(a)).exp(),
            Text(
                "熵的符号反了：权重的对数不是正的，求和以后要变号。",
                "The entropy has the wrong sign: logarithms of weights are not positive, and "
                "their sum changes sign.",
            ),
        ),
        Mutant(
            "bases-mixed",
            lambda a: (_entropy(a) / math.log(2)).exp(),
            Text(
                "对数以 2 为底，指数却以 e 为底。两处用同一个底。",
                "The logarithm has base 2, the exponential base e. Take the same base for both.",
            ),
        ),
        Mutant(
            "over-rows",
            lambda a: torch.special.entr(a).sum(-2).exp(),
            Text(
                "求和用了行的轴。一行是一个通道的权重：对最后一个轴求和。",
                "The sum runs over the rows. A row holds the weights of one channel: sum over the "
                "last axis.",
            ),
        ),
        Mutant(
            "exponential-before-sum",
            lambda a: torch.special.entr(a).exp().sum(-1),
            Text(
                "先逐项取了指数，再求和。次序要反过来：和是熵，最后才取指数。",
                "The exponential of every term comes first, then the sum. It must be the other "
                "way round: the sum is the entropy, and the exponential comes last.",
            ),
        ),
        Mutant(
            "axis-kept",
            lambda a: torch.special.entr(a).sum(-1, keepdim=True).exp(),
            Text(
                "最后一个轴还在，长度为一。返回的形状要少掉它：看 `keepdim`。",
                "The last axis is still there, with length one. The result is to lose it: look at "
                "`keepdim`.",
            ),
        ),
        Mutant(
            "squares",
            lambda a: 1 / a.square().sum(-1),
            Text(
                "这是另一种有效个数，平方和的倒数。这里要的是熵的指数。",
                "This is another effective number, one over the sum of squares. The exponential "
                "of the entropy is asked for.",
            ),
        ),
        Mutant(
            "averaged",
            lambda a: torch.special.entr(a).sum(-1).exp().mean(-1),
            Text(
                "对各行取了平均。每一行都要有自己的数。",
                "The rows are averaged. Each row is to have a number of its own.",
            ),
        ),
    ),
    alternates=(
        Alternate("clamped", lambda a: _entropy(a).exp()),
        Alternate("product", lambda a: a.pow(-a).prod(-1)),
        Alternate("masked", lambda a: (-torch.where(a > 0, a * a.log(), 0.0).sum(-1)).exp()),
        Alternate("xlogy", lambda a: 1 / torch.special.xlogy(a, a).sum(dim=-1).exp()),
    ),
    gradients=False,
)

# --- find the bug: a guard against overflow that is none ------------------------------------------


def stable_softmax(energy: Tensor) -> Tensor:
    """The reference of exercise 3: the softmax of the rows, without overflow."""
    weights = (energy - energy.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


def _energy_case(
    text: Text, scale: float, levels: float = 0.0, square: bool = False, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        rows = draw.integer(4, 6)
        columns = rows if square else rows + 2
        batch = draw.integer(2, 3)
        energy = draw.normal(batch, rows, columns, scale=scale)
        # Rows far from one another: what guards one row must not be taken from another.
        level = levels * (torch.arange(rows) - rows // 2).to(energy)
        return Call((energy + level[:, None],))

    return Case(text, make, **options)


def _weights(shifted: Tensor, dim: int = -1) -> Tensor:
    weights = shifted.exp()
    return weights / weights.sum(dim, keepdim=True)


CAM_BUG_SOFTMAX = Exercise(
    id="cam-bug-softmax",
    kind="find the bug",
    title=Text("说是稳定的 softmax", "A softmax said to be stable"),
    difficulty=2,
    minutes=6,
    points=3,
    reference=stable_softmax,
    cases=(
        _energy_case(Text("小的能量", "small energies"), 1.0),
        # In single precision the rounding of such energies alone would make right answers differ.
        _energy_case(
            Text("双精度，上千的能量", "double precision, energies of thousands"),
            2000.0,
            dtype=torch.float64,
        ),
        _energy_case(Text("各行高低悬殊", "rows on very different levels"), 1.0, 130.0),
        _energy_case(Text("行数等于列数", "as many rows as columns"), 1.0, square=True),
        _energy_case(Text("双精度", "double precision"), 1.0, 3000.0, dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda energy: _weights(energy.amax(-1, keepdim=True) - energy),
            Text(
                "仍和上面一样：最大的能量得到最小的权重，而差大于 88 时 `exp` 还会溢出。",
                "It is still as above: the largest energy gets the smallest weight, and where the "
                "difference exceeds 88 `exp` overflows too.",
            ),
        ),
        Mutant(
            "no-guard",
            lambda energy: _weights(energy),
            Text(
                "小的能量对了，大的却是 nan：`exp` 溢出成无穷。先减去什么，结果才不变又不溢出？",
                "Small energies are right, large ones give nan: `exp` overflows to infinity. What "
                "can be subtracted first, so that the result stays and nothing overflows?",
            ),
        ),
        Mutant(
            "maximum-of-everything",
            lambda energy: _weights(energy - energy.max()),
            Text(
                "减去的是整个张量的最大值。离它很远的行全部下溢成零，零除以零得 nan；每行要减"
                "自己的最大值。",
                "The maximum of the whole tensor is subtracted. Rows far below it underflow to "
                "zeros, and zero by zero is nan; each row needs its own maximum.",
            ),
        ),
        Mutant(
            "minimum",
            lambda energy: _weights(energy - energy.amin(-1, keepdim=True)),
            Text(
                "减去的是最小值：次序对了，但差都不是负的，`exp` 照样溢出。",
                "The minimum is subtracted: the order is right, but no difference is negative, and "
                "`exp` overflows all the same.",
            ),
        ),
        Mutant(
            "mean-of-the-row",
            lambda energy: _weights(energy - energy.mean(-1, keepdim=True)),
            Text(
                "减去的是每行的平均：权重不变，但比平均高出 88 的能量照样溢出。"
                "减去哪个数，差才都不是正的？",
                "The mean of each row is subtracted: the weights stay, but an energy more than 88 "
                "above the mean overflows all the same. Which number leaves no difference "
                "positive?",
            ),
        ),
        Mutant(
            "guarded-but-negated",
            lambda energy: (-energy).softmax(-1),
            Text(
                "不再溢出，但能量的符号还是反的：最大的能量得到最小的权重。",
                "Nothing overflows now, but the energies still have the other sign: the largest "
                "one gets the smallest weight.",
            ),
        ),
        Mutant(
            "maximum-of-columns",
            lambda energy: _weights(energy - energy.amax(-2, keepdim=True)),
            Text(
                "减去的是每列的最大值。一行里减的数不同，权重就变了；看 `amax` 的轴。",
                "The maximum of each column is subtracted. That takes different numbers from one "
                "row and changes the weights; look at the axis of `amax`.",
            ),
        ),
        Mutant(
            "columns-sum-to-one",
            lambda energy: _weights(energy - energy.amax(-2, keepdim=True), -2),
            Text(
                "和为一的是列。这里要的是行：两处的轴都是最后一个。",
                "The columns sum to one. Here it must be the rows: the axis is the last one in "
                "both places.",
            ),
        ),
        Mutant(
            "not-divided",
            lambda energy: (energy - energy.amax(-1, keepdim=True)).exp(),
            Text(
                "还没有除以和：每行的最大值现在是一，行的和不是。",
                "The division by the sum is missing: now the largest of each row is one, and the "
                "row does not sum to one.",
            ),
        ),
        Mutant(
            "divided-by-the-maximum",
            lambda energy: _weights(energy / energy.amax(-1, keepdim=True)),
            Text(
                "能量除以了最大值，权重因此变了。只有每行加减同一个数，softmax 才不变。",
                "The energies are divided by the maximum, which changes the weights. Only adding "
                "one number to a row, or taking it away, leaves a softmax as it is.",
            ),
        ),
    ),
    alternates=(
        Alternate("library", lambda energy: energy.softmax(-1)),
        Alternate("logarithm", lambda energy: (energy - energy.logsumexp(-1, keepdim=True)).exp()),
        Alternate(
            "guard-detached",
            lambda energy: _weights(energy - energy.detach().max(-1, keepdim=True).values),
        ),
    ),
)

CAM_BUG_SYMPTOM = choice(
    "cam-bug-softmax-symptom",
    Text("它的症状", "Its symptom"),
    "c",
    {
        "a": Text(
            "softmax 确实不怕每行加减一个数，但 `max - energy` 不只是加减：能量前面有了负号。",
            "A softmax does not mind a number added to a row, but `max - energy` is more than "
            "that: the energy has a minus sign now.",
        ),
        "b": Text(
            "PyTorch 的 softmax 自己已经减去最大值，不会溢出；这一行什么也没有防住。",
            "PyTorch's softmax subtracts the maximum itself and does not overflow; this line "
            "guards against nothing.",
        ),
        "c": Text(
            "对：每行减去自己的最大值不改变 softmax，剩下的只有负号，所以它等于 softmax(−G)。",
            "Yes: taking its maximum from a row does not change a softmax, so only the minus sign "
            "is left, and this is softmax(−G).",
        ),
        "d": Text(
            "softmax 之后行的和总是一，不论给它什么能量。",
            "After a softmax every row sums to one, whatever the energies are.",
        ),
    },
)

# --- cam-temperature: what the energies must be divided by ----------------------------------------


def temperature(energy: Tensor, wanted: float) -> float:
    """The reference of exercise 5: tau at which the rows of energy / tau attend to so many."""
    low, high = 1e-3, 1e6
    for _ in range(100):
        middle = math.sqrt(low * high)
        number = torch.special.entr((energy / middle).softmax(-1)).sum(-1).exp().mean().item()
        low, high = (middle, high) if number < wanted else (low, middle)
    return middle


def _number(energy: Tensor, tau: float) -> float:
    return _entropy((energy / tau).softmax(-1)).exp().mean().item()


def _bisected(
    number: Callable[[Tensor, float], float], steps: int = 200
) -> Callable[[Tensor, float], float]:
    def answer(energy: Tensor, wanted: float) -> float:
        low, high = 1e-3, 1e6
        for _ in range(steps):
            middle = (low + high) / 2
            if number(energy, middle) < wanted:
                low = middle
            else:
                high = middle
        return high

    return answer


def _tau_reversed(energy: Tensor, wanted: float) -> float:
    low, high = 1e-3, 1e6
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if _number(energy, middle) < wanted else (middle, high)
    return middle


def _tau_newton(energy: Tensor, wanted: float) -> float:
    """Bisection to come near, then Newton's steps in the logarithm."""
    s = math.log(_bisected(_number, 40)(energy, wanted))
    for _ in range(30):
        t = torch.tensor(s, dtype=energy.dtype, requires_grad=True)
        with torch.enable_grad():
            number = torch.special.entr((energy / t.exp()).softmax(-1)).sum(-1).exp().mean()
        (slope,) = torch.autograd.grad(number, t)
        s -= (number.item() - wanted) / slope.item()
    return math.exp(s)


def _tau_inward(energy: Tensor, wanted: float) -> float:
    """Halve the step of the logarithm, towards the wanted number."""
    exponent, step = 1.5, 4.5
    while step > 1e-16:
        step /= 2
        exponent += step if _number(energy, 10**exponent) < wanted else -step
    return 10**exponent


def _energies(draw: Draw, scale: float) -> Tensor:
    """Symmetric energies of 5 to 8 channels, with a diagonal that stands out."""
    count = draw.integer(5, 8)
    a = draw.normal(count, 3 * count)
    return scale * a @ a.T


def _temperature_case(text: Text, scale: float, wanted: tuple[float, ...]) -> Case:
    return Case(
        text,
        lambda draw: Call((_energies(draw, scale), draw.pick(*wanted))),
        dtype=torch.float64,
    )


CAM_TEMPERATURE = Exercise(
    id="cam-temperature",
    kind="experiment",
    title=Text("除以多少", "Divided by what"),
    difficulty=3,
    minutes=8,
    points=4,
    reference=temperature,
    cases=(
        _temperature_case(Text("几乎只看一个通道", "nearly a single channel"), 1.0, (1.3, 1.5)),
        _temperature_case(Text("看两三个通道", "two or three channels"), 1.0, (2.0, 2.5, 3.0)),
        _temperature_case(Text("能量大得多", "much larger energies"), 300.0, (2.0, 3.0)),
        _temperature_case(Text("能量小得多", "much smaller energies"), 0.01, (2.0, 3.0)),
        _temperature_case(Text("符号反过来的能量", "energies of the other sign"), -1.0, (2.0, 3.0)),
    ),
    mutants=(
        Mutant(
            "other-way",
            _tau_reversed,
            Text(
                "朝反方向找，停在了边界上。温度升高，权重变平，有效个数变大。",
                "The search goes the other way and ends at the edge. A higher temperature makes "
                "the weights more even and the effective number larger.",
            ),
        ),
        Mutant(
            "multiplied",
            _bisected(lambda energy, tau: -_number(energy, 1 / tau)),
            Text(
                "能量乘以了温度。要的是能除的那个数。",
                "The energies are multiplied by the temperature. What divides them is asked for.",
            ),
        ),
        Mutant(
            "reciprocal",
            lambda energy, wanted: 1 / _bisected(_number)(energy, wanted),
            Text(
                "返回的是温度的倒数。能量要除以返回的数，不是乘以它。",
                "This is one over the temperature. The energies are divided by what is returned, "
                "not multiplied by it.",
            ),
        ),
        Mutant(
            "negated",
            _bisected(lambda energy, tau: _number(-energy, tau)),
            Text(
                "能量的符号反了：要的是 `(energy / tau).softmax(-1)`，这里用了 `-energy`。",
                "The energies have the other sign: what counts is `(energy / tau).softmax(-1)`, "
                "and here it is `-energy`.",
            ),
        ),
        Mutant(
            "mean-before-exponential",
            _bisected(lambda energy, tau: _entropy((energy / tau).softmax(-1)).mean().exp().item()),
            Text(
                "先对熵取了平均，再取指数。要的是各行有效个数的平均，次序不同，结果也不同。",
                "The entropies are averaged before the exponential. The mean of the effective "
                "numbers is asked for, which is another number.",
            ),
        ),
        Mutant(
            "entropy-for-number",
            _bisected(lambda energy, tau: _entropy((energy / tau).softmax(-1)).mean().item()),
            Text(
                "比较的是熵，不是有效个数：还差一个指数。",
                "The entropy is compared, not the effective number: an exponential is missing.",
            ),
        ),
        Mutant(
            "columns",
            _bisected(lambda energy, tau: _entropy((energy / tau).softmax(0)).exp().mean().item()),
            Text(
                "softmax 取在了列上：每行的和应当是一，轴是最后一个。",
                "The softmax runs along the columns: each row must sum to one, along the last "
                "axis.",
            ),
        ),
        Mutant(
            "first-row-only",
            _bisected(lambda energy, tau: _number(energy[:1], tau)),
            Text(
                "只看了第一行。要的是所有行的平均。",
                "Only the first row is looked at. The mean over all rows is asked for.",
            ),
        ),
        Mutant(
            "too-coarse",
            _bisected(_number, 25),
            Text(
                "方向对，停得太早：区间还太宽。再多对半分几十次。",
                "The direction is right, but it stops too early, with too wide an interval. Halve "
                "some dozens of times more.",
            ),
        ),
        Mutant(
            "root-of-channels",
            lambda energy, wanted: math.sqrt(energy.shape[-1]),
            Text(
                "返回的是通道数的平方根，与能量和目标无关。Transformer 除以的是向量长度的平方根，"
                "也不是它；这里要量出来。",
                "This is the root of the number of channels, whatever the energies and the "
                "target. The Transformer divides by the root of the length of its vectors, which "
                "is another number; here the value is to be measured.",
            ),
        ),
        Mutant(
            "spread",
            lambda energy, wanted: energy.std().item(),
            Text(
                "返回的是能量的标准差，与目标无关。它的数量级对，但要求的是恰好达到目标。",
                "This is the standard deviation of the energies, whatever the target. The order of "
                "magnitude is right, but the target is to be met exactly.",
            ),
        ),
    ),
    alternates=(
        Alternate("halves-of-interval", _bisected(_number)),
        Alternate("newton", _tau_newton),
        Alternate("halved-steps", _tau_inward),
    ),
    gradients=False,
)

# --- find the bug: the transposed map -------------------------------------------------------------


def mix(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    """The reference of exercise 6: gamma times the mixture of the channels, plus the input."""
    return gamma * torch.bmm(attention, x.flatten(2)).view_as(x) + x


def _mix_case(text: Text, make: Callable[[Draw], Tensor] = _features, **options: object) -> Case:
    def draw_all(draw: Draw) -> Call:
        x = make(draw)
        return Call((_map_of(draw, x), x, draw.normal(1) + 1.5))

    return Case(text, draw_all, **options)


def _mixed(attention: Tensor, x: Tensor) -> Tensor:
    return (attention @ x.flatten(2)).reshape(x.shape)


def _mix_reread(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    flat = x.flatten(2).mT.reshape(x.shape[0], x.shape[1], -1)  # rows of (N, C) read as channels
    return gamma * (attention @ flat).reshape(x.shape) + x


def _mix_einsum(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    return x + gamma * torch.einsum("bij,bjhw->bihw", attention, x)


def _mix_one_product(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    unit = torch.eye(x.shape[1], dtype=x.dtype)
    return ((gamma * attention + unit) @ x.flatten(2)).unflatten(2, x.shape[2:])


def _mix_convolution(attention: Tensor, x: Tensor, gamma: Tensor) -> Tensor:
    mixed = [F.conv2d(a, w[:, :, None, None]) for a, w in zip(x, attention, strict=True)]
    return torch.stack(mixed) * gamma + x


CAM_BUG_MIX = Exercise(
    id="cam-bug-transpose",
    kind="find the bug",
    title=Text("转置了的图", "The transposed map"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=mix,
    cases=(
        _mix_case(Text("几张图", "several pictures")),
        _mix_case(Text("批里只有一张图", "a batch of one"), lambda draw: _features(draw, 1)),
        _mix_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda attention, x, gamma: gamma * _mixed(attention.mT, x) + x,
            Text(
                "仍和上面一样：用的是列。通道 `i` 的权重在第 `i` 行，那一行的和才是一。",
                "It is still as above: the columns are used. The weights of channel `i` stand in "
                "row `i`, and it is the row that sums to one.",
            ),
        ),
        Mutant(
            "no-residual",
            lambda attention, x, gamma: gamma * _mixed(attention, x),
            Text("混合对了，但没有加上输入。", "The mixture is right, but the input is not added."),
        ),
        Mutant(
            "gamma-on-the-input",
            lambda attention, x, gamma: _mixed(attention, x) + gamma * x,
            Text(
                "`gamma` 乘在了输入上。它为零时，输出应当等于输入。",
                "`gamma` multiplies the input. Where it is zero, the output must equal the input.",
            ),
        ),
        Mutant(
            "no-gamma",
            lambda attention, x, gamma: _mixed(attention, x) + x + 0 * gamma,
            Text("`gamma` 没有起作用。", "`gamma` has no effect."),
        ),
        Mutant(
            "gamma-left-out",
            lambda attention, x, gamma: _mixed(attention, x) + x,
            Text(
                "没有乘 `gamma`。它为零时，输出应当等于输入。",
                "`gamma` multiplies nothing. Where it is zero, the output must equal the input.",
            ),
        ),
        Mutant(
            "gamma-on-all",
            lambda attention, x, gamma: gamma * (_mixed(attention, x) + x),
            Text(
                "`gamma` 乘在了整个和上。它为零时，输入也不见了。",
                "`gamma` multiplies the whole sum. Where it is zero, the input is gone too.",
            ),
        ),
        Mutant(
            "interpolated",
            lambda attention, x, gamma: gamma * _mixed(attention, x) + (1 - gamma) * x,
            Text(
                "这是在混合与输入之间取中。公式里输入总是完整地加上。",
                "This interpolates between mixture and input. In the formula the input is added "
                "whole.",
            ),
        ),
        Mutant(
            "columns-renormalised",
            lambda attention, x, gamma: (
                gamma * _mixed(attention.mT / attention.mT.sum(-1, keepdim=True), x) + x
            ),
            Text(
                "权重的和补成了一，用的却还是列。`attention` 的行已经是权重，不必再除。",
                "The weights are made to sum to one, but they are still the columns. The rows of "
                "`attention` are weights already; nothing needs dividing.",
            ),
        ),
        Mutant(
            "softmax-again",
            lambda attention, x, gamma: gamma * _mixed(attention.softmax(-1), x) + x,
            Text(
                "又取了一次 softmax。`attention` 已经是权重，再取一次几乎平分了。",
                "The softmax is taken again. `attention` holds weights already, and another "
                "softmax makes them nearly equal.",
            ),
        ),
        Mutant(
            "only-itself",
            lambda attention, x, gamma: (
                gamma * attention.diagonal(dim1=1, dim2=2)[:, :, None, None] * x + x
            ),
            Text(
                "只用了对角线：每个通道只乘以一个数，没有混合，这成了一个门。",
                "Only the diagonal is used: each channel is multiplied by a number and nothing is "
                "mixed, which makes this a gate.",
            ),
        ),
        Mutant(
            "reread",
            _mix_reread,
            Text(
                "形状凑对了，数却错了位：转置之后再 `reshape`，位置与通道混在一起。",
                "The shapes fit, the numbers do not: a `reshape` after a transpose mixes positions "
                "with channels.",
            ),
        ),
    ),
    alternates=(
        Alternate("einsum", _mix_einsum),
        Alternate("one-product", _mix_one_product),
        Alternate("convolution", _mix_convolution),
    ),
)

# --- cam-module: the module -----------------------------------------------------------------------


class ChannelAttention(nn.Module):
    """The reference of exercise 7: map, mixture, residual; one parameter."""

    def __init__(self, channels: int, plain: bool = False) -> None:
        super().__init__()
        self.plain = plain
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        energy = _gram(x)
        attention = (energy if self.plain else -energy).softmax(-1)
        return mix(attention, x, self.gamma)


class _Module(nn.Module):
    """Where the mutants and alternates of the module differ."""

    def __init__(self, channels: int, plain: bool = False) -> None:
        super().__init__()
        self.sign = 1.0 if plain else -1.0
        self.scale = nn.Parameter(self.start(channels))

    def start(self, channels: int) -> Tensor:
        return torch.zeros(1)

    def flat(self, x: Tensor) -> Tensor:
        return x.flatten(2)

    def attention(self, a: Tensor) -> Tensor:
        return (self.sign * a @ a.mT).softmax(-1)

    def mixture(self, a: Tensor) -> Tensor:
        return self.attention(a) @ a

    def together(self, mixed: Tensor, x: Tensor) -> Tensor:
        return self.scale * mixed + x

    def forward(self, x: Tensor) -> Tensor:
        return self.together(self.mixture(self.flat(x)).reshape(x.shape), x)


def _module(**differences: object) -> type[nn.Module]:
    return type("Module", (_Module,), differences)


def _released(self: _Module, a: Tensor) -> Tensor:
    """The released line for either sign."""
    energy = self.sign * a @ a.mT
    return (energy - energy.amax(-1, keepdim=True)).softmax(-1)


def _released_by_hand(self: _Module, a: Tensor) -> Tensor:
    """The guard of exercise 3 that is none."""
    energy = -self.sign * a @ a.mT
    return _weights(energy.amax(-1, keepdim=True) - energy)


class _ModuleUnregistered(nn.Module):
    """What is no parameter stays at zero, so nothing is added."""

    def __init__(self, channels: int, plain: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x + 0 * x


class _ModuleBroadcast(nn.Module):
    """A parameter of another shape that counts as the same, and no product of matrices."""

    def __init__(self, channels: int, plain: bool = False) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1, 1, 1).view(1))
        self.order = [plain]

    def forward(self, x: Tensor) -> Tensor:
        energy = torch.einsum("bihw,bjhw->bij", x, x)
        if not self.order[0]:
            energy = energy.amax(2, keepdim=True) - energy
        return torch.einsum("bij,bjhw->bihw", self.beta * energy.softmax(2), x) + x


def _module_case(
    text: Text,
    plain: bool | None,
    make_map: Callable[[Draw], Tensor] = _features,
    **options: object,
) -> Case:
    def make(draw: Draw) -> Call:
        x = make_map(draw)
        build = {"channels": x.shape[1]}
        return Call((x,), build if plain is None else {**build, "plain": plain})

    return Case(text, make, **options)


CAM_MODULE = Exercise(
    id="cam-module",
    kind="implement",
    title=Text("模块", "The module"),
    difficulty=2,
    minutes=7,
    points=4,
    reference=ChannelAttention,
    cases=(
        _module_case(Text("默认：代码的形式", "by default, the code's form"), None),
        _module_case(Text("`plain=True`：论文的形式", "`plain=True`, the paper's form"), True),
        _module_case(Text("转置过的特征图", "a transposed feature map"), False, _transposed),
        _module_case(Text("双精度", "double precision"), None, dtype=torch.float64),
        _module_case(_LARGE, None, _hundredfold, dtype=torch.float64),
        _module_case(
            Text("刚造好的模块，`gamma` 没有动过", "a fresh module, `gamma` as it was made"),
            None,
            initial=True,
        ),
    ),
    mutants=(
        Mutant(
            "always-plain",
            _module(attention=lambda self, a: (a @ a.mT).softmax(-1)),
            Text(
                "`plain` 没有作用，总是论文的形式。默认是发布的代码：softmax(−G)。",
                "`plain` has no effect, this is always the paper's form. The default is the "
                "released code: softmax(−G).",
            ),
        ),
        Mutant(
            "always-negated",
            _module(attention=lambda self, a: (-a @ a.mT).softmax(-1)),
            Text(
                "`plain` 没有作用，总是代码的形式。`plain=True` 是 softmax(G)。",
                "`plain` has no effect, this is always the code's form. `plain=True` is "
                "softmax(G).",
            ),
        ),
        Mutant(
            "switched",
            _module(attention=lambda self, a: (-self.sign * a @ a.mT).softmax(-1)),
            Text(
                "两种形式对调了：`plain=True` 才是 softmax(G)。",
                "The two forms are exchanged: `plain=True` is softmax(G).",
            ),
        ),
        Mutant(
            "transposed",
            _module(attention=lambda self, a: (self.sign * a @ a.mT).softmax(-1).mT),
            Text(
                "用的是图的列：softmax 取错了轴，或者相乘时转置了。第 `i` 行才是通道 `i` 的权重。",
                "The columns of the map are used: its softmax runs along the wrong axis, or the "
                "product transposes it. The weights of channel `i` are row `i`.",
            ),
        ),
        Mutant(
            "gamma-left-out",
            _module(together=lambda self, mixed, x: mixed + x),
            Text(
                "没有乘 `gamma`。它为零时，输出应当等于输入。",
                "`gamma` multiplies nothing. Where it is zero, the output must equal the input.",
            ),
        ),
        Mutant(
            "positional",
            _module(mixture=lambda self, a: a @ (self.sign * a.mT @ a).softmax(-1)),
            Text(
                "这是位置之间的图，形状 `(B, N, N)`：混合的是位置，不是通道。",
                "This is a map between positions, of shape `(B, N, N)`: it mixes positions, not "
                "channels.",
            ),
        ),
        Mutant(
            "minus-outside",
            _module(attention=lambda self, a: self.sign * (a @ a.mT).softmax(-1)),
            Text(
                "负号在 softmax 外面：权重还是 softmax(G)，只是变成了减。"
                "默认要的是 softmax(−G)，看的是别的通道。",
                "The minus stands outside the softmax: the weights are still softmax(G), only "
                "subtracted. The default is softmax(−G), which attends to other channels.",
            ),
        ),
        Mutant(
            "overflows",
            _module(attention=_released_by_hand),
            Text(
                "`exp` 溢出了：特征大时有 nan。这是练习 3 里的错；"
                "PyTorch 的 `softmax` 自己防溢出。",
                "`exp` overflows: large features give nan. That is the bug of exercise 3; "
                "PyTorch's `softmax` guards itself.",
            ),
        ),
        Mutant(
            "gamma-starts-at-one",
            _module(start=lambda self, channels: torch.ones(1)),
            Text(
                "`gamma` 从一开始。它应当从零开始，这样新加的模块先不改变网络。",
                "`gamma` starts at one. It is to start at zero, so that a module newly added "
                "leaves the network as it is at first.",
            ),
        ),
        Mutant(
            "gamma-not-registered",
            _ModuleUnregistered,
            Text(
                "`gamma` 是普通的张量或数，训练不会动它。用 `nn.Parameter` 包起来，"
                "存成 `self` 的属性。",
                "`gamma` is a plain tensor or number, which no training moves. Wrap it in "
                "`nn.Parameter` and store it as an attribute of `self`.",
            ),
        ),
        Mutant(
            "one-gamma-per-channel",
            _module(
                start=lambda self, channels: torch.zeros(channels),
                together=lambda self, mixed, x: self.scale[:, None, None] * mixed + x,
            ),
            Text(
                "每个通道各有一个 `gamma`。这里整个模块只有一个参数。",
                "Every channel has a `gamma` of its own. The whole module has one parameter here.",
            ),
        ),
        Mutant(
            "no-residual",
            _module(together=lambda self, mixed, x: self.scale * mixed),
            Text(
                "没有加上输入。`gamma` 从零开始，这样网络一开始什么也传不下去。",
                "The input is not added. `gamma` starts at zero, so at first the network would "
                "pass on nothing.",
            ),
        ),
        Mutant(
            "gamma-before-softmax",
            _module(
                attention=lambda self, a: (self.scale * self.sign * a @ a.mT).softmax(-1),
                together=lambda self, mixed, x: mixed + x,
            ),
            Text(
                "`gamma` 乘在了能量上。它应当乘以混合，为零时输出才等于输入。",
                "`gamma` multiplies the energies. It belongs on the mixture, so that at zero the "
                "output equals the input.",
            ),
        ),
        Mutant(
            "divided-by-root",
            _module(
                attention=lambda self, a: (self.sign * a @ a.mT / math.sqrt(a.shape[2])).softmax(-1)
            ),
            Text(
                "能量除以了位置个数的平方根。论文与代码都没有这一步。",
                "The energies are divided by the root of the number of positions. Neither paper "
                "nor code does that.",
            ),
        ),
        Mutant(
            "view-only",
            _module(flat=lambda self, x: x.view(x.shape[0], x.shape[1], -1)),
            Text(
                "转置过的图用不了 `view`，发布的代码正是在这里出错。换成 `flatten`。",
                "A transposed map cannot take `view`, and the released code fails right here. Use "
                "`flatten`.",
            ),
        ),
    ),
    alternates=(
        Alternate("guarded", _module(attention=_released)),
        Alternate("broadcast", _ModuleBroadcast),
        Alternate(
            "one-product",
            _module(
                forward=lambda self, x: (
                    x + (self.scale * self.attention(self.flat(x)) @ self.flat(x)).view_as(x)
                )
            ),
        ),
    ),
)

# --- find the bug: the survey's formula -----------------------------------------------------------


def survey(x: Tensor) -> Tensor:
    """The reference of exercise 8: X + softmax(X X^T) X."""
    flat = x.flatten(2)
    return x + (torch.bmm(flat, flat.transpose(1, 2)).softmax(-1) @ flat).view_as(x)


def _by_position(x: Tensor, dim: int) -> Tensor:
    flat = x.flatten(2)
    return x + (flat @ (flat.mT @ flat).softmax(dim)).reshape(x.shape)


def _survey_of(weights: Callable[[Tensor], Tensor], residual: float = 1) -> Callable:
    def answer(x: Tensor) -> Tensor:
        return residual * x + (weights(_gram(x)) @ x.flatten(2)).reshape(x.shape)

    return answer


CAM_BUG_SURVEY = Exercise(
    id="cam-bug-survey",
    kind="find the bug",
    title=Text("两个因子的次序", "The order of two factors"),
    difficulty=2,
    minutes=5,
    points=2,
    reference=survey,
    cases=(
        _map_case(Text("几张图", "several pictures")),
        _map_case(Text("批里只有一张图", "a batch of one"), lambda draw: _features(draw, 1)),
        _map_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "unchanged",
            lambda x: _by_position(x, -1),
            Text(
                "仍和上面一样：`X.mT @ X` 是位置之间的相似，形状 `(N, N)`。",
                "It is still as above: `X.mT @ X` compares positions and has the shape `(N, N)`.",
            ),
        ),
        Mutant(
            "columns-of-positions",
            lambda x: _by_position(x, -2),
            Text(
                "现在各列的和是一，混合成了平均；但混合的仍是位置，不是通道。",
                "Now the columns sum to one and the mixture is an average; but it still mixes "
                "positions, not channels.",
            ),
        ),
        Mutant(
            "transposed",
            _survey_of(lambda gram: gram.softmax(-1).mT),
            Text(
                "用的是图的列：softmax 取错了轴，或者相乘时转置了。每个输出的权重之和不再是一。",
                "The columns of the map are used: its softmax runs along the wrong axis, or the "
                "product transposes it. The weights of an output no longer sum to one.",
            ),
        ),
        Mutant(
            "no-residual",
            _survey_of(lambda gram: gram.softmax(-1), 0),
            Text("没有加上 `X`。", "`X` is not added."),
        ),
        Mutant(
            "negated",
            _survey_of(lambda gram: (-gram).softmax(-1)),
            Text(
                "能量的符号反了。那是发布的代码；综述的公式里没有负号。",
                "The energies have the other sign. That is the released code; the formula of the "
                "survey has no minus.",
            ),
        ),
        Mutant(
            "no-softmax",
            _survey_of(lambda gram: gram),
            Text("没有取 softmax。", "There is no softmax."),
        ),
    ),
    alternates=(
        Alternate("parts", lambda x: x + torch.einsum("bij,bjhw->bihw", _map_einsum(x), x)),
        Alternate("stepwise", _survey_of(lambda gram: (gram - gram.logsumexp(2, True)).exp())),
        Alternate(
            "transposed-twice",
            lambda x: x + (x.flatten(2).mT @ _gram(x).softmax(1)).mT.reshape(x.shape),
        ),
    ),
)

# --- predict: what it costs -----------------------------------------------------------------------


def cam_costs(batch: int, channels: int, height: int, width: int) -> dict[str, int]:
    """The reference of exercise 9: parameters, multiply-adds and bytes of the maps."""
    positions = height * width
    return {
        "parameters": 1,
        "macs": 2 * batch * channels**2 * positions,
        "map_bytes": 4 * batch * channels**2,
        "position_map_bytes": 4 * batch * positions**2,
    }


def _costs_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        sizes = {
            "batch": draw.integer(2, 9),
            "channels": draw.integer(16, 600),
            "height": draw.integer(5, 60),
            "width": draw.integer(61, 120),
        }
        return Call(tuple({**sizes, **fixed}.values()))

    return Case(text, make)


def _costs_mutant(**factors: Callable[[int, int, int, int], float]) -> Callable:
    """The right numbers, those named multiplied by a factor."""

    def answer(batch: int, channels: int, height: int, width: int) -> dict[str, int]:
        n = height * width
        right = {
            "parameters": 1,
            "macs": 2 * batch * n * channels * channels,
            "map_bytes": 4 * batch * channels * channels,
            "position_map_bytes": 4 * batch * n * n,
        }
        for key, factor in factors.items():
            right[key] = round(right[key] * factor(batch, channels, height, width))
        return right

    return answer


def _costs_counted(batch: int, channels: int, height: int, width: int) -> dict[str, int]:
    with torch.device("meta"):
        of_channels = torch.empty(batch, channels, channels)
        of_positions = torch.empty(batch, height * width, height * width)
    product = of_channels.numel() * height * width
    return {
        "position_map_bytes": of_positions.numel() * of_positions.element_size(),
        "map_bytes": of_channels.nbytes,
        "macs": product + product,
        "parameters": nn.Parameter(torch.zeros(1)).numel(),
    }


CAM_COSTS = Exercise(
    id="cam-costs",
    kind="predict",
    title=Text("代价", "The cost"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=cam_costs,
    cases=(
        _costs_case(Text("任意大小", "any sizes")),
        _costs_case(Text("一张图片", "one picture"), batch=1),
        _costs_case(Text("很多通道", "many channels"), channels=2048),
        _costs_case(Text("一个位置", "a single position"), height=1, width=1),
    ),
    mutants=(
        Mutant(
            "batch-forgotten",
            _costs_mutant(
                macs=lambda b, c, h, w: 1 / b,
                map_bytes=lambda b, c, h, w: 1 / b,
                position_map_bytes=lambda b, c, h, w: 1 / b,
            ),
            Text(
                "没有乘以批的大小：每张图片都有自己的注意力图与乘积。",
                "The size of the batch is missing: every picture has attention maps and "
                "products of its own.",
            ),
        ),
        Mutant(
            "batch-forgotten-in-bytes",
            _costs_mutant(
                map_bytes=lambda b, c, h, w: 1 / b, position_map_bytes=lambda b, c, h, w: 1 / b
            ),
            Text(
                "字节数没有乘以批的大小：每张图片都有自己的注意力图。",
                "The bytes are not multiplied by the size of the batch: every picture has "
                "attention maps of its own.",
            ),
        ),
        Mutant(
            "products-of-positions",
            _costs_mutant(macs=lambda b, c, h, w: h * w / c),
            Text(
                "乘加按 `(N, N)` 的图数了。通道的图是 `(C, C)`：写出两个乘积各自的三个长度。",
                "The multiply-adds are those of a map of `(N, N)`. The map of channels is "
                "`(C, C)`: write down the three lengths of each product.",
            ),
        ),
        Mutant(
            "position-map-flat",
            _costs_mutant(position_map_bytes=lambda b, c, h, w: 1 / (h * w)),
            Text(
                "位置图只数了 `N` 个数。它比较位置与位置，有 `N` 乘 `N` 个。",
                "Only `N` numbers of a position map are counted. It compares positions with "
                "positions and has `N` by `N`.",
            ),
        ),
        Mutant(
            "one-product",
            _costs_mutant(macs=lambda b, c, h, w: 1 / 2),
            Text(
                "乘加只数了一个乘积。有两个：造图一个，混合一个。",
                "The multiply-adds of one product are counted. There are two: one makes the map, "
                "one mixes.",
            ),
        ),
        Mutant(
            "numbers-for-bytes",
            _costs_mutant(
                map_bytes=lambda b, c, h, w: 1 / 4, position_map_bytes=lambda b, c, h, w: 1 / 4
            ),
            Text(
                "数的是元素，不是字节：单精度的一个数占四个字节。",
                "These are elements, not bytes: a number in single precision takes four.",
            ),
        ),
        Mutant(
            "numbers-of-channels-for-bytes",
            _costs_mutant(map_bytes=lambda b, c, h, w: 1 / 4),
            Text(
                "通道图数的是元素，不是字节：单精度的一个数占四个字节。",
                "Of the channel maps elements are counted, not bytes: a number in single precision "
                "takes four.",
            ),
        ),
        Mutant(
            "numbers-of-positions-for-bytes",
            _costs_mutant(position_map_bytes=lambda b, c, h, w: 1 / 4),
            Text(
                "位置图数的是元素，不是字节：单精度的一个数占四个字节。",
                "Of the position maps elements are counted, not bytes: a number in single "
                "precision takes four.",
            ),
        ),
        Mutant(
            "height-squared",
            _costs_mutant(position_map_bytes=lambda b, c, h, w: (h / w) ** 2),
            Text(
                "位置图的边长用了高的平方。位置的个数是高乘以宽。",
                "The side of the position maps is the square of the height. The number of "
                "positions is height times width.",
            ),
        ),
        Mutant(
            "gamma-per-channel",
            _costs_mutant(parameters=lambda b, c, h, w: c),
            Text(
                "参数按每个通道一个 `gamma` 数了。整个模块只有一个。",
                "The parameters are counted as one `gamma` a channel. The whole module has one.",
            ),
        ),
        Mutant(
            "side-for-positions",
            _costs_mutant(
                macs=lambda b, c, h, w: 1 / w, position_map_bytes=lambda b, c, h, w: 1 / w**2
            ),
            Text(
                "位置的个数是高乘以宽，这里只用了高。",
                "The number of positions is height times width; only the height is used.",
            ),
        ),
        Mutant(
            "maps-exchanged",
            _costs_mutant(
                map_bytes=lambda b, c, h, w: (h * w / c) ** 2,
                position_map_bytes=lambda b, c, h, w: (c / (h * w)) ** 2,
            ),
            Text(
                "两张图对调了：通道的图是 `C` 乘 `C`，位置的图是 `N` 乘 `N`。",
                "The two maps are exchanged: that of channels is `C` by `C`, that of positions `N` "
                "by `N`.",
            ),
        ),
        Mutant(
            "separate-operations",
            _costs_mutant(macs=lambda b, c, h, w: 2),
            Text(
                "乘与加分开数了。一次乘加算一次。",
                "Multiplications and additions are counted apart. A multiply-add counts once.",
            ),
        ),
    ),
    alternates=(
        Alternate("counted", _costs_counted),
        Alternate("factored", _costs_mutant()),
    ),
    gradients=False,
)

# --- quiz -----------------------------------------------------------------------------------------

QUIZ_SIGN = choice(
    "cam-quiz-sign",
    Text("负的 gamma", "A negative gamma"),
    "b",
    {
        "a": Text(
            "符号在 softmax 里面，`gamma` 在外面：`-gamma * softmax(-G)` 不是 "
            "`gamma * softmax(G)`。",
            "The sign stands inside the softmax, `gamma` outside: `-gamma * softmax(-G)` is not "
            "`gamma * softmax(G)`.",
        ),
        "b": Text(
            "对：负的 `gamma` 减去最不相似的那些通道；论文的形式加上的，量出来几乎只是通道自己。",
            "Yes: a negative `gamma` subtracts the least similar channels; what the paper's form "
            "adds is, as measured, little but the channel itself.",
        ),
        "c": Text(
            "`gamma` 是普通的参数，没有什么让它不能是负的；第 7 节看得到它的符号。",
            "`gamma` is an ordinary parameter and nothing keeps it from being negative; section 7 "
            "shows its sign.",
        ),
        "d": Text(
            "行的和总是一，与 `gamma` 无关：它乘在 softmax 之后。",
            "The rows sum to one whatever `gamma` is: it comes after the softmax.",
        ),
    },
)

QUIZ_SHUFFLE = choice(
    "cam-quiz-shuffle",
    Text("各自打乱", "Each shuffled on its own"),
    "a",
    {
        "a": Text(
            "对：各通道的均值不变，所以门不变；哪些通道在同一处响应却变了，Gram 矩阵看得见。",
            "Yes: the means of the channels stay, and so do the gates; which channels respond at "
            "the same place changes, and the Gram matrix sees it.",
        ),
        "b": Text(
            "均值不问位置，所以 SE 的门不变；内积却要逐位置相乘，打乱得不一致就变了。",
            "Means do not ask for positions, so the gates of SE stay; inner products multiply "
            "position by position and change when the shuffles differ.",
        ),
        "c": Text(
            "所有通道用同一种打乱时才是这样。现在各打乱各的，同一个位置上的数不再相配。",
            "That holds when all channels are shuffled alike. Here each is shuffled on its own, "
            "and the numbers at a position no longer belong together.",
        ),
        "d": Text(
            "SE 的门只由各通道的均值决定，打乱不改变均值。",
            "The gates of SE depend on the means of the channels alone, and a shuffle does not "
            "change them.",
        ),
    },
)

QUIZ_SE = choice(
    "cam-quiz-se",
    Text("SE 会而 CAM 不会", "What SE can and CAM cannot"),
    "d",
    {
        "a": Text(
            "这是 CAM 会的：全零的通道得到别的通道的混合；门乘以零还是零。",
            "CAM can do this: a channel of zeros receives a mixture of others; a gate times zero "
            "is zero.",
        ),
        "b": Text(
            "这是 CAM 会的：混合可以改变符号，正的门不能。",
            "CAM can do this: a mixture may change a sign, a positive gate cannot.",
        ),
        "c": Text(
            "这是 CAM 会的：内积看得见共同的响应，均值看不见。",
            "CAM can do this: inner products see responses at the same place, means do not.",
        ),
        "d": Text(
            "对：SE 的权重属于通道的编号，CAM 没有这样的权重；通道换了次序，它的输出只是跟着换。",
            "Yes: the weights of SE belong to channel numbers, and CAM has none; reorder the "
            "channels and its output is merely reordered too.",
        ),
    },
)

EXERCISES = (
    CAM_MAP,
    CAM_EFFECTIVE,
    CAM_BUG_SOFTMAX,
    CAM_BUG_SYMPTOM,
    CAM_TEMPERATURE,
    CAM_BUG_MIX,
    CAM_MODULE,
    CAM_BUG_SURVEY,
    CAM_COSTS,
    QUIZ_SIGN,
    QUIZ_SHUFFLE,
    QUIZ_SE,
)

"""Exercise cam-effective: how many channels a row attends to."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_05.shared import entropy_of


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
            entropy_of,
            Text(
                "返回的是熵。`C` 个通道的权重都相等时，它是 log C；再取指数，才是 `C`。",
                "This is the entropy. For equal weights on `C` channels it is log C; the "
                "exponential makes it `C`.",
            ),
        ),
        Mutant(
            "sign-lost",
            lambda a: (-entropy_of(a)).exp(),
            Text(
                "熵的符号反了：权重的对数不是正的，求和以后要变号。",
                "The entropy has the wrong sign: logarithms of weights are not positive, and "
                "their sum changes sign.",
            ),
        ),
        Mutant(
            "bases-mixed",
            lambda a: (entropy_of(a) / math.log(2)).exp(),
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
        Alternate("clamped", lambda a: entropy_of(a).exp()),
        Alternate("product", lambda a: a.pow(-a).prod(-1)),
        Alternate("masked", lambda a: (-torch.where(a > 0, a * a.log(), 0.0).sum(-1)).exp()),
        Alternate("xlogy", lambda a: 1 / torch.special.xlogy(a, a).sum(dim=-1).exp()),
    ),
    gradients=False,
)

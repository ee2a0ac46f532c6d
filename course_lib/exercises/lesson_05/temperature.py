"""Exercise cam-temperature: what the energies must be divided by."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_05.shared import entropy_of


def temperature(energy: Tensor, wanted: float) -> float:
    """The reference of exercise 5: tau at which the rows of energy / tau attend to so many."""
    low, high = 1e-3, 1e6
    for _ in range(100):
        middle = math.sqrt(low * high)
        number = torch.special.entr((energy / middle).softmax(-1)).sum(-1).exp().mean().item()
        low, high = (middle, high) if number < wanted else (low, middle)
    return middle


def _number(energy: Tensor, tau: float) -> float:
    return entropy_of((energy / tau).softmax(-1)).exp().mean().item()


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
            _bisected(
                lambda energy, tau: entropy_of((energy / tau).softmax(-1)).mean().exp().item()
            ),
            Text(
                "先对熵取了平均，再取指数。要的是各行有效个数的平均，次序不同，结果也不同。",
                "The entropies are averaged before the exponential. The mean of the effective "
                "numbers is asked for, which is another number.",
            ),
        ),
        Mutant(
            "entropy-for-number",
            _bisected(lambda energy, tau: entropy_of((energy / tau).softmax(-1)).mean().item()),
            Text(
                "比较的是熵，不是有效个数：还差一个指数。",
                "The entropy is compared, not the effective number: an exponential is missing.",
            ),
        ),
        Mutant(
            "columns",
            _bisected(
                lambda energy, tau: entropy_of((energy / tau).softmax(0)).exp().mean().item()
            ),
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

"""Exercise se-parameters: predict: parameters."""

from collections.abc import Callable

from torch import nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def se_parameters(channels: int, reduction: int, bias: bool) -> int:
    """The reference of exercise 6: number of parameters of one SE module."""
    hidden = channels // reduction
    return 2 * channels * hidden + (hidden + channels if bias else 0)


def _parameter_case(text: Text, bias: bool, divisible: bool) -> Case:
    def make(draw: Draw) -> Call:
        reduction = draw.integer(2, 16)
        channels = reduction * draw.integer(2, 40)
        if not divisible:
            channels += draw.integer(1, reduction - 1)
        return Call((channels, reduction, bias))

    return Case(text, make)


def _parameter_mutant(
    with_bias: Callable[[int, int], float], hidden: Callable[[int, int], float] | None = None
) -> Callable[[int, int, bool], float]:
    hidden = hidden or (lambda channels, reduction: channels // reduction)

    def answer(channels: int, reduction: int, bias: bool) -> float:
        units = hidden(channels, reduction)
        return 2 * channels * units + (with_bias(channels, units) if bias else 0)

    return answer


def _counted(channels: int, reduction: int, bias: bool) -> int:
    layers = (
        nn.Linear(channels, channels // reduction, bias=bias, device="meta"),
        nn.Linear(channels // reduction, channels, bias=bias, device="meta"),
    )
    return sum(p.numel() for layer in layers for p in layer.parameters())


def _factored(channels: int, reduction: int, bias: bool) -> int:
    hidden = channels // reduction
    return hidden * (channels + bias) + channels * (hidden + bias)


SE_PARAMETERS = Exercise(
    id="se-parameters",
    kind="predict",
    title=Text("参数有多少", "How many parameters"),
    difficulty=1,
    minutes=3,
    points=2,
    reference=se_parameters,
    cases=(
        _parameter_case(Text("没有偏置", "without biases"), False, True),
        _parameter_case(Text("有偏置", "with biases"), True, True),
        _parameter_case(Text("不能整除", "the division leaves a remainder"), True, False),
        _parameter_case(Text("不能整除，没有偏置", "a remainder, without biases"), False, False),
    ),
    mutants=(
        Mutant(
            "one-layer",
            lambda channels, reduction, bias: (
                channels * (channels // reduction) + ((channels // reduction) if bias else 0)
            ),
            Text("只数了第一层，还有第二层。", "This counts the first layer; there is a second."),
        ),
        Mutant(
            "bias-ignored",
            _parameter_mutant(lambda channels, hidden: 0),
            Text("bias 为真时也没有数偏置。", "The biases are not counted where bias is true."),
        ),
        Mutant(
            "both-biases-wide",
            _parameter_mutant(lambda channels, hidden: 2 * channels),
            Text(
                "两个偏置都按 C 个数了。一层的偏置数等于它的输出数。",
                "Both biases are counted as C. A layer has as many biases as outputs.",
            ),
        ),
        Mutant(
            "biases-swapped",
            _parameter_mutant(lambda channels, hidden: 2 * hidden),
            Text(
                "两个偏置都按 p 个数了。一层的偏置数等于它的输出数。",
                "Both biases are counted as p. A layer has as many biases as outputs.",
            ),
        ),
        Mutant(
            "rounded-late",
            lambda channels, reduction, bias: (
                2 * channels * channels // reduction
                + ((channels // reduction + channels) if bias else 0)
            ),
            Text(
                "先乘后除，不能整除时就不同了：先算 p，再乘 2C。",
                "Multiplying before dividing differs where a remainder is left: find p first, then "
                "multiply by 2C.",
            ),
        ),
        Mutant(
            "unrounded",
            _parameter_mutant(
                lambda channels, hidden: hidden + channels, lambda channels, r: channels / r
            ),
            Text(
                "隐藏单元数要向下取整，返回值应是 int：用 // 而不是 /。",
                "The number of hidden units is rounded down and the result is an int: // instead "
                "of /.",
            ),
        ),
        Mutant(
            "always-with-bias",
            lambda channels, reduction, bias: _factored(channels, reduction, True),
            Text("bias 为假时也数了偏置。", "The biases are counted where bias is false."),
        ),
    ),
    alternates=(Alternate("counted", _counted), Alternate("factored", _factored)),
    gradients=False,
)

"""Exercise tools-convolution-cost."""

from collections.abc import Callable

from torch import nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import Shape


def convolution_cost(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    """The reference of exercise 9: parameters and multiply-adds, for an output of H×W."""
    weights = channels_out * channels_in * kernel_size**2
    return weights + (channels_out if bias else 0), weights * height * width


def _cost_case(text: Text, bias: bool, kernels: Shape = (3, 5, 7)) -> Case:
    def make(draw: Draw) -> Call:
        return Call(
            (
                draw.integer(2, 60),
                draw.integer(61, 99),
                draw.pick(*kernels),
                draw.integer(4, 20),
                draw.integer(21, 40),
                bias,
            )
        )

    return Case(text, make)


def _cost_mutant(
    parameters: Callable[[int, int, int, bool], int] | None = None,
    multiply_adds: Callable[[int, int], int] | None = None,
    weights_of: Callable[[int, int, int], int] = lambda i, o, k: i * o * k * k,
) -> Callable[..., tuple[int, int]]:
    """A mutant: parameters from (weights, in, out, bias), multiply-adds from (weights, N)."""

    def answer(
        channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
    ) -> tuple[int, int]:
        weights = weights_of(channels_in, channels_out, kernel_size)
        right = weights + (channels_out if bias else 0)
        return (
            parameters(weights, channels_in, channels_out, bias) if parameters else right,
            (multiply_adds or (lambda w, n: w * n))(weights, height * width),
        )

    return answer


def _counted_cost(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    layer = nn.Conv2d(channels_in, channels_out, kernel_size, bias=bias, device="meta")
    return sum(p.numel() for p in layer.parameters()), layer.weight.numel() * height * width


def _cost_per_output(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    window = channels_in * kernel_size * kernel_size
    outputs = channels_out * height * width
    return channels_out * (window + int(bias)), outputs * window


def _cost_with_bias_counted(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    parameters, _ = _counted_cost(channels_in, channels_out, kernel_size, height, width, bias)
    return parameters, parameters * height * width


def _cost_of_one_input_channel(
    channels_in: int, channels_out: int, kernel_size: int, height: int, width: int, bias: bool
) -> tuple[int, int]:
    parameters, _ = _counted_cost(channels_in, channels_out, kernel_size, height, width, bias)
    return parameters, channels_out * kernel_size**2 * height * width


CONVOLUTION_COST = Exercise(
    id="tools-convolution-cost",
    kind="predict",
    title=Text("一个卷积的代价", "What a convolution costs"),
    difficulty=2,
    minutes=4,
    points=2,
    reference=convolution_cost,
    cases=(
        _cost_case(Text("没有偏置", "without a bias"), False),
        _cost_case(Text("有偏置", "with a bias"), True),
        _cost_case(Text("1×1 的核", "a kernel of 1×1"), True, (1,)),
    ),
    mutants=(
        Mutant(
            "operations-for-multiply-adds",
            _cost_mutant(multiply_adds=lambda weights, positions: 2 * weights * positions),
            Text(
                "乘法与加法各算了一次，是乘加的两倍。这里一次乘加算一次。",
                "Multiplications and additions are counted one each, twice the multiply-adds. Here "
                "one multiply-add counts once.",
            ),
        ),
        Mutant(
            "bias-as-multiply-add",
            _cost_with_bias_counted,
            Text(
                "加偏置也算成了乘加（`torchinfo` 就这样算）。加偏置不乘任何数，这里不计。",
                "Adding the bias is counted as a multiply-add, as `torchinfo` does. It multiplies "
                "nothing and does not count here.",
            ),
        ),
        Mutant(
            "kernel-side-alone",
            _cost_mutant(weights_of=lambda i, o, k: i * o * k),
            Text(
                "核是 k×k 的，只乘了一个 k。",
                "The kernel is k×k; only one k is multiplied.",
            ),
        ),
        Mutant(
            "one-kernel-per-output",
            _cost_mutant(weights_of=lambda i, o, k: o * k * k),
            Text(
                "每个输出通道要看所有的输入通道，它的核是 C×k×k，不是 k×k。",
                "Every output channel looks at all input channels: its kernel is C×k×k, not k×k.",
            ),
        ),
        Mutant(
            "multiply-adds-of-one-input-channel",
            _cost_of_one_input_channel,
            Text(
                "参数对了，乘加却少乘了输入的通道数：一个输出要走遍所有输入通道的 k×k 个数。",
                "The parameters are right, but the multiply-adds lack the number of input "
                "channels: one output goes over k×k numbers of every input channel.",
            ),
        ),
        Mutant(
            "bias-forgotten",
            _cost_mutant(lambda weights, i, o, bias: weights),
            Text("有偏置时没有数它。", "The bias is not counted where there is one."),
        ),
        Mutant(
            "bias-always",
            _cost_mutant(lambda weights, i, o, bias: weights + o),
            Text("没有偏置时也数了它。", "The bias is counted where there is none."),
        ),
        Mutant(
            "bias-per-input",
            _cost_mutant(lambda weights, i, o, bias: weights + (i if bias else 0)),
            Text(
                "偏置按输入通道数了，它每个输出通道一个。",
                "The biases are counted per input channel; there is one per output channel.",
            ),
        ),
        Mutant(
            "positions-forgotten",
            _cost_mutant(multiply_adds=lambda weights, positions: weights),
            Text(
                "只算了一个位置。每个权重在每个位置都用一次。",
                "This is one position. Every weight is used once at every position.",
            ),
        ),
    ),
    alternates=(
        Alternate("counted", _counted_cost),
        Alternate("per-output", _cost_per_output),
    ),
    gradients=False,
)

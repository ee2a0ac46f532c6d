"""Exercise tools-receptive-field."""

import math
from collections.abc import Callable, Sequence

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import Shape

_Layers = Sequence[tuple[int, int, int]]


def receptive_field(layers: _Layers) -> int:
    """The reference of exercise 8: pixels that one output depends on, along one axis."""
    seen, step = 1, 1
    for kernel_size, stride, dilation in layers:
        seen += dilation * (kernel_size - 1) * step
        step *= stride
    return seen


def _field_case(
    text: Text, *, kernels: Shape = (3, 5), strides: Shape = (1,), dilations: Shape = (1,)
) -> Case:
    def make(draw: Draw) -> Call:
        # The strides stand in all layers but the last two.
        layers = [
            (draw.pick(*kernels), draw.pick(*strides) if place < 3 else 1, draw.pick(*dilations))
            for place in range(5)
        ]
        return Call((layers,))

    return Case(text, make)


def _last_stride(draw: Draw) -> Call:
    # A wide kernel in the middle: with one of 3, two wrong answers can come to the same.
    return Call(([(draw.pick(3, 5), 1, 1), (7, 1, 1), (draw.pick(3, 5), draw.pick(2, 3), 1)],))


def _one_layer(draw: Draw) -> Call:
    return Call(([(draw.pick(3, 5, 7), 1, draw.pick(2, 3))],))


def _field_mutant(
    grow: Callable[[int, int, int, int], int], start: int = 1
) -> Callable[[_Layers], int]:
    """A wrong sum over the layers; grow gets kernel size, dilation, own stride and step."""

    def answer(layers: _Layers) -> int:
        seen, step = start, 1
        for kernel_size, stride, dilation in layers:
            seen += grow(kernel_size, dilation, stride, step)
            step *= stride
        return seen

    return answer


def _previous_stride_alone(layers: _Layers) -> int:
    seen, step = 1, 1
    for kernel_size, stride, dilation in layers:
        seen += dilation * (kernel_size - 1) * step
        step = stride
    return seen


def _field_backward(layers: _Layers) -> int:
    seen = 1
    for kernel_size, stride, dilation in reversed(layers):
        seen = (seen - 1) * stride + dilation * (kernel_size - 1) + 1
    return seen


def _field_by_positions(layers: _Layers) -> int:
    reached = {0}
    for kernel_size, stride, dilation in layers[::-1]:
        reached = {p * stride + dilation * tap for p in reached for tap in range(kernel_size)}
    return max(reached) - min(reached) + 1


def _field_by_product(layers: _Layers) -> int:
    strides = [stride for _, stride, _ in layers]
    return 1 + sum(
        (kernel_size - 1) * dilation * math.prod(strides[:place])
        for place, (kernel_size, _, dilation) in enumerate(layers)
    )


RECEPTIVE_FIELD = Exercise(
    id="tools-receptive-field",
    kind="predict",
    title=Text("看得多远", "How far it sees"),
    difficulty=3,
    minutes=5,
    points=3,
    reference=receptive_field,
    cases=(
        Case(Text("一层，有膨胀", "one layer, dilated"), _one_layer),
        _field_case(Text("五层", "five layers")),
        _field_case(Text("前几层有步幅", "strides in the first layers"), strides=(2, 3)),
        Case(Text("只有最后一层有步幅", "a stride in the last layer alone"), _last_stride),
        _field_case(
            Text("步幅、膨胀与 1×1 的核", "strides, dilation and kernels of 1×1"),
            kernels=(1, 3, 5),
            strides=(1, 2),
            dilations=(1, 2, 3),
        ),
    ),
    mutants=(
        Mutant(
            "kernels-added",
            _field_mutant(lambda kernel, dilation, stride, step: kernel * dilation * step, start=0),
            Text(
                "核的大小直接相加了。相邻的窗口重叠：每多一层，只比原来多看 k − 1 步。",
                "The sizes of the kernels are added. Neighbouring windows overlap: one more layer "
                "sees only k − 1 steps more.",
            ),
        ),
        Mutant(
            "kernels-added-to-one",
            _field_mutant(lambda kernel, dilation, stride, step: kernel * dilation * step),
            Text(
                "步幅与膨胀都用对了，每层却加了整个核。相邻的窗口重叠："
                "每多一层，只多看 k − 1 步，不是 k 步。",
                "Strides and dilations are used rightly, but every layer adds its whole kernel. "
                "Neighbouring windows overlap: one more layer sees k − 1 steps more, not k.",
            ),
        ),
        Mutant(
            "sum-of-kernels",
            lambda layers: sum(kernel for kernel, _, _ in layers),
            Text(
                "这只是各层核的大小之和。窗口重叠，每多一层只多看 k − 1 步；"
                "一步有多长，还要看膨胀与前面的步幅。",
                "This is just the sum of the kernel sizes. Windows overlap, so one more layer sees "
                "only k − 1 steps more; and how long a step is depends on the dilation and on the "
                "strides before.",
            ),
        ),
        Mutant(
            "stride-ignored",
            _field_mutant(lambda kernel, dilation, stride, step: dilation * (kernel - 1)),
            Text(
                "没有用上步幅：在步幅之后，一步等于好几个像素。",
                "The strides are not used: behind a stride one step is several pixels.",
            ),
        ),
        Mutant(
            "dilation-ignored",
            _field_mutant(lambda kernel, dilation, stride, step: (kernel - 1) * step),
            Text("没有用上膨胀。", "The dilation is not used."),
        ),
        Mutant(
            "own-stride-counted",
            _field_mutant(
                lambda kernel, dilation, stride, step: dilation * (kernel - 1) * step * stride
            ),
            Text(
                "一层自己的步幅不影响它自己看多远，只影响后面的层。",
                "The stride of a layer does not change how far that layer sees, only how far the "
                "layers behind it do.",
            ),
        ),
        Mutant(
            "own-stride-alone",
            _field_mutant(lambda kernel, dilation, stride, step: dilation * (kernel - 1) * stride),
            Text(
                "每一层乘的是自己的步幅；该乘的是它前面各层步幅的积。",
                "Each layer is multiplied by its own stride. What counts is the product of the "
                "strides of all layers before it.",
            ),
        ),
        Mutant(
            "previous-stride-alone",
            _previous_stride_alone,
            Text(
                "只用了前一层的步幅。一步有多少像素，要看前面所有步幅的乘积。",
                "Only the stride of the layer before is used. How many pixels a step is depends on "
                "the product of all strides before.",
            ),
        ),
        Mutant(
            "starts-at-zero",
            _field_mutant(lambda kernel, dilation, stride, step: dilation * (kernel - 1) * step, 0),
            Text(
                "少了一：没有任何层时，一个输出也看得到一个像素，就是它自己。",
                "One is missing: without any layer an output still sees one pixel, itself.",
            ),
        ),
        Mutant(
            "last-layer-only",
            lambda layers: layers[-1][2] * (layers[-1][0] - 1) + 1,
            Text(
                "这是最后一层的窗口，在它的输入上数的；它的每个输入又看到更多的像素。",
                "This is the window of the last layer, counted on its own input; each of those "
                "inputs sees more pixels.",
            ),
        ),
        Mutant(
            "layers-backward",
            lambda layers: _field_by_product(layers[::-1]),
            Text(
                "层的次序反了：列表从靠近图片的一层开始。",
                "The order of the layers is reversed: the list begins with the layer next to the "
                "picture.",
            ),
        ),
    ),
    alternates=(
        Alternate("backward", _field_backward),
        Alternate("positions", _field_by_positions),
        Alternate("products", _field_by_product),
    ),
    gradients=False,
)

"""Exercise danet-macs: enlarge before or after the classifier."""

import math
from collections.abc import Callable

import torch
from torch import nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def classifier_macs(
    channels: int, hidden: int, classes: int, height: int, width: int, factor: int
) -> dict[str, int]:
    """The reference of exercise 4: multiply-adds of two 3×3 convolutions, on either map."""
    after = 9 * (channels * hidden + hidden * classes) * height * width
    return {"before": after * factor**2, "after": after}


def _macs_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        drawn = {
            "channels": draw.integer(40, 60),
            "hidden": draw.integer(16, 32),
            "classes": draw.integer(5, 12),
            "height": draw.integer(6, 9),
            "width": draw.integer(10, 14),
            "factor": draw.integer(3, 8),
        }
        return Call(tuple((drawn | fixed).values()))

    return Case(text, make)


def _macs_mutant(
    one: Callable[[int, int, int], int] = lambda channels, hidden, classes: (
        9 * (channels * hidden + hidden * classes)
    ),
    enlarge: Callable[[int, int], int] = lambda macs, factor: macs * factor**2,
    whole: Callable[[dict[str, int]], dict[str, int]] = lambda macs: macs,
) -> Callable[..., dict[str, int]]:
    def answer(
        channels: int, hidden: int, classes: int, height: int, width: int, factor: int
    ) -> dict[str, int]:
        after = one(channels, hidden, classes) * height * width
        return whole({"before": enlarge(after, factor), "after": after})

    return answer


def _of_the_enlarged(
    channels: int, hidden: int, classes: int, height: int, width: int, factor: int
) -> dict[str, int]:
    one = 9 * (channels * hidden + hidden * classes)
    small = (height // factor) * (width // factor)
    return {"before": one * height * width, "after": one * small}


def _macs_by_weights(
    channels: int, hidden: int, classes: int, height: int, width: int, factor: int
) -> dict[str, int]:
    """Every weight takes part once at every position."""
    with torch.device("meta"):
        layers = nn.Conv2d(channels, hidden, 3), nn.Conv2d(hidden, classes, 3)
    weights = sum(layer.weight.numel() for layer in layers)
    small, large = height * width, height * factor * width * factor
    return {"after": small * weights, "before": large * weights}


def _macs_summed(
    channels: int, hidden: int, classes: int, height: int, width: int, factor: int
) -> dict[str, int]:
    widths = [(channels, hidden), (hidden, classes)]
    sizes = {"after": height * width, "before": (height * factor) * (width * factor)}
    return {
        name: sum(math.prod((3, 3, inputs, outputs, size)) for inputs, outputs in widths)
        for name, size in sizes.items()
    }


DANET_MACS = Exercise(
    id="danet-macs",
    kind="predict",
    title=Text("先放大还是后放大", "Enlarge before or after"),
    difficulty=2,
    minutes=4,
    points=2,
    reference=classifier_macs,
    cases=(
        _macs_case(Text("任意大小", "any sizes")),
        _macs_case(Text("两倍", "twofold"), factor=2),
        _macs_case(Text("没有放大", "nothing enlarged"), factor=1),
        _macs_case(Text("特征图只有一个位置", "a map of one position"), height=1, width=1),
    ),
    mutants=(
        Mutant(
            "factor-once",
            _macs_mutant(enlarge=lambda macs, factor: macs * factor),
            Text(
                "倍数只乘了一次。高与宽都放大了。",
                "The factor is there once. Both height and width grow.",
            ),
        ),
        Mutant(
            "kernel-forgotten",
            _macs_mutant(lambda channels, hidden, classes: channels * hidden + hidden * classes),
            Text(
                "这是 1×1 卷积的乘加。3×3 卷积每个输出要九倍。",
                "These are the multiply-adds of 1×1 convolutions. A kernel of 3×3 takes nine times "
                "as many.",
            ),
        ),
        Mutant(
            "kernel-once",
            _macs_mutant(
                lambda channels, hidden, classes: 3 * (channels * hidden + hidden * classes)
            ),
            Text(
                "3×3 卷积按 3 个抽头数了。卷积核有高也有宽。",
                "The 3×3 convolution counts with 3 taps. Its kernel has a height and a width.",
            ),
        ),
        Mutant(
            "one-convolution",
            _macs_mutant(lambda channels, hidden, classes: 9 * channels * hidden),
            Text("少了第二个卷积。", "The second convolution is missing."),
        ),
        Mutant(
            "hidden-left-out",
            _macs_mutant(lambda channels, hidden, classes: 9 * channels * classes),
            Text(
                "按一个卷积、直接从 `channels` 到 `classes` 数了，中间还有 `hidden` 个通道。",
                "This counts one convolution from `channels` to `classes`; between them there are "
                "`hidden` channels.",
            ),
        ),
        Mutant(
            "additions-too",
            _macs_mutant(
                lambda channels, hidden, classes: 18 * (channels * hidden + hidden * classes)
            ),
            Text(
                "乘与加各算了一次。一次乘加算一个。",
                "Multiplications and additions count separately. One multiply-add is one.",
            ),
        ),
        Mutant(
            "interchanged",
            _macs_mutant(whole=lambda macs: {"before": macs["after"], "after": macs["before"]}),
            Text(
                "两个数放反了：先放大的贵。",
                "The two numbers are interchanged: it is expensive to enlarge first.",
            ),
        ),
        Mutant(
            "sizes-of-the-enlarged",
            _of_the_enlarged,
            Text(
                "`height` 与 `width` 当成了放大之后的大小。它们是放大之前的。",
                "`height` and `width` are taken for the size after enlarging. They are the size "
                "before it.",
            ),
        ),
    ),
    alternates=(Alternate("by-weights", _macs_by_weights), Alternate("summed", _macs_summed)),
    gradients=False,
)

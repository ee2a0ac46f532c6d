"""Exercise pam-costs: predict."""

from collections.abc import Callable

import torch
from torch import nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def pam_costs(height: int, width: int, stride: int, channels: int) -> dict[str, int]:
    """The reference of exercise 9: cost of a PAM with reduction 8 on a picture of this size."""
    positions = (height // stride) * (width // stride)
    narrow = channels // 8
    return {
        "map_bytes": 4 * positions**2,
        "macs": positions * (2 * channels * narrow + channels**2)
        + positions**2 * (narrow + channels),
        "parameters": 2 * (channels + 1) * narrow + (channels + 1) * channels + 1,
    }


def _costs_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        stride = fixed.get("stride", draw.pick(4, 8, 16))
        sizes = {
            "height": stride * draw.integer(3, 40),
            "width": stride * draw.integer(41, 90),
            "stride": stride,
            "channels": 8 * draw.integer(2, 64),
        }
        return Call(tuple({**sizes, **fixed}.values()))

    return Case(text, make)


def _costs_from(
    positions: Callable[[int, int, int], int] = lambda h, w, s: (h // s) * (w // s),
    **differences: Callable[[int, int, int, int], int],
) -> Callable[..., dict[str, int]]:
    """An answer that differs in some results, each a function of right, N, C and p."""

    def answer(height: int, width: int, stride: int, channels: int) -> dict[str, int]:
        n, c, p = positions(height, width, stride), channels, channels // 8
        right = {
            "map_bytes": 4 * n * n,
            "macs": n * c * (2 * p + c) + n * n * (p + c),
            "parameters": c * c + 2 * c * p + 2 * p + c + 1,
        }
        changed = {key: change(right[key], n, c, p) for key, change in differences.items()}
        return {**right, **changed}

    return answer


def _costs_counted(height: int, width: int, stride: int, channels: int) -> dict[str, int]:
    with torch.device("meta"):
        layers = [nn.Conv2d(channels, size, 1) for size in (channels // 8, channels // 8, channels)]
        weights = torch.empty(*(2 * [height // stride * (width // stride)]))
    layer_macs = sum(layer.weight.numel() for layer in layers) * len(weights)
    return {
        "parameters": 1 + sum(p.numel() for layer in layers for p in layer.parameters()),
        "map_bytes": weights.numel() * weights.element_size(),
        "macs": layer_macs + weights.numel() * (channels // 8 + channels),
    }


PAM_COSTS = Exercise(
    id="pam-costs",
    kind="predict",
    title=Text("要花多少", "What it takes"),
    difficulty=2,
    minutes=7,
    points=3,
    reference=pam_costs,
    cases=(
        _costs_case(Text("任意大小", "any sizes")),
        _costs_case(
            Text("768 见方，步幅 8", "768 squared, stride 8"), height=768, width=768, stride=8
        ),
        _costs_case(Text("步幅 32", "stride 32"), stride=32),
    ),
    mutants=(
        Mutant(
            "stride-once",
            _costs_from(lambda h, w, s: h * w // s),
            Text(
                "N 太大：步幅把高和宽都除，所以要除两次。",
                "N is too large: the stride divides height and width, so it divides twice.",
            ),
        ),
        Mutant(
            "no-stride",
            _costs_from(lambda h, w, s: h * w),
            Text(
                "N 成了像素的个数：没有除以步幅。",
                "N is the number of pixels: nothing is divided by the stride.",
            ),
        ),
        Mutant(
            "square-of-the-height",
            _costs_from(lambda h, w, s: (h // s) ** 2),
            Text(
                "N 取了高的平方；照片不一定是正方形。",
                "N is the height squared; the picture need not be a square.",
            ),
        ),
        Mutant(
            "one-row-of-the-map",
            _costs_from(map_bytes=lambda right, n, c, p: 4 * n),
            Text(
                "注意力图的字节只算了一行。N 个查询各有一行，每行 N 个数。",
                "The bytes are those of one row of the attention map. There are N queries, "
                "each with a row of N numbers.",
            ),
        ),
        Mutant(
            "numbers-for-bytes",
            _costs_from(map_bytes=lambda right, n, c, p: n * n),
            Text(
                "这是数的个数；float32 的一个数是 4 个字节。",
                "This counts numbers; one of float32 is 4 bytes.",
            ),
        ),
        Mutant(
            "twice-the-bytes",
            _costs_from(map_bytes=lambda right, n, c, p: 2 * right),
            Text(
                "大了一倍：能量也算进去了，或者一个数按 8 个字节算了。这里只问一张注意力图，一个"
                "数是 4 个字节。",
                "This is twice as much: the energies are counted too, or a number as 8 bytes. "
                "Asked for is one attention map, of 4 bytes a number.",
            ),
        ),
        Mutant(
            "bits-for-bytes",
            _costs_from(map_bytes=lambda right, n, c, p: 8 * right),
            Text(
                "数的是比特；一个字节是 8 个比特。",
                "These are bits; a byte is 8 of them.",
            ),
        ),
        Mutant(
            "convolutions-forgotten",
            _costs_from(macs=lambda right, n, c, p: n * n * (p + c)),
            Text(
                "乘加里少了三个 1×1 卷积。",
                "The multiply-adds lack the three 1×1 convolutions.",
            ),
        ),
        Mutant(
            "products-forgotten",
            _costs_from(macs=lambda right, n, c, p: n * c * (2 * p + c)),
            Text(
                "乘加里少了两次矩阵乘法，能量的与混合的；它们才与 N 的平方成正比。",
                "The multiply-adds lack the two matrix products, of energies and of the mixture, "
                "which are what grows as the square of N.",
            ),
        ),
        Mutant(
            "narrow-mixture",
            _costs_from(macs=lambda right, n, c, p: n * c * (2 * p + c) + 2 * n * n * p),
            Text(
                "混合按 C // 8 个通道算了；值没有缩减，有 C 个通道。",
                "The mixture is counted with C // 8 channels; the values are not reduced and have "
                "C.",
            ),
        ),
        Mutant(
            "wide-energies",
            _costs_from(macs=lambda right, n, c, p: n * c * (2 * p + c) + 2 * n * n * c),
            Text(
                "能量按 C 个通道算了；查询与键只有 C // 8 个。",
                "The energies are counted with C channels; queries and keys have C // 8.",
            ),
        ),
        Mutant(
            "nothing-reduced",
            _costs_from(
                macs=lambda right, n, c, p: 3 * n * c * c + 2 * n * n * c,
                parameters=lambda right, n, c, p: 3 * c * c + 3 * c + 1,
            ),
            Text(
                "查询与键没有缩减：它们只有 C // 8 个通道。",
                "Queries and keys are not reduced: they have C // 8 channels.",
            ),
        ),
        Mutant(
            "operations",
            _costs_from(macs=lambda right, n, c, p: 2 * right),
            Text(
                "乘与加分开数了；一次乘加算一次。",
                "Multiplications and additions are counted apart; a multiply-add counts once.",
            ),
        ),
        Mutant(
            "no-biases",
            _costs_from(parameters=lambda right, n, c, p: c * c + 2 * c * p + 1),
            Text(
                "参数里少了三个卷积的偏置。",
                "The parameters lack the biases of the three convolutions.",
            ),
        ),
        Mutant(
            "gamma-forgotten",
            _costs_from(parameters=lambda right, n, c, p: right - 1),
            Text("参数里少了 γ。", "The parameters lack γ."),
        ),
        Mutant(
            "one-narrow-convolution",
            _costs_from(parameters=lambda right, n, c, p: right - c * p - p),
            Text(
                "窄的卷积只数了一个；查询与键各有一个。",
                "Only one narrow convolution is counted; queries and keys have one each.",
            ),
        ),
    ),
    alternates=(
        Alternate("collected", _costs_from()),
        Alternate("counted", _costs_counted),
    ),
    gradients=False,
)

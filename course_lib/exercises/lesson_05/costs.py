"""Exercise cam-costs: predict: what it costs."""

from collections.abc import Callable

import torch
from torch import nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


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

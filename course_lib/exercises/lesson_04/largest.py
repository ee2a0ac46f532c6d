"""Exercise pam-largest: when it no longer fits."""

import math

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def largest_side(memory: int, stride: int, maps: int) -> int:
    """The reference of exercise 10: side of the largest square picture whose maps fit."""
    positions = math.isqrt(memory // (4 * maps))
    return stride * math.isqrt(positions)


def _largest_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        maps = fixed.get("maps", draw.integer(2, 5))
        # Below and above a whole number of cells, so that rounding shows.
        cells = draw.integer(40, 200)
        memory = 4 * maps * cells**4 + draw.integer(1, 2 * cells**3) * 4 * maps
        sizes = {"memory": memory, "stride": draw.pick(4, 8, 16), "maps": maps}
        return Call(tuple({**sizes, **fixed}.values()))

    return Case(text, make)


def _largest_exact(draw: Draw) -> Call:
    maps, cells = draw.integer(2, 5), draw.integer(40, 200)
    return Call((4 * maps * cells**4, draw.pick(4, 8, 16), maps))


def _largest_by_trial(memory: int, stride: int, maps: int) -> int:
    cells = 0
    while 4 * maps * (cells + 1) ** 4 <= memory:
        cells += 1
    return stride * cells


def _largest_by_root(memory: int, stride: int, maps: int) -> int:
    cells = round((memory / (4 * maps)) ** 0.25)
    return stride * (cells if 4 * maps * cells**4 <= memory else cells - 1)


PAM_LARGEST = Exercise(
    id="pam-largest",
    kind="predict",
    title=Text("到哪里装不下", "Where it no longer fits"),
    difficulty=3,
    minutes=6,
    points=2,
    reference=largest_side,
    cases=(
        _largest_case(Text("不能正好装满", "memory that does not come out even")),
        Case(Text("正好装满", "memory that comes out even"), _largest_exact),
        _largest_case(Text("只有一张图", "a single map"), maps=1),
        _largest_case(
            Text("80 GiB，步幅 8，六张图", "80 GiB, stride 8, six maps"),
            memory=80 * 2**30,
            stride=8,
            maps=6,
        ),
    ),
    mutants=(
        Mutant(
            "one-root",
            lambda memory, stride, maps: stride * math.isqrt(memory // (4 * maps)),
            Text(
                "只开了一次方，得到的是 N。边长是 N 的平方根，所以字节与边长的四次方成正比。",
                "One root was taken, which gives N. The side is the root of N, so that bytes grow "
                "as the fourth power of the side.",
            ),
        ),
        Mutant(
            "cells-for-pixels",
            lambda memory, stride, maps: math.isqrt(math.isqrt(memory // (4 * maps))),
            Text(
                "这是特征图的边长；照片的边长还要乘步幅。",
                "This is the side of the feature map; that of the picture is the stride times "
                "as much.",
            ),
        ),
        Mutant(
            "one-map",
            lambda memory, stride, maps: stride * math.isqrt(math.isqrt(memory // 4)),
            Text(
                "只算了一张图；要同时装下 `maps` 张。",
                "Only one map is counted; `maps` of them must fit at the same time.",
            ),
        ),
        Mutant(
            "one-byte-each",
            lambda memory, stride, maps: stride * math.isqrt(math.isqrt(memory // maps)),
            Text(
                "每个数按一个字节算了；float32 是四个。",
                "Every number counts as one byte; float32 takes four.",
            ),
        ),
        Mutant(
            "rounded-up",
            lambda memory, stride, maps: (
                stride * (math.isqrt(math.isqrt(memory // (4 * maps)) - 1) + 1)
            ),
            Text(
                "往上取整了：这么大的照片已经装不下。",
                "This is rounded up: a picture of that size does not fit any more.",
            ),
        ),
        Mutant(
            "not-a-multiple",
            lambda memory, stride, maps: int(stride * (memory / (4 * maps)) ** 0.25 + 1e-9),
            Text(
                "不是步幅的倍数：先对特征图的边长取整，再乘步幅。",
                "This is no multiple of the stride: round the side of the feature map first, then "
                "multiply by the stride.",
            ),
        ),
        Mutant(
            "float",
            lambda memory, stride, maps: float(_largest_by_trial(memory, stride, maps)),
            Text(
                "数对，但是 `float`；像素的个数是 `int`。",
                "The number is right, but it is a `float`; a count of pixels is an `int`.",
            ),
        ),
    ),
    alternates=(
        Alternate("by-trial", _largest_by_trial),
        Alternate("by-root", _largest_by_root),
    ),
    gradients=False,
)

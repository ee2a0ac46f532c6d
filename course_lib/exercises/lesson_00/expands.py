"""Exercise tools-expands: the rule of expand_as."""

from collections.abc import Callable

import torch

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_00.shared import Shape


def expands(shape: Shape, target: Shape) -> bool:
    """The reference of exercise 4: whether a tensor of this shape expands to the target."""
    if len(shape) > len(target):
        return False
    pairs = zip(reversed(shape), reversed(target), strict=False)
    return all(length in (1, wanted) for length, wanted in pairs)


def _shape_case(text: Text, make: Callable[[int, int, int], tuple[Shape, Shape]]) -> Case:
    """A case from three lengths k < m < n, all above 1, none a multiple of another."""

    def drawn(draw: Draw) -> Call:
        return Call(make(*draw.pick((2, 3, 5), (3, 4, 5), (2, 5, 7), (3, 5, 7), (4, 5, 6))))

    return Case(text, drawn)


def _pairwise(fits: Callable[[int, int], bool]) -> Callable[[Shape, Shape], bool]:
    """The rule with another condition on each pair of lengths."""

    def answer(shape: Shape, target: Shape) -> bool:
        pairs = zip(reversed(shape), reversed(target), strict=False)
        return len(shape) <= len(target) and all(fits(a, b) for a, b in pairs)

    return answer


def _tried(shape: Shape, target: Shape) -> bool:
    try:
        torch.empty(shape, device="meta").expand_as(torch.empty(target, device="meta"))
    except RuntimeError:
        return False
    return True


def _padded_with_ones(shape: Shape, target: Shape) -> bool:
    missing = len(target) - len(shape)
    full = (1,) * missing + tuple(shape)
    return missing >= 0 and not [1 for a, b in zip(full, target, strict=True) if a not in (1, b)]


def _broadcast_to_target(shape: Shape, target: Shape) -> bool:
    try:
        return torch.broadcast_shapes(shape, target) == torch.Size(target)
    except RuntimeError:
        return False


EXPANDS = Exercise(
    id="tools-expands",
    kind="predict",
    title=Text("能不能扩展", "Does it expand"),
    difficulty=2,
    minutes=5,
    points=2,
    reference=expands,
    cases=(
        _shape_case(Text("形状相同", "equal shapes"), lambda k, m, n: ((m, n), (m, n))),
        _shape_case(
            Text("有一个长度为一的轴", "an axis of length one"), lambda k, m, n: ((m, 1), (m, n))
        ),
        _shape_case(
            Text("前面添一个轴", "a new axis in front"), lambda k, m, n: ((m, n), (k, m, n))
        ),
        _shape_case(Text("后面添一个轴", "a new axis behind"), lambda k, m, n: ((m,), (m, n))),
        _shape_case(
            Text("一个轴与最后的轴相等", "one axis, equal to the last"),
            lambda k, m, n: ((n,), (m, n)),
        ),
        _shape_case(Text("目标短一些", "a shorter target"), lambda k, m, n: ((m, n), (k, n))),
        _shape_case(Text("目标长一些", "a longer target"), lambda k, m, n: ((k, m), (k, n))),
        _shape_case(
            Text("目标恰好是两倍长", "a target twice as long"), lambda k, m, n: ((k, m), (k, 2 * m))
        ),
        _shape_case(
            Text("一个轴长度为一，另一个不够长", "one axis of length one, another too short"),
            lambda k, m, n: ((1, m), (k, n)),
        ),
        _shape_case(
            Text("目标里有长度为一的轴", "a target with an axis of length one"),
            lambda k, m, n: ((m, n), (1, n)),
        ),
        _shape_case(
            Text("目标的轴更少", "a target with fewer axes"), lambda k, m, n: ((k, m, n), (m, n))
        ),
        _shape_case(
            Text("两个长度为一的轴", "two axes of length one"),
            lambda k, m, n: ((1, m, 1), (k, m, n)),
        ),
    ),
    mutants=(
        Mutant(
            "needs-an-axis-of-one",
            lambda shape, target: 1 in shape and _padded_with_ones(shape, target),
            Text(
                "这条规则要求非有一个长度为 1 的轴不可。没有也行：形状相同，或者只在前面添新的轴。",
                "This rule insists on an axis of length 1. There need not be one: equal shapes "
                "expand, and so does adding axes in front.",
            ),
        ),
        Mutant(
            "at-least-as-long",
            _pairwise(lambda length, wanted: length <= wanted),
            Text(
                "“目标的每个轴都不更短”是不够的：3 不会变成 8，只有 1 才能变长。",
                "That the target is nowhere shorter is not enough: 3 does not become 8; only 1 "
                "grows.",
            ),
        ),
        Mutant(
            "at-least-as-long-axes-not-counted",
            lambda shape, target: all(
                a <= b for a, b in zip(shape[::-1], target[::-1], strict=False)
            ),
            Text(
                "两处不对：“目标的每个轴都不更短”不够，只有 1 才能变长；轴的个数也要比，"
                "`zip` 在较短的一边停下，不会提醒你。",
                "Two things are wrong: that the target is nowhere shorter is not enough, since "
                "only 1 grows; and the numbers of axes must be compared too, for `zip` stops at "
                "the shorter one and says nothing.",
            ),
        ),
        Mutant(
            "as-in-the-blog",
            lambda shape, target: (
                1 in shape and _pairwise(lambda length, wanted: length <= wanted)(shape, target)
            ),
            Text(
                "这是博客的两条规则合在一起，两条都不对：不必有长度为 1 的轴；"
                "除了长度为 1 的，别的轴也不会变长。",
                "These are both rules of the blog together, and neither is right: there need not "
                "be an axis of length 1, and no axis but one of length 1 ever grows.",
            ),
        ),
        Mutant(
            "multiples",
            _pairwise(lambda length, wanted: wanted % length == 0),
            Text(
                "扩展不会把几个数重复几遍，即使长度成倍数。只有长度为 1 的轴能变长。",
                "Expanding does not repeat several numbers, even where one length is a multiple of "
                "the other. Only an axis of length 1 grows.",
            ),
        ),
        Mutant(
            "aligned-from-the-front",
            lambda shape, target: _padded_with_ones(tuple(shape)[::-1], tuple(target)[::-1]),
            Text(
                "轴是从第一个对齐的。规则从最后一个轴开始对齐。",
                "The axes are aligned from the first one. The rule aligns them from the last.",
            ),
        ),
        Mutant(
            "both-may-grow",
            lambda shape, target: (
                len(shape) <= len(target)
                and _pairwise(lambda a, b: a == b or 1 in (a, b))(shape, target)
            ),
            Text(
                "这是广播的规则，两边都可以变长。`expand_as` 只许张量变长，目标不变。",
                "This is the rule of broadcasting, where either side may grow. With `expand_as` "
                "only the tensor grows; the target stays as it is.",
            ),
        ),
        Mutant(
            "same-number-of-axes",
            lambda shape, target: len(shape) == len(target) and _padded_with_ones(shape, target),
            Text(
                "轴的个数不必相同：目标前面可以多出新的轴。",
                "The number of axes need not be the same: the target may have new ones in front.",
            ),
        ),
        Mutant(
            "axes-not-counted",
            lambda shape, target: _padded_with_ones(tuple(shape)[-len(target) :], target),
            Text(
                "没有看轴的个数：目标的轴更少时，多出来的轴无处可去。`zip` 在较短的一边停下，"
                "不会提醒你。",
                "The number of axes is not looked at: where the target has fewer, an axis has "
                "nowhere to go. `zip` stops at the shorter one and says nothing.",
            ),
        ),
    ),
    alternates=(
        Alternate("tried", _tried),
        Alternate("padded-with-ones", _padded_with_ones),
        Alternate("broadcast-shapes", _broadcast_to_target),
    ),
    gradients=False,
)

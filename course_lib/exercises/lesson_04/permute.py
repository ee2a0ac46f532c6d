"""Exercise pam-permute: a test that a learner writes."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def permutation_gap(function: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> Tensor:
    """The reference of exercise 8: how far f(permuted x) is from permuted f(x), at most."""

    def permuted(t: Tensor) -> Tensor:
        return t.flatten(2)[:, :, order].unflatten(2, t.shape[2:])

    return (function(permuted(x)) - permuted(function(x))).abs().max()


def _neighbours(draw: Draw, channels: int) -> nn.Module:
    """Looks at neighbours, so its gap is not zero; gives one channel more than it gets."""
    layer = nn.utils.skip_init(nn.Conv2d, channels, channels + 1, 3, padding=1, dtype=draw.dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(draw.normal(*parameter.shape))
    return layer


def _permute_case(
    text: Text, pointwise: bool = False, square: bool = False, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        channels, height = draw.integer(2, 3), draw.integer(3, 4)
        width = height if square else draw.integer(5, 6)
        x = draw.normal(draw.integer(2, 3), channels, height, width)
        order = draw.normal(height * width).argsort()
        function = nn.Tanh() if pointwise else _neighbours(draw, channels)
        return Call((function, x, order))

    return Case(text, make, **options)


def _roughness(channels: int) -> nn.Module:
    """How far a value is above the mean around it, and how far below: no number is negative."""
    layer = nn.Conv2d(channels, 2 * channels, 3, padding=1, padding_mode="replicate", bias=False)
    above = torch.full((3, 3), -1 / 9)
    above[1, 1] += 1
    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(channels):
            layer.weight[channel, channel] = above
            layer.weight[channels + channel, channel] = -above
    return nn.Sequential(layer, nn.ReLU())


def _permute_to_smooth(draw: Draw) -> Call:
    """f(permuted x) is small and permuted f(x) large, so that the largest difference is negative.

    It belongs to the last map of the batch. With other draws both are left to chance.
    """
    count, channels = draw.integer(2, 3), draw.integer(2, 3)
    height, width = draw.integer(3, 4), draw.integer(5, 6)
    order = draw.normal(height * width).argsort()
    slope = torch.arange(height).repeat_interleave(width)
    smooth = slope + 0.02 * draw.normal(count, channels, height * width)
    smooth[-1] *= 10
    x = smooth[:, :, order.argsort()].unflatten(2, (height, width))
    return Call((_roughness(channels), x, order))


def _flat(t: Tensor) -> Tensor:
    return t.flatten(2)


def _gap(compare: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An answer from f, x, order and what puts positions in a given order."""

    def moved(t: Tensor, order: Tensor) -> Tensor:
        return _flat(t)[:, :, order].reshape(t.shape)

    return lambda function, x, order: compare(function, x, order, moved)


def _gap_gather(function: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> Tensor:
    shuffled = x.reshape(*x.shape[:2], -1).index_select(2, order).view(x.shape)
    of_shuffled = function(shuffled).flatten(2)
    return (of_shuffled - function(x).flatten(2).index_select(2, order)).abs().amax()


def _gap_matrix(function: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> Tensor:
    matrix = torch.eye(len(order), dtype=x.dtype)[order].T
    of_shuffled = function((x.flatten(2) @ matrix).view_as(x)).flatten(2)
    return torch.linalg.vector_norm(of_shuffled - function(x).flatten(2) @ matrix, float("inf"))


def _gap_undone(function: Callable[[Tensor], Tensor], x: Tensor, order: Tensor) -> Tensor:
    """Permute, apply, permute back: the same numbers in another order."""
    there = function(x.flatten(2)[:, :, order].view(x.shape)).flatten(2)
    return (there[:, :, order.argsort()] - function(x).flatten(2)).abs().max()


PAM_PERMUTE = Exercise(
    id="pam-permute",
    kind="implement",
    title=Text("自己写一个测试", "A test of your own"),
    difficulty=2,
    minutes=6,
    points=2,
    reference=permutation_gap,
    cases=(
        _permute_case(Text("看邻居的函数", "a function that looks at neighbours")),
        _permute_case(Text("同上，正方形的特征图", "the same, a square feature map"), square=True),
        _permute_case(
            Text("不问位置的函数", "a function that asks for no position"), pointwise=True
        ),
        Case(
            Text("打乱后反而平滑的输入", "an input that the permutation makes smooth"),
            _permute_to_smooth,
        ),
        _permute_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "invariance",
            _gap(lambda f, x, order, moved: (f(moved(x, order)) - f(x)).abs().max()),
            Text(
                "只打乱了输入。这问的是输出变不变；要问的是输出是不是跟着变，所以 `function(x)` 也"
                "要打乱。",
                "Only the input is permuted. That asks whether the output stays; the question is "
                "whether it follows, so `function(x)` must be permuted too.",
            ),
        ),
        Mutant(
            "inverse-on-one-side",
            _gap(
                lambda f, x, order, moved: (
                    (f(moved(x, order)) - moved(f(x), order.argsort())).abs().max()
                )
            ),
            Text(
                "两边用的不是同一个次序：一边是 `order`，一边是它的逆。",
                "The two sides use different orders: one `order`, the other its inverse.",
            ),
        ),
        Mutant(
            "inverse-order",
            _gap(
                lambda f, x, order, moved: (
                    (f(moved(x, order.argsort())) - moved(f(x), order.argsort())).abs().max()
                )
            ),
            Text(
                "次序取反了：新的第 `i` 个位置取自旧的第 `order[i]` 个，不是放到那里去。",
                "The order is inverted: the new position `i` is taken from the old position "
                "`order[i]`; it is not put there.",
            ),
        ),
        Mutant(
            "never-permuted",
            _gap(lambda f, x, order, moved: (f(x) - f(x)).abs().max()),
            Text(
                "差总是零，这个测试谁都通过：要么什么也没有打乱，要么两边是同一个表达式。",
                "The gap is always zero, and everything passes this test: either nothing is "
                "permuted, or both sides are the same expression.",
            ),
        ),
        Mutant(
            "order-as-positions",
            _gap(
                lambda f, x, order, moved: (
                    (
                        f(torch.zeros_like(_flat(x)).index_copy(2, order, _flat(x)).view_as(x))
                        - moved(f(x), order)
                    )
                    .abs()
                    .max()
                )
            ),
            Text(
                "输入按 `order` 放出去，输出却按它取进来：两者互逆。两边都取进来。",
                "The input is scattered by `order`, the output gathered by it, which are each "
                "other's inverse. Gather on both sides.",
            ),
        ),
        Mutant(
            "signed",
            _gap(lambda f, x, order, moved: (f(moved(x, order)) - moved(f(x), order)).max()),
            Text(
                "没有取绝对值：负的差再大也看不见。",
                "No absolute value is taken, so a negative difference goes unseen, however large.",
            ),
        ),
        Mutant(
            "averaged",
            _gap(lambda f, x, order, moved: (f(moved(x, order)) - moved(f(x), order)).abs().mean()),
            Text(
                "取了均值；一处大的差会淹没在许多零里。要最大的。",
                "This takes the mean, in which one large difference drowns among many zeros. "
                "Asked for is the largest.",
            ),
        ),
        Mutant(
            "output-alone",
            _gap(lambda f, x, order, moved: (f(x) - moved(f(x), order)).abs().max()),
            Text(
                "只打乱了输出，`function` 没有见过打乱的输入。",
                "Only the output is permuted; `function` never sees a permuted input.",
            ),
        ),
        Mutant(
            "first-picture-only",
            _gap(
                lambda f, x, order, moved: (f(moved(x, order)) - moved(f(x), order))[0].abs().max()
            ),
            Text(
                "只看了批里的第一张特征图。",
                "Only the first feature map of the batch is looked at.",
            ),
        ),
    ),
    alternates=(
        Alternate("index-select", _gap_gather),
        Alternate("matrix", _gap_matrix),
        Alternate("undone", _gap_undone),
    ),
    gradients=False,
)

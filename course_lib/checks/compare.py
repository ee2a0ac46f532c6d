"""The first difference between two observations, in words that a learner can act on."""

import numbers
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_lib.bilingual import Text
from course_lib.checks.observe import Observation

# Relative to the largest expected number. The nearest known mistake is 1.5e-3 away.
_TOLERANCE: Mapping[torch.dtype, float] = {
    torch.float64: 1e-8,
    torch.float32: 1e-4,
    torch.float16: 2e-2,
    torch.bfloat16: 8e-2,
}


@dataclass(frozen=True)
class Difference:
    """What differs, what was expected and what came.

    Attributes:
        text: the kind of difference.
        expected: short plain text.
        got: short plain text.
    """

    text: Text
    expected: str = ""
    got: str = ""


def difference(expected: Observation, got: Observation) -> Difference | None:
    """The first thing in which ``got`` differs from ``expected``, or None."""
    try:
        return _difference(expected, got)
    except Exception as error:  # a sparse tensor, an object whose repr raises, …
        return Difference(
            Text(
                f"返回值无法比较（{type(error).__name__}）",
                f"the result cannot be compared ({type(error).__name__})",
            )
        )


def _difference(expected: Observation, got: Observation) -> Difference | None:
    if expected.failure or got.failure:
        return _failures(expected, got)
    if expected.layout != got.layout:
        return _layouts(expected.layout or (), got.layout)
    found = _values(expected.output, got.output, "")
    if found:
        return found
    if expected.changed != got.changed:
        return Difference(
            Text("你的代码就地改动了它的输入", "your code changed its input in place"),
            "-",
            ", ".join(got.changed) or "-",
        )
    return _gradients(expected.gradients, got.gradients)


def _failures(expected: Observation, got: Observation) -> Difference | None:
    if expected.failure and got.failure and expected.failure.name == got.failure.name:
        return None
    if got.failure:
        place = f" — {got.failure.number}: {got.failure.line}" if got.failure.line else ""
        return Difference(
            Text("你的代码引发了异常", "your code raised an exception"),
            expected.failure.name if expected.failure else "-",
            f"{got.failure.name}: {got.failure.message}{place}",
        )
    return Difference(
        Text("这里应当引发异常", "this must raise an exception"),
        expected.failure.name if expected.failure else "-",
        "-",
    )


def _layouts(expected: tuple, got: tuple | None) -> Difference:
    if got is None:
        return Difference(
            Text(
                "这不是 nn.Module：写成 class 名字(nn.Module)",
                "this is not an nn.Module: write class NAME(nn.Module)",
            )
        )
    if expected and not got:
        text = Text(
            "模块里没有登记参数：层要存成 self 的属性，不能放在普通的列表里",
            "the module has no parameters: store layers as attributes of self, not in a plain list",
        )
        return Difference(text, _shapes(expected), "-")
    missing = _shapes((Counter(expected) - Counter(got)).elements())
    surplus = _shapes((Counter(got) - Counter(expected)).elements())
    text = Text(
        f"参数的形状不对；缺少 {missing}，多出 {surplus}",
        f"the parameters have other shapes; missing {missing}, too much {surplus}",
    )
    return Difference(text, _shapes(expected), _shapes(got))


def _shapes(shapes: Any) -> str:
    return ", ".join(str(tuple(shape)) for shape in shapes) or "-"


def _values(expected: Any, got: Any, place: str) -> Difference | None:
    if isinstance(expected, Tensor):
        return _tensors(expected, got, place)
    if isinstance(expected, list):
        if not isinstance(got, list):
            return Difference(
                Text(f"返回值{place}不是列表或元组", f"the result{place} is no list or tuple"),
                f"{len(expected)}",
                type(got).__name__,
            )
        if len(got) != len(expected):
            return Difference(
                Text(f"返回值{place}的个数不对", f"the result{place} has another length"),
                f"{len(expected)}",
                f"{len(got)}",
            )
        pairs = enumerate(zip(expected, got, strict=True))
        return next(filter(None, (_values(e, g, f"{place}[{i}]") for i, (e, g) in pairs)), None)
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return Difference(
                Text(f"返回值{place}不是 dict", f"the result{place} is no dict"),
                str(sorted(expected, key=str)),
                type(got).__name__,
            )
        if sorted(got, key=str) != sorted(expected, key=str):
            return Difference(
                Text(f"返回值{place}的键不对", f"the result{place} has other keys"),
                str(sorted(expected, key=str)),
                str(sorted(got, key=str)),
            )
        pairs = ((key, expected[key], got[key]) for key in expected)
        return next(filter(None, (_values(e, g, f"{place}[{k!r}]") for k, e, g in pairs)), None)
    return _plain(expected, got, place)


def _plain(expected: Any, got: Any, place: str) -> Difference | None:
    # numbers.Real takes numpy's scalars too.
    both_numbers = all(
        isinstance(v, numbers.Real) and not isinstance(v, bool) for v in (expected, got)
    )
    count = isinstance(expected, numbers.Integral)
    if both_numbers and (
        # A measure may have been computed in single precision; a count may not.
        abs(expected - got) <= (1e-9 if count else 1e-6) * max(1.0, abs(expected))
        # A count of things must be a whole number, not 580.0.
        and (isinstance(got, numbers.Integral) or not count)
    ):
        return None
    if not both_numbers and type(expected) is type(got) and expected == got:
        return None
    return Difference(
        Text(f"返回值{place}不对", f"the result{place} is wrong"),
        _short(expected),
        f"{_short(got)}" + ("" if type(got) is type(expected) else f"  ({type(got).__name__})"),
    )


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else text[:120] + " …"


def _tensors(expected: Tensor, got: Any, place: str) -> Difference | None:
    if not isinstance(got, Tensor):
        return Difference(
            Text(f"返回值{place}不是张量", f"the result{place} is not a tensor"),
            f"Tensor {tuple(expected.shape)}",
            f"{_short(got)}  ({type(got).__name__})",
        )
    if got.shape != expected.shape:
        return Difference(
            Text(f"输出{place}的形状不对", f"the output{place} has another shape"),
            str(tuple(expected.shape)),
            str(tuple(got.shape)),
        )
    if got.dtype != expected.dtype:
        return Difference(
            Text(f"输出{place}的 dtype 不对", f"the output{place} has another dtype"),
            str(expected.dtype),
            str(got.dtype),
        )
    return _numbers(expected, got, Text(f"输出{place}的数值不对", f"the output{place} is wrong"))


def _numbers(expected: Tensor, got: Tensor, text: Text) -> Difference | None:
    if expected.numel() == 0:
        return None
    want, have = expected.double(), got.double()
    finite = want[want.isfinite()].abs()
    scale = max(1.0, finite.max().item() if finite.numel() else 1.0)
    distance = (want - have).abs()
    distance[(want == have) | (want.isnan() & have.isnan())] = 0.0
    bad = ~(distance <= _TOLERANCE.get(expected.dtype, 0.0) * scale)
    if not bad.any():
        return None
    index = tuple(bad.nonzero()[0].tolist())
    where = f"[{', '.join(map(str, index))}]" if index else ""
    largest = distance[bad].max().item()
    wanted, came = _apart(want[index].item(), have[index].item())
    return Difference(
        text,
        f"{where} = {wanted}",
        f"{where} = {came}  (max |Δ| = {largest:.3g}, {int(bad.sum())}/{bad.numel()})",
    )


def _apart(first: float, second: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ."""
    pairs = ((f"{first:.{n}g}", f"{second:.{n}g}") for n in (6, 9, 12))
    return next((pair for pair in pairs if pair[0] != pair[1]), (repr(first), repr(second)))


def _gradients(
    expected: dict[str, Tensor | None] | None, got: dict[str, Tensor | None] | None
) -> Difference | None:
    if len(expected or {}) != len(got or {}):
        return Difference(
            Text("梯度的个数不对", "another number of gradients arrived"),
            f"{len(expected or {})}",
            f"{len(got or {})}",
        )
    # Compared in order: the names of a mutant's own parameters may differ from the reference's.
    pairs = zip((expected or {}).items(), (got or {}).values(), strict=True)
    for (name, want), have in pairs:
        if want is None and have is None:
            continue
        if want is None or have is None:
            return Difference(
                Text(
                    f"{name} 的梯度：一边有，一边没有",
                    f"the gradient of {name} arrives on one side only",
                ),
                "-" if want is None else f"Tensor {tuple(want.shape)}",
                "-" if have is None else f"Tensor {tuple(have.shape)}",
            )
        shown = Text(f"{name} 的梯度不对", f"the gradient of {name} is wrong")
        found = _numbers(want.flatten(), have.flatten(), shown)
        if found:
            return found
    return None

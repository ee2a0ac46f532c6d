"""How a mechanism plugs into the tests of `course_lib.attention`.

One `Case` per name of `names()` says everything that the shared tests need to know about it:

- `truth.py` and `truth_survey.py` re-derive the mechanisms in elementary operations and einsum,
  never with the module's code or with torch.nn: `truth(p, x, train, **options)` takes the state
  dictionary, the input, whether the module trains, and the constructor's options, and returns a
  dictionary: `"y"` is the output, every other key is compared with the same key of `explain`.
- `mutants.py` and `mutants_survey.py` hold the known wrong forms. A `Mutant` is an edit of the
  source of the truth function (`old` must stand in it exactly once), so that a mutant is a line
  and cannot go stale unseen.
- `cases.py` joins the dictionaries `CASES` of both; `test_all_mechanisms.py`, `test_truth.py`,
  `test_mutants.py` and `test_behaviour.py` run over it without a line of their own for anybody.

To add a mechanism: write its truth, then `CASES["name"] = Case(...)` beside it.
"""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.attention import create

Options = dict[str, Any]
Truth = Callable[..., dict[str, Tensor]]

#: What `Case.holds` may name; a behaviour that is not named must be seen to fail.
BEHAVIOURS = (
    "positions",  # any permutation of the pixels of the input permutes the output alike
    "rows",  # ... a permutation of the rows
    "channels",  # ... a permutation of the channels
    "flip",  # ... the mirror image
    "transpose",  # ... H and W exchanged
    "shift",  # ... a circular shift
    "double",  # twice the input gives twice the output
    "shrinks",  # |y| <= |x|
    "identity",  # a new module returns its input
    "batch",  # eval mode: an image's output does not depend on its neighbours in the batch
)


@dataclass(frozen=True)
class Mutant:
    """A known wrong form: the truth function with `old` replaced by `new`.

    `options` and `train` choose the form in which the mutant shows; `distance` is the least
    difference (maximum over the output) that must be seen.
    """

    label: str
    old: str
    new: str
    options: Options | None = None
    train: bool = False
    distance: float = 1e-3

    def apply(self, truth: Truth) -> Truth:
        """The truth function with the edit made."""
        source = textwrap.dedent(inspect.getsource(truth))
        if source.count(self.old) != 1:
            raise AssertionError(
                f"{self.label}: {self.old!r} occurs {source.count(self.old)} times"
            )
        scope = dict(inspect.getmodule(truth).__dict__)
        exec(compile(source.replace(self.old, self.new), f"<mutant {self.label}>", "exec"), scope)
        return scope[truth.__name__]


@dataclass(frozen=True)
class Case:
    """Everything the shared tests know about one mechanism.

    Attributes:
        truth: see the module docstring.
        forms: constructor options to test; the first is the default form.
        parameters: `(channels, **options) -> int`, the formula.
        macs: `(channels, height, width, **options) -> int` for one image, or None.
        layout: `(channels, **options) -> shapes of the authors' state dictionary, in order`.
        holds: the behaviours of `BEHAVIOURS` that hold (randomised parameters, eval mode).
        gate: open interval of y / x, or None where the output is no such product.
        dead: names of parameters whose gradient is zero in train mode.
        mutants: the known wrong forms.
        sized: `(height, width) -> options`, for a mechanism that is built for one size.
        smallest: the smallest side of a map that it accepts.
        trains_on_one_pixel: whether train mode accepts a single 1x1 map (BatchNorm does not).
        trains_on_one_image: whether train mode accepts one image (BatchNorm of vectors does not).
        channels: the sizes that the truth is compared at.
        scores: the output is not a map of the input's shape (CSRA).
        tiny: channels of the smallest sensible module, for gradcheck.
        tiny_options: further options of that module.
        overflows: (number of the form, scale of the input) whose float16 output is not finite.
        wide: keys of `explain` that stay float32 for inputs of half precision.
        keeps_autocast_out: autocast changes nothing for float32 inputs.
        initial: `(**options) -> {parameter: its first value, or "kaiming" for N(0, 2 / fan_in)}`;
            what is not named has torch's first values. A name that only some forms have may stand.
        fresh: (options, lowest, highest y / x of a new module in eval mode), measured on the
            authors' module (§21 of the notes on the mechanisms), for the options that they have.
        momentum: of BatchNorm.
    """

    truth: Truth
    forms: tuple[Options, ...] = ({},)
    parameters: Callable[..., int] | None = None
    macs: Callable[..., int] | None = None
    layout: Callable[..., list[tuple[int, ...]]] | None = None
    holds: frozenset[str] = frozenset()
    gate: tuple[float, float] | None = None
    dead: frozenset[str] = frozenset()
    mutants: tuple[Mutant, ...] = ()
    sized: Callable[[int, int], Options] = lambda height, width: {}
    smallest: int = 1
    trains_on_one_pixel: bool = True
    trains_on_one_image: bool = True
    channels: tuple[int, ...] = (16, 64)
    scores: bool = False
    tiny: int = 16
    tiny_options: Options | None = None
    overflows: frozenset[tuple[int, int]] = frozenset()
    wide: frozenset[str] = frozenset()
    keeps_autocast_out: bool = False
    initial: Callable[..., dict[str, float | str]] = lambda **options: {}
    fresh: tuple[Options, float, float] | None = None
    momentum: float = 0.1

    def make(self, name: str, channels: int, height: int, width: int, **options: Any) -> nn.Module:
        """The module, built for this size where it needs one."""
        return create(name, channels, **(self.sized(height, width) | options))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers that depend on nothing but the seed and the shape."""
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64).to(dtype)


def feature_map(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """An input whose channels differ in mean and spread, as real feature maps do."""
    mean = noise(1, shape[1], 1, 1, seed=seed + 1)
    spread = 0.5 + noise(1, shape[1], 1, 1, seed=seed + 2).abs()
    return (noise(*shape, seed=seed) * spread + mean).to(dtype)


@torch.no_grad()
def randomise(module: nn.Module, seed: int = 0, scale: float = 0.4) -> nn.Module:
    """Give every parameter and every running statistic a random value (variances stay positive)."""
    source = generator(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        value = torch.randn(tensor.shape, generator=source, dtype=torch.float64)
        if name.endswith("running_var"):
            value = 0.5 + value.square()
        elif tensor.ndim > 1 and tensor[0].numel() > 0:
            value = value * min(scale, 2.0 / tensor[0].numel() ** 0.5)
        else:
            value = value * scale
        tensor.copy_(value)
    return module


def state(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the parameters and buffers; the parameters require gradients."""
    copies = {name: buffer.detach().clone() for name, buffer in module.named_buffers()}
    for name, parameter in module.named_parameters():
        copies[name] = parameter.detach().clone().requires_grad_()
    return copies


def distance(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative to the largest value where that is above one."""
    assert a.shape == b.shape, f"{tuple(a.shape)} against {tuple(b.shape)}"
    if a.numel() == 0:
        return 0.0
    gap = (a.double() - b.double()).abs().max().item()
    return gap / max(1.0, b.double().abs().max().item())

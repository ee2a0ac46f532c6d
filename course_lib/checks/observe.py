"""Try one call of an answer and write down everything that can be compared, as plain data.

Parameters are matched by shape and order, never by name, and are given random values: at their
initial values (a zero gate, a zero-initialised last layer) many wrong modules equal the right one.
Only a case that asks for the initial values themselves leaves them.
"""

import contextlib
import inspect
import linecache
import site
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.checks.exercise import Call, Draw, made

_COURSE = str(Path(__file__).resolve().parent.parent)
_LIBRARIES = tuple(
    {
        str(Path(folder).resolve())
        for folder in [
            *(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")),
            *site.getsitepackages(),
        ]
    }
)

_FOREIGN = ("torch", "builtins", "abc", "typing")

Shape = tuple[int, ...]


class StopAnswer(BaseException):
    """Ends a learner's answer from outside; no ``except Exception`` of the answer swallows it."""


@dataclass(frozen=True)
class Failure:
    """An exception of an answer, seen from the learner's side.

    Attributes:
        name: name of the exception's type.
        message: its text, one line.
        line: the line of the learner's own code that was running, or "".
        number: its number in its cell or file, or 0.
        unfinished: whether it is the placeholder of a cell that has not been filled.
    """

    name: str
    message: str
    line: str = ""
    number: int = 0
    unfinished: bool = False


@dataclass(frozen=True)
class Observation:
    """What one call of an answer did.

    Attributes:
        failure: the exception that ended it, or None.
        layout: shapes of the module's parameters, in the order of the reference where they match.
        output: what it returned, tensors detached.
        gradients: by name of the input or parameter; None where no gradient arrived.
        changed: names of the inputs that the answer changed in place; a module is changed by a
            hook, a mode or a setting that is left in it.
    """

    failure: Failure | None = None
    layout: tuple[Shape, ...] | None = None
    output: Any = None
    gradients: dict[str, Tensor | None] | None = None
    changed: tuple[str, ...] = ()


def plain_shape(shape: Sequence[int], exact: bool) -> Shape:
    """A parameter's shape; unless exact, (m, n, 1, 1) of a 1x1 convolution counts as (m, n)."""
    shape = tuple(shape)
    while not exact and len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def match(wanted: Sequence[Shape], found: Sequence[Shape]) -> list[int] | None:
    """For each wanted shape the index of the first unused equal one, or None if they differ."""
    left = list(range(len(found)))
    order = []
    for shape in wanted:
        index = next((i for i in left if found[i] == shape), None)
        if index is None:
            return None
        left.remove(index)
        order.append(index)
    return None if left else order


def _failure(error: BaseException) -> Failure:
    """Find the learner's own line in the traceback of an exception."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not _is_library(f.filename)]
    message = " ".join(str(error).split())
    if len(message) > 300:
        message = message[:300] + " …"
    if isinstance(error, SyntaxError) or not own:
        return Failure(type(error).__name__, message)
    last = own[-1]
    line = (last.line or linecache.getline(last.filename, last.lineno or 0)).strip()
    unfinished = isinstance(error, NotImplementedError) and frames[-1] is last
    return Failure(type(error).__name__, message, line, last.lineno or 0, unfinished)


def _registered(module: nn.Module) -> list[Tensor]:
    """The module's parameters; one that is registered under two names counts twice."""
    return [parameter for _, parameter in module.named_parameters(remove_duplicate=False)]


def _is_library(filename: str) -> bool:
    if filename.startswith("<frozen"):
        return True
    path = str(Path(filename).resolve())
    # Mutants and alternates live in course_lib/exercises: there they stand for a learner's code.
    if path.startswith(_COURSE):
        return not path.startswith(str(Path(_COURSE, "exercises")))
    return path.startswith(_LIBRARIES)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for key in sorted(value, key=str) for t in _tensors(value[key])]
    if isinstance(value, list | tuple):
        return [t for item in value for t in _tensors(item)]
    return []


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        # A metered tensor would refuse to be compared.
        return value.detach().clone().as_subclass(Tensor)
    if isinstance(value, dict):
        return {key: _detached(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_detached(item) for item in value]
    return value


def _randomise(
    tensors: Sequence[Tensor],
    order: Sequence[int],
    layout: Sequence[Shape],
    seed: int,
    initial: bool,
) -> None:
    """Give the tensors random values that depend on their place in the layout alone.

    With `initial`, one that is a single number everywhere keeps it.
    """
    for place, (index, shape) in enumerate(zip(order, layout, strict=True)):
        if initial and tensors[index].unique().numel() == 1:
            continue
        draw = Draw(seed * 1009 + place, torch.float64)
        if len(shape) >= 2:
            fan_in = max(1, torch.Size(shape[1:]).numel())
            values = draw.normal(*shape, scale=fan_in**-0.5)
        else:
            values = draw.normal(*shape, scale=0.5)
        tensor = tensors[index]
        tensor.data.copy_(values.view(tensor.shape))


def _randomise_buffers(module: nn.Module, seed: int) -> None:
    """Positive random statistics: a running mean may have them, a running variance must."""
    buffers = [b for b in module.buffers() if b.is_floating_point()]
    for place, buffer in enumerate(buffers):
        generator = torch.Generator().manual_seed(seed * 2003 + place)
        buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))


def reference_layout(reference: Callable[..., Any], call: Call, exact: bool) -> list[Shape] | None:
    """Shapes of the parameters of the reference module; None for a function or a refusal."""
    if call.build is None:
        return None
    try:
        with torch.random.fork_rng(devices=[]):
            module = reference(**{key: made(value) for key, value in call.build.items()})
    except Exception:
        return None
    return [plain_shape(p.shape, exact) for p in _registered(module)]


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """Gradients on, and what the answer changes of torch's global settings set back afterwards."""
    kept = torch.get_default_dtype()
    with torch.enable_grad():
        try:
            yield
        finally:
            torch.set_default_dtype(kept)


def observe(
    answer: Callable[..., Any],
    call: Call,
    *,
    wanted: Sequence[Shape] | None,
    names: Sequence[str] = (),
    dtype: torch.dtype = torch.float32,
    training: bool = False,
    initial: bool = False,
    exact_shapes: bool = False,
    gradients: bool = True,
    seed: int = 0,
) -> Observation:
    """Call the answer once and note what it did.

    Args:
        answer: a function, or a class that builds a module.
        call: what to call it with.
        wanted: shapes of the reference's parameters, which decide the order of the random values.
        names: names of the inputs, for the reader.
        dtype: dtype of the module's parameters.
        training: train mode or eval mode.
        initial: see ``Case``; buffers keep their values too.
        exact_shapes: see ``plain_shape``.
        gradients: whether to note gradients.
        seed: decides the random parameters and what is back-propagated.

    Returns:
        The observation. An exception of the answer is part of it; only ``StopAnswer`` and
        KeyboardInterrupt pass through.
    """
    layout: tuple[Shape, ...] | None = None
    try:
        with _settings_kept(), torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed: where there is no GPU, it notes the whole stack for later.
            torch.default_generator.manual_seed(seed)
            parameters: dict[str, Tensor] = {}
            function = answer
            if call.build is not None:
                module = answer(**{key: made(value) for key, value in call.build.items()})
                if not isinstance(module, nn.Module):
                    return Observation(output=module)
                module.to(dtype).train(training)
                tensors = _registered(module)
                found = [plain_shape(t.shape, exact_shapes) for t in tensors]
                order = match(wanted or [], found)
                layout = tuple(found if order is None else wanted or [])
                order = list(range(len(found))) if order is None else order
                _randomise(tensors, order, layout, seed, initial)
                if not initial:
                    _randomise_buffers(module, seed)
                parameters = {
                    f"{'×'.join(map(str, shape))} [{place}]": tensors[index]
                    for place, (index, shape) in enumerate(zip(order, layout, strict=True))
                }
                function = module
            leaves: dict[str, Tensor] = {}
            shown: dict[str, str] = {}
            inputs = []
            labels = [names[i] if i < len(names) else f"input {i}" for i in range(len(call.inputs))]
            for label, value in zip(labels, map(made, call.inputs), strict=True):
                if isinstance(value, nn.Module):
                    value.to(dtype).train(training)
                    shown[label] = repr(value)
                if isinstance(value, Tensor) and value.is_floating_point():
                    leaves[label] = value.detach().clone().requires_grad_(gradients)
                    # A copy of the leaf: changing it in place is possible, and noticed below.
                    value = leaves[label].clone()
                inputs.append(value)
            output = function(*inputs)
            changed = tuple(
                label
                for label, value in zip(labels, inputs, strict=True)
                if (label in leaves and not torch.equal(value.detach(), leaves[label].detach()))
                or (label in shown and _is_touched(value, shown[label], training))
            )
            arrived = _gradients(output, {**leaves, **parameters}, seed) if gradients else None
            return Observation(None, layout, _detached(output), arrived, changed)
    except (StopAnswer, KeyboardInterrupt):
        raise
    except BaseException as error:
        return Observation(failure=_failure(error), layout=layout)


def _is_touched(module: nn.Module, shown: str, training: bool) -> bool:
    """Whether something is left in a module that was shown so and ran in that mode."""
    return repr(module) != shown or any(
        m.training != training or m._forward_hooks or "forward" in vars(m) for m in module.modules()
    )


def _gradients(output: Any, sources: dict[str, Tensor], seed: int) -> dict[str, Tensor | None]:
    """Gradients of a random weighted sum of all outputs, by name of the source."""
    total: Tensor | None = None
    for place, tensor in enumerate(_tensors(output)):
        if tensor.is_floating_point() and tensor.requires_grad:
            weights = Draw(seed * 4001 + place, tensor.dtype).normal(*tensor.shape)
            term = (tensor * weights).sum()
            total = term if total is None else total + term
    if total is None or not sources:
        return dict.fromkeys(sources)
    learned = {name: tensor for name, tensor in sources.items() if tensor.requires_grad}
    arrived = torch.autograd.grad(total, list(learned.values()), allow_unused=True)
    return {**dict.fromkeys(sources), **dict(zip(learned, arrived, strict=True))}


def code_objects(answer: Callable[..., Any]) -> set[CodeType]:
    """The code objects of a function, or of all methods of a class that are not torch's own."""
    if inspect.isclass(answer):
        classes = [c for c in answer.__mro__ if c.__module__.split(".")[0] not in _FOREIGN]
        members = [getattr(m, "__func__", m) for c in classes for m in vars(c).values()]
        return {m.__code__ for m in members if inspect.isfunction(m)}
    return {answer.__code__} if inspect.isfunction(answer) else set()

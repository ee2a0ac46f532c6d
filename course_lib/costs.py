"""What a module costs: parameters, multiply-adds, memory kept for the backward pass, time, peak.

``cost(module, shape)`` measures one module; ``compare(names, ...)`` makes a table of mechanisms
that shows itself as HTML in a notebook and as text elsewhere. Counting needs no arithmetic: it runs
on tensors without data. ``FORMULAS`` has the closed forms of the default modules, to be compared
with the counts.

Multiply-adds (MACs) are those of convolutions and matrix products, as everywhere in the field;
additions and gates are not among them, so that a mechanism with 0 MACs still takes time.
"""

import copy
import html
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from course_lib.attention import create

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler writes a line for every start


def processor() -> str:
    """The name of this machine's processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor() or platform.machine()


def count_parameters(module: nn.Module, *, trainable: bool = False) -> int:
    """How many numbers the module learns; with `trainable`, only those that have gradients."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)


def count_macs(module: nn.Module, shape: Sequence[int]) -> int:
    """Multiply-adds of convolutions and matrix products for an input of `shape`, batch included."""
    twin = copy.deepcopy(module).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        twin(torch.empty(tuple(shape), device="meta", dtype=_dtype(module)))
    return counter.get_total_flops() // 2


def _dtype(module: nn.Module) -> torch.dtype:
    """The dtype that the module computes in: that of its first parameter, else float32."""
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)


def activation_bytes(module: nn.Module, shape: Sequence[int]) -> int:
    """Bytes that one training step keeps for its backward pass, beyond input and parameters.

    A tensor that several operations keep counts once. float32, CPU kernels, train mode.
    """
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        held.append(tensor)  # so that no storage is freed and its address used again
        return tensor

    held: list[Tensor] = []
    twin = copy.deepcopy(module).to("meta").train()
    state = dict(twin.named_parameters()) | dict(twin.named_buffers())
    with FakeTensorMode():
        # No data, but the kernels are chosen as for real tensors on the CPU.
        fake = {
            name: torch.empty(
                t.shape,
                dtype=torch.float32 if t.is_floating_point() else t.dtype,
                requires_grad=t.requires_grad,
            )
            for name, t in state.items()
        }
        x = torch.empty(tuple(shape), requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            y = torch.func.functional_call(twin, fake, x)
        for known in (x, *fake.values()):
            kept.pop(known.untyped_storage()._cdata, None)
        del y
    return sum(kept.values())


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def race(
    functions: Mapping[str, Callable[[], object]],
    *,
    seconds: float = 1.0,
    rounds: int = 3,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """The least time of every function, in seconds, measured in turns.

    Turns make the ratio of two functions fair where other work on the machine comes and goes. With
    one thread on the CPU it is the processor's time for this process, which other work does not
    lengthen; on a CUDA device it is the time between two events of its stream; else it is the time
    that passes.

    Args:
        functions: what to run.
        seconds: time for all of them together; it ends after that, but not before `rounds`.
        rounds: least number of turns.
        device: the device to wait for.
    """
    device = torch.device(device)
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter

    def measured(function: Callable[[], object]) -> float:
        if device.type == "cuda":
            with torch.cuda.device(device):
                begin, finish = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record()
                function()
                finish.record()
                finish.synchronize()
            return begin.elapsed_time(finish) / 1e3  # from milliseconds
        start = clock()
        function()
        _synchronise(device)
        return clock() - start

    best = dict.fromkeys(functions, float("inf"))
    for function in functions.values():
        function()  # caches, thread pools, first allocations
    _synchronise(device)
    end, turn = time.perf_counter() + seconds, 0
    while turn < rounds or time.perf_counter() < end:
        for name, function in functions.items():
            best[name] = min(best[name], measured(function))
        turn += 1
    return best


def peak_bytes(function: Callable[[], object], *, device: torch.device | str = "cpu") -> int:
    """The most memory that the function holds at a time, beyond what there was, in bytes.

    It counts what torch's allocator hands out, inside of kernels too, and so does not depend on
    what the operating system does.
    """
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        function()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        function()
    events = profile.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    held = peak = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak


@dataclass(frozen=True)
class Formula:
    """A closed form: its text, and the function that computes it."""

    text: str
    compute: Callable[..., int]


#: Parameters of the default forms: C channels, p = C // reduction, N positions.
PARAMETERS: dict[str, Formula] = {
    "bam": Formula(
        "3Cp + C + 18p² + 13p + 1", lambda c, p, n: 3 * c * p + c + 18 * p * p + 13 * p + 1
    ),
    "cam": Formula("1", lambda c, p, n: 1),
    "cbam": Formula("2Cp + p + C + 100", lambda c, p, n: 2 * c * p + p + c + 100),
    "cbam_channel": Formula("2Cp + p + C", lambda c, p, n: 2 * c * p + p + c),
    "cbam_spatial": Formula("100", lambda c, p, n: 100),
    "coordinate": Formula(
        "3Cm + 3m + 2C, m = max(8, p)",
        lambda c, p, n: 3 * c * max(8, p) + 3 * max(8, p) + 2 * c,
    ),
    "cse": Formula("2Cp + p + C", lambda c, p, n: 2 * c * p + p + c),
    "csra": Formula("20C", lambda c, p, n: 20 * c),
    "eca": Formula("3", lambda c, p, n: 3),
    "gc": Formula("2Cp + 3p + 2C + 1", lambda c, p, n: 2 * c * p + 3 * p + 2 * c + 1),
    "lka": Formula("C² + 77C", lambda c, p, n: c * c + 77 * c),
    "mpm": Formula(
        "4Cp + 51p² + 18p + 2C", lambda c, p, n: 4 * c * p + 51 * p * p + 18 * p + 2 * c
    ),
    "nonlocal": Formula("4Cp + 3p + 3C", lambda c, p, n: 4 * c * p + 3 * p + 3 * c),
    "pam": Formula("C² + 2Cp + 2p + C + 1", lambda c, p, n: c * c + 2 * c * p + 2 * p + c + 1),
    "polarized_parallel": Formula("2C² + C", lambda c, p, n: c + 3 * c * (c // 2) + c * (c // 2)),
    "polarized_sequential": Formula(
        "3Ch + hq + qC + 3q + 2C, h = C // 2, q = h // 4",
        lambda c, p, n: (
            3 * c * (c // 2) + (c // 2) * (c // 8) + (c // 8) * c + 3 * (c // 8) + 2 * c
        ),
    ),
    "residual": Formula(
        "12(2Cp + 9p² + 2C + 4p) + 2C² + 4C",
        lambda c, p, n: 12 * (2 * c * p + 9 * p * p + 2 * c + 4 * p) + 2 * c * c + 4 * c,
    ),
    "rga": Formula(
        "3Cp + 6p + 2Nm + 2m + (1 + m)k + 3k + 2 + 3Nm + 6m + 2Cp + 2p + (1 + p)q + 3q + 2, "
        "m = N // 8, k = (1 + m) // 8, q = (1 + p) // 8",
        lambda c, p, n: _rga(c, p, n),
    ),
    "scconv": Formula("27C² + 6C", lambda c, p, n: 27 * c * c + 6 * c),
    "scse": Formula("2Cp + p + 2C + 1", lambda c, p, n: 2 * c * p + p + 2 * c + 1),
    "se": Formula("2Cp + p + C", lambda c, p, n: 2 * c * p + p + c),
    "sge": Formula("128", lambda c, p, n: 128),
    "simam": Formula("0", lambda c, p, n: 0),
    "spm": Formula("7C² + 5C", lambda c, p, n: 7 * c * c + 5 * c),
    "sse": Formula("C + 1", lambda c, p, n: c + 1),
    "triplet": Formula("300", lambda c, p, n: 300),
    "van": Formula("3C² + 79C", lambda c, p, n: 3 * c * c + 79 * c),
}


def _rga(c: int, p: int, n: int) -> int:
    m = n // 8
    k, q = (1 + m) // 8, (1 + p) // 8
    spatial = 3 * c * p + 6 * p + 2 * n * m + 2 * m + (1 + m) * k + 3 * k + 2
    return spatial + 3 * n * m + 6 * m + 2 * c * p + 2 * p + (1 + p) * q + 3 * q + 2


#: The reduction of the default form, for p in `PARAMETERS`.
REDUCTIONS: dict[str, int] = {
    "bam": 16,
    "cbam": 16,
    "cbam_channel": 16,
    "coordinate": 32,
    "cse": 2,
    "gc": 16,
    "mpm": 4,
    "nonlocal": 2,
    "pam": 8,
    "residual": 4,
    "rga": 8,
    "scse": 2,
    "se": 16,
}


def parameters_by_formula(name: str, channels: int, height: int = 1, width: int = 1) -> int:
    """The closed form of the parameters of `create(name, channels)`, for a map of this size."""
    if name not in PARAMETERS:
        raise ValueError(f"no formula for {name!r}; there are: {', '.join(sorted(PARAMETERS))}")
    reduced = channels // REDUCTIONS.get(name, 1)
    return PARAMETERS[name].compute(channels, reduced, height * width)


@dataclass(frozen=True)
class Cost:
    """The cost of one module on one input.

    Attributes:
        name: what the table calls it.
        parameters: how many numbers it learns.
        macs: multiply-adds of one image.
        activations: bytes kept for the backward pass of one image, beyond input and parameters.
        forward: seconds without gradients, for the batch that was asked for, or None.
        training: seconds of a forward and backward pass, or None, also where BatchNorm refuses a
            single value per channel in train mode.
        peak: bytes of the forward and backward pass, or None, as before.
    """

    name: str
    parameters: int
    macs: int
    activations: int
    forward: float | None = None
    training: float | None = None
    peak: int | None = None


def cost(
    module: nn.Module,
    shape: Sequence[int],
    *,
    name: str = "",
    measure: bool = False,
    seconds: float = 0.5,
) -> Cost:
    """Count, and with `measure` also run, a module.

    Args:
        module: any module that takes one tensor and gives one.
        shape: (B, C, H, W); counts are for one image, times for the batch.
        name: what a table calls it; the class's name unless given.
        measure: whether to run it, with random numbers on the module's device. Where train mode
            refuses the shape (BatchNorm with one value per channel), only the forward pass is.
        seconds: time for each of the two measurements.
    """
    one = (1, *shape[1:])
    # BatchNorm refuses a single number per channel in train mode, so two images are halved.
    counted = Cost(
        name or type(module).__name__,
        count_parameters(module),
        count_macs(module, one),
        activation_bytes(module, (2, *shape[1:])) // 2,
    )
    if not measure:
        return counted
    parameter = next(module.parameters(), torch.empty(0))
    device = parameter.device
    x = torch.randn(*shape, device=device, dtype=_dtype(module), requires_grad=True)
    twin = copy.deepcopy(module)

    def forward() -> Tensor:
        with torch.no_grad():
            return twin(x)

    def training() -> None:
        x.grad = None
        twin.zero_grad()
        twin(x).sum().backward()

    twin.eval()
    first = race({"forward": forward}, seconds=seconds, device=device)["forward"]
    twin.train()
    try:
        second = race({"training": training}, seconds=seconds, device=device)["training"]
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        return replace(counted, forward=first)
    x.grad = None
    twin.zero_grad()
    peak = peak_bytes(training, device=device)
    return replace(counted, forward=first, training=second, peak=peak)


def _scaled(value: float, units: Sequence[str], step: float) -> str:
    place = 0
    while abs(value) >= step and place < len(units) - 1:
        value, place = value / step, place + 1
    unit = units[place]
    digits = f"{value:.0f}" if unit == units[0] or abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


class CostTable:
    """Costs side by side; `str(table)` is text, a notebook shows HTML."""

    def __init__(self, costs: Iterable[Cost], shape: Sequence[int]) -> None:
        self.costs = tuple(costs)
        self.shape = tuple(shape)

    def rows(self) -> list[list[str]]:
        """The header and the cells as text; times and peak only where they were measured."""
        header = ["mechanism", "parameters", "MACs", "kept for backward"]
        rows = [header + ["forward", "forward + backward", "peak memory"] * self._timed]
        for c in self.costs:
            row = [
                c.name,
                f"{c.parameters:,}",
                _scaled(c.macs, ("", "k", "M", "G", "T"), 1000),
                _scaled(c.activations, ("B", "KiB", "MiB", "GiB"), 1024),
            ]
            if self._timed:
                row += [
                    "–" if value is None else _scaled(value * 1e6, ("µs", "ms", "s"), 1000)
                    for value in (c.forward, c.training)
                ]
                peak = c.peak
                row.append("–" if peak is None else _scaled(peak, ("B", "KiB", "MiB", "GiB"), 1024))
            rows.append(row)
        return rows

    def __getitem__(self, name: str) -> Cost:
        """The cost of that name; KeyError where there is none."""
        for c in self.costs:
            if c.name == name:
                return c
        raise KeyError(name)

    @property
    def _timed(self) -> bool:
        return any(c.forward is not None for c in self.costs)

    @property
    def caption(self) -> str:
        """The size that the numbers are for."""
        batch, *rest = self.shape
        counted = f"one image of {'×'.join(map(str, rest))}"
        if self._timed:
            counted += f"; times and peak memory for a batch of {batch}"
        return f"{counted}, float32"

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], self.caption])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        header, *rows = self.rows()
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{"left" if i == 0 else "right"}">{html.escape(cell)}</td>'
                for i, cell in enumerate(row)
            )
            + "</tr>"
            for row in rows
        )
        caption = html.escape(self.caption)
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )


def compare(
    names: Iterable[str],
    channels: int,
    height: int,
    width: int,
    *,
    batch: int = 1,
    measure: bool = False,
    seconds: float = 0.5,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> CostTable:
    """A table of mechanisms by name, on maps of one size.

    Args:
        names: names that `create` knows.
        channels: C.
        height: H.
        width: W.
        batch: number of images that times are for.
        measure: whether to run them.
        seconds: time for each measurement.
        options: further constructor options of a mechanism, by its name.
    """
    shape = (batch, channels, height, width)
    costs = []
    for name in names:
        extra = dict((options or {}).get(name, {}))
        if name == "rga":
            extra.setdefault("size", (height, width))
        module = create(name, channels, **extra)
        costs.append(cost(module, shape, name=name, measure=measure, seconds=seconds))
    return CostTable(costs, shape)

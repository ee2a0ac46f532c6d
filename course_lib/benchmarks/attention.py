"""Every mechanism against its straightforward form, in one run: time and peak memory as ratios.

    python -m course_lib.benchmarks.attention                  the default sizes, on the CPU
    python -m course_lib.benchmarks.attention se simam --sizes 32x256x56x56
    python -m course_lib.benchmarks.attention --device cuda --dtype bfloat16 --compile

Both forms have the same parameters and the same input and give the same numbers. They run in turns,
and the least time of each counts, so that the ratios hold on a busy machine where the times do not.
Ratios below one are in favour of the module. "x floor" is the module's forward time over that of
the traffic no gate can avoid: one pass that reads the map (a sum) and one that reads and writes it
(a product), into memory that is already there.

On the CPU, most of the time of a large operation is spent by the operating system on handing out
fresh memory for its result. `--memory kept` has the C library keep freed blocks, as a caching
allocator does; `--memory returned` is its default. A time without saying which is noise.
"""

import argparse
import ctypes
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from course_lib.attention import create, names
from course_lib.benchmarks.straightforward import FORMS
from course_lib.costs import peak_bytes, race

#: (B, C, H, W): growing N, then growing C, then a batch that the modules go through by image.
SIZES = (
    (8, 64, 16, 16),
    (8, 64, 32, 32),
    (8, 64, 56, 56),
    (8, 256, 28, 28),
    (8, 512, 14, 14),
    (32, 256, 56, 56),
)
#: The positions of these cost N * N, those of rga N ** 3.
QUADRATIC = ("pam", "nonlocal")
QUADRATIC_SIZES = ((1, 64, 32, 32), (1, 64, 64, 64), (1, 64, 96, 96), (1, 64, 128, 128))
CUBIC_SIZES = ((4, 64, 16, 16), (2, 64, 32, 32))


def keep_freed_blocks() -> bool:
    """Have glibc hold freed memory for the next allocation; False where there is no glibc."""
    trim_threshold, mmap_max = -1, -4
    try:
        libc = ctypes.CDLL("libc.so.6")
        return bool(libc.mallopt(trim_threshold, 2**31 - 1) and libc.mallopt(mmap_max, 0))
    except (OSError, AttributeError):
        return False


class Straightforward(nn.Module):
    """The straightforward form as a module, so that both forms are called in the same way."""

    def __init__(self, name: str, module: nn.Module) -> None:
        super().__init__()
        self.plain = FORMS[name]
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return self.plain(self.module, x)


def sizes_of(name: str, asked: list[tuple[int, ...]] | None) -> Iterator[tuple[int, ...]]:
    """The input shapes for a mechanism."""
    if asked:
        yield from asked
    elif name in QUADRATIC:
        yield from QUADRATIC_SIZES
    elif name == "rga":
        yield from CUBIC_SIZES
    else:
        yield from SIZES


def prepared(name: str, shape: tuple[int, ...], device: str, dtype: torch.dtype) -> nn.Module:
    """The module, with parameters that make every part of it count."""
    options = {"size": shape[2:]} if name == "rga" else {}
    module = create(name, shape[1], device=device, dtype=dtype, **options)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.numel() and not parameter.any():
                parameter.fill_(0.1)
    return module


def forward_of(call: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Tensor]:
    """One forward pass without gradients."""

    def run() -> Tensor:
        with torch.no_grad():
            return call(x)

    return run


def training_of(
    call: Callable[[Tensor], Tensor], module: nn.Module, x: Tensor
) -> Callable[[], None]:
    """One forward and backward pass."""
    leaf = x.detach().clone().requires_grad_()
    weights = torch.randn_like(x)

    def run() -> None:
        leaf.grad = None
        module.zero_grad()
        call(leaf).backward(weights)
        leaf.grad = None
        module.zero_grad()

    return run


def measure(
    name: str, shape: tuple[int, ...], seconds: float, device: str, dtype: torch.dtype, jit: bool
) -> dict[str, float]:
    """Times in seconds and memory in bytes of both forms, and the floor of the traffic."""
    torch.manual_seed(0)
    module = prepared(name, shape, device, dtype)
    x = torch.randn(*shape, device=device, dtype=dtype)
    straight = Straightforward(name, module)
    calls = {"straight": straight, "module": torch.compile(module) if jit else module}
    result: dict[str, float] = {}
    module.eval()
    with torch.no_grad():
        gap = (module(x).double() - straight(x).double()).abs().max().item()
        scale = straight(x).double().abs().max().item()
    result["gap"] = gap / max(scale, 1.0)
    runs = {key: forward_of(call, x) for key, call in calls.items()}
    out = torch.empty_like(x)

    def floor() -> None:
        x.sum()
        torch.mul(x, 0.5, out=out)

    times = race({**runs, "floor": floor}, seconds=seconds, device=device)
    result |= {f"{key} forward": value for key, value in times.items()}
    for key, run in runs.items():
        result[f"{key} forward memory"] = peak_bytes(run, device=device)
    module.train()
    runs = {key: training_of(call, module, x) for key, call in calls.items()}
    times = race(runs, seconds=seconds, device=device)
    result |= {f"{key} training": value for key, value in times.items()}
    for key, run in runs.items():
        result[f"{key} training memory"] = peak_bytes(run, device=device)
    return result


def ratio(result: dict[str, float], what: str) -> float:
    """Module over straightforward form."""
    return result[f"module {what}"] / max(result[f"straight {what}"], 1e-12)


HEADER = (
    f"{'mechanism':22}{'B x C x H x W':>18} | {'forward':>21} {'memory':>7} {'x floor':>7} | "
    f"{'forward + backward':>21} {'memory':>7} | {'gap':>7}\n"
    f"{'':22}{'':>18} | {'ms':>13} {'ratio':>7} {'ratio':>7} {'':>7} | {'ms':>13} {'ratio':>7} "
    f"{'ratio':>7} |"
)


def line(name: str, shape: tuple[int, ...], r: dict[str, float]) -> str:
    """One row of the table."""

    def times(what: str) -> str:
        return f"{r[f'straight {what}'] * 1e3:.3g}→{r[f'module {what}'] * 1e3:.3g}"

    size = "x".join(map(str, shape))
    return (
        f"{name:22}{size:>18} | {times('forward'):>13} {ratio(r, 'forward'):7.2f} "
        f"{ratio(r, 'forward memory'):7.3f} {r['module forward'] / r['floor forward']:7.1f} | "
        f"{times('training'):>13} {ratio(r, 'training'):7.2f} {ratio(r, 'training memory'):7.3f} | "
        f"{r['gap']:7.0e}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.benchmarks.attention",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help="mechanisms; all that have a plain form if none")
    parser.add_argument("--sizes", nargs="+", metavar="BxCxHxW", help="input shapes")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--compile", action="store_true", help="compile the module")
    parser.add_argument("--memory", default="kept", choices=["kept", "returned"])
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in FORMS]
    if unknown:
        parser.error(f"no plain form of {', '.join(unknown)}; there are: {', '.join(FORMS)}")
    torch.set_num_threads(asked.threads)
    kept = asked.memory == "kept" and keep_freed_blocks()
    shapes = [tuple(int(n) for n in text.split("x")) for text in asked.sizes or []] or None
    print(
        f"torch {torch.__version__}, {asked.device}, {asked.dtype}, {asked.threads} thread(s), "
        f"freed blocks {'kept' if kept else 'returned'}, "
        f"{'compiled' if asked.compile else 'eager'}; times: straightforward→module\n"
    )
    print(HEADER)
    for name in asked.names or [name for name in names() if name in FORMS]:
        for shape in sizes_of(name, shapes):
            result = measure(
                name,
                shape,
                asked.seconds,
                asked.device,
                getattr(torch, asked.dtype),
                asked.compile,
            )
            print(line(name, shape, result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

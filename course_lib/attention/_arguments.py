"""What every mechanism refuses at construction, said in one line, and the accumulation dtype."""

import numbers

import torch
from torch import Tensor


def require_positive(**values: int) -> None:
    """Refuse the first value that is not a positive whole number, numpy's whole numbers included.

    Raises:
        ValueError: naming the argument, its value and the rule.
    """
    for name, value in values.items():
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or value < 1:
            raise ValueError(f"{name}={value!r} must be a positive whole number")


def require_above_zero(name: str, value: float, hint: str) -> None:
    """Refuse a value that is no number or not above zero.

    Raises:
        ValueError: naming the argument and its value, and giving the hint.
    """
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not value > 0:
        raise ValueError(f"{name}={value!r} must be positive; {hint}")


def require_pair(name: str, value: object, example: str) -> None:
    """Refuse what is not a tuple or list of two.

    Raises:
        ValueError: naming the argument, its value and an example.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name}={value!r} must be two whole numbers, such as {example}")


def require_channels(x: Tensor, channels: int) -> None:
    """Refuse an input with another number of channels than the module was made for.

    Raises:
        ValueError: naming the input's shape and the module's number of channels.
    """
    if x.shape[1] != channels:
        raise ValueError(
            f"an input of shape {tuple(x.shape)} does not fit channels={channels}, for which this "
            f"module was made; its second size must be {channels}"
        )


def require_odd(**values: int) -> None:
    """Refuse the first kernel size that is not odd, since only odd ones keep the size of the map.

    Raises:
        ValueError: naming the argument, its value and the rule.
    """
    require_positive(**values)
    for name, value in values.items():
        if value % 2 == 0:
            raise ValueError(f"{name}={value} must be odd, so that padding keeps the map's size")


def require_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not one of those allowed.

    Raises:
        ValueError: naming the argument, its value and the values that there are.
    """
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is unknown; there are: {', '.join(allowed)}")


def bottleneck(channels: int, reduction: int) -> int:
    """The hidden width C // r.

    Raises:
        ValueError: if a number is not positive or the bottleneck would be empty (C < r).
    """
    require_positive(channels=channels, reduction=reduction)
    if channels < reduction:
        raise ValueError(
            f"channels={channels} is less than reduction={reduction}, so the bottleneck would "
            f"have no units; use reduction <= {channels}"
        )
    return channels // reduction


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` itself, or in float32 where its dtype is too narrow for statistics and energies."""
    return x.to(torch.promote_types(x.dtype, torch.float32))

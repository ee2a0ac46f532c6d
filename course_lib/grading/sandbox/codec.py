"""Plain data as text, and back: tensors, numbers, texts, containers. Reading it executes nothing.

A value is a JSON scalar, or a list whose first item names its kind. What is none of these kinds
becomes an `Opaque`: its type and its text, equal to nothing.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

# A message above this is refused by its reader.
LARGEST = 32 << 20
_LONGEST_TEXT = 200
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
        *(torch.complex64, torch.complex128),
    )
}
_NUMPY = {np.dtype(name) for name in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?")}


class NotPlainDataError(ValueError):
    """A text that is no plain data, whoever wrote it."""


@dataclass(frozen=True, eq=False)
class Opaque:
    """Stands for an object that does not cross between processes.

    Attributes:
        kind: name of its type.
        text: what it says of itself.
    """

    kind: str
    text: str

    def __repr__(self) -> str:
        return f"{self.text} ({self.kind})"


def dumps(value: Any) -> str:
    """Write a value as text."""
    return json.dumps(_encode(value))


def loads(text: str) -> Any:
    """Read a value.

    Raises:
        NotPlainDataError: the text is too long, or was not written by `dumps`.
    """
    if len(text) > LARGEST:
        raise NotPlainDataError(f"{len(text)} characters, at most {LARGEST} may cross")
    try:
        return _decode(json.loads(text))
    except NotPlainDataError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, RuntimeError) as error:
        raise NotPlainDataError(f"not plain data ({type(error).__name__}: {error})") from None


def _encode(value: Any) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        return _encode_tensor(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype in _NUMPY:
        what = "array" if isinstance(value, np.ndarray) else "scalar"
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return [what, value.dtype.str, list(value.shape), data]
    if kind is list:
        return ["list", *map(_encode, value)]
    if isinstance(value, tuple):
        return ["tuple", *map(_encode, value)]
    if kind is set or kind is frozenset:
        return [kind.__name__, *map(_encode, value)]
    if isinstance(value, dict):
        return ["dict", *([_encode(key), _encode(item)] for key, item in value.items())]
    if kind is bytes:
        return ["bytes", base64.b64encode(value).decode()]
    if kind is complex:
        return ["complex", value.real, value.imag]
    if isinstance(value, torch.dtype):
        return ["dtype", str(value).removeprefix("torch.")]
    return _opaque(value)


def _opaque(value: Any) -> Any:
    try:
        text = repr(value)[:_LONGEST_TEXT]
    except Exception as error:
        text = f"its repr raises {type(error).__name__}"
    return ["opaque", type(value).__name__, text]


def _encode_tensor(value: Tensor) -> Any:
    if value.layout is not torch.strided or value.is_meta or value.is_quantized:
        return _opaque(value)
    plain = value.detach().as_subclass(Tensor).cpu().resolve_conj().resolve_neg().contiguous()
    name = str(plain.dtype).removeprefix("torch.")
    if name not in _DTYPES:
        return _opaque(value)
    data = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    return ["tensor", name, list(plain.shape), base64.b64encode(data).decode()]


def _decode(value: Any) -> Any:
    if not isinstance(value, list):
        if isinstance(value, dict):
            raise NotPlainDataError("an object stands where a kind is expected")
        return value
    kind, *rest = value
    match kind:
        case "list":
            return [_decode(item) for item in rest]
        case "tuple":
            return tuple(_decode(item) for item in rest)
        case "set" | "frozenset":
            items = (_decode(item) for item in rest)
            return set(items) if kind == "set" else frozenset(items)
        case "dict":
            return {_decode(key): _decode(item) for key, item in rest}
        case "tensor":
            name, shape, data = rest
            return _decode_tensor(_DTYPES[name], _shape(shape), base64.b64decode(data))
        case "array" | "scalar":
            name, shape, data = rest
            dtype = np.dtype(name)
            if dtype not in _NUMPY:
                raise NotPlainDataError(f"no array holds {dtype}")
            array = np.frombuffer(base64.b64decode(data), dtype=dtype).reshape(_shape(shape))
            return array.copy() if kind == "array" else array[()]
        case "bytes":
            return base64.b64decode(rest[0])
        case "complex":
            return complex(*rest)
        case "dtype":
            return _DTYPES[rest[0]]
        case "opaque":
            name, text = rest
            return Opaque(str(name)[:_LONGEST_TEXT], str(text)[:_LONGEST_TEXT])
    raise NotPlainDataError(f"no kind is called {str(kind)[:40]!r}")


def _shape(shape: list[int]) -> tuple[int, ...]:
    if not all(type(size) is int and size >= 0 for size in shape):
        raise NotPlainDataError(f"{str(shape)[:40]} is no shape")
    return tuple(shape)


def _decode_tensor(dtype: torch.dtype, shape: tuple[int, ...], data: bytes) -> Tensor:
    if not data:
        tensor = torch.empty(shape, dtype=dtype)
        if tensor.numel():
            raise NotPlainDataError(f"a tensor of {shape} without its numbers")
        return tensor
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)

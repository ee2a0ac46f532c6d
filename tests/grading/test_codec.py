"""Plain data crosses between processes unchanged, and nothing else does."""

import base64
import json
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.grading.sandbox import codec

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
KEYS = st.integers() | st.text() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    SCALARS | st.binary() | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.sets(st.integers())
        | st.frozensets(st.text())
    ),
    max_leaves=20,
)


def same(a: object, b: object) -> bool:
    """Equal, and of equal types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b


@given(VALUES)
def test_plain_values_come_back_as_they_were(value: object) -> None:
    assert same(codec.loads(codec.dumps(value)), value)


DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (2, 3, 4)])
def test_tensors_come_back_bit_by_bit(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    tensor = (50 * torch.randn(shape, generator=generator)).to(dtype)
    back = codec.loads(codec.dumps(tensor))
    assert back.dtype == dtype
    assert back.shape == tensor.shape
    assert torch.equal(back, tensor)


def test_tensors_that_are_views_of_others_or_hold_what_is_no_number() -> None:
    base = torch.arange(24.0).view(2, 3, 4)
    for tensor in (base.mT, base[:, ::2], base.expand(5, 2, 3, 4), torch.conj(1j * base)):
        assert torch.equal(codec.loads(codec.dumps(tensor)), tensor)
    special = codec.loads(codec.dumps(torch.tensor([math.nan, math.inf, -math.inf, -0.0])))
    assert special.isnan().tolist() == [True, False, False, False]
    assert special[1:3].tolist() == [math.inf, -math.inf]
    assert math.copysign(1, special[3].item()) == -1


@pytest.mark.parametrize("name", ["f8", "f4", "i8", "u1", "?"])
def test_numpy(name: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(name)
    back = codec.loads(codec.dumps([array, array[1, 2]]))
    assert back[0].dtype == array.dtype
    assert (back[0] == array).all()
    assert type(back[1]) is type(array[1, 2])
    assert back[1] == array[1, 2]


class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        return (
            True
            if function is torch.equal
            else super().__torch_function__(function, types, arguments, options or {})
        )


def test_a_subclass_arrives_as_a_plain_tensor() -> None:
    back = codec.loads(codec.dumps(torch.zeros(2).as_subclass(Liar)))
    assert type(back) is torch.Tensor


class Number(float):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None


class Loud:
    def __repr__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    "thing", [object(), Number(3), Loud(), len, torch.nn.ReLU(), torch.empty(2, device="meta")]
)
def test_everything_else_is_opaque_and_equal_to_nothing(thing: object) -> None:
    back = codec.loads(codec.dumps(thing))
    assert type(back) is codec.Opaque
    assert back.kind == type(thing).__name__
    assert back != thing
    assert back != codec.loads(codec.dumps(thing))


class Talker:
    def __repr__(self) -> str:
        return "x" * 10**6


def test_opaque_text_is_short() -> None:
    assert codec.loads(codec.dumps(Talker())).text == "x" * 200


TENSOR = ["tensor", "float32", [2], base64.b64encode(bytes(8)).decode()]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": 1}',
        '["__import__", "os"]',
        "[]",
        '["tensor"]',
        '["tensor", "float32", [99999999999], ""]',
        '["tensor", "float33", [2], ""]',
        '["tensor", "float32", [-1], ""]',
        '["tensor", "float32", ["2"], ""]',
        json.dumps([*TENSOR[:2], [3], TENSOR[3]]),
        '["array", "O", [1], "AAAAAAAAAAA="]',
        '["array", "|V8", [1], "AAAAAAAAAAA="]',
        '["dict", [[1]]]',
        '["dict", [["list"], 1]]',
        '["bytes"]',
        '["complex", "a"]',
        "[" * 100_000,
        '["list", ' * 50_000 + "1" + "]" * 50_000,
        "1" * 10_000,
    ],
    ids=range(20),
)
def test_what_is_no_plain_data_is_refused(text: str) -> None:
    with pytest.raises(codec.NotPlainDataError):
        codec.loads(text)


def test_a_text_that_is_too_long_is_refused_unread() -> None:
    with pytest.raises(codec.NotPlainDataError, match="at most"):
        codec.loads(" " * (codec.LARGEST + 1))


def test_no_pickle_is_read() -> None:
    bomb = pickle.dumps(print)
    assert codec.loads(codec.dumps(bomb)) == bomb

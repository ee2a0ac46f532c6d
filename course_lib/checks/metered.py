"""A tensor that refuses to be made large: how an exercise asks for little memory and measures it.

What is computed from a metered tensor is metered too. The limit is a number of elements of a single
result, so it does not depend on the machine, and holds for memory that is asked for by hand
(``new_empty``, ``out=``) as well. What a kernel holds inside is not seen, so that the fused
attention of PyTorch is refused altogether.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F


class Metered(Tensor):
    """A tensor from which nothing larger than `limit` can be computed."""

    limit = 0

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute, then refuse a result that is too large."""
        if func is F.scaled_dot_product_attention:
            raise TypeError(
                "scaled_dot_product_attention hides how much it holds, which is to be measured "
                "here; use matrix products and a softmax"
            )
        result = super().__torch_function__(func, types, args, kwargs)
        if isinstance(result, Tensor) and result.numel() > cls.limit:
            raise MemoryError(
                f"a tensor {tuple(result.shape)} of {result.numel()} numbers is more than the "
                f"{cls.limit} that may be held here; make fewer rows at a time"
            )
        return result


def metered(x: Tensor, limit: int) -> Tensor:
    """The same numbers, refusing results of more than `limit` of them.

    Args:
        x: any shape.
        limit: greatest number of elements of a result; at least as many as x has.

    Raises:
        ValueError: if x itself is too large.
    """
    if x.numel() > limit:
        raise ValueError(f"limit={limit} is less than the {x.numel()} numbers of x; raise it")
    return x.as_subclass(type("Metered", (Metered,), {"limit": limit}))

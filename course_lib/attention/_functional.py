"""What several mechanisms share: precision, memory-linear attention, walking through a batch.

Nothing here knows a mechanism; the files of the mechanisms hold their equations.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.attention._arguments import at_least_float32

#: A map of more bytes than this is worth keeping in the cache between the passes over it.
_CACHE_BYTES = 1 << 18


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """A context in which autocast leaves operations on the device of `x` alone."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()


def walks_by_image(x: Tensor) -> bool:
    """Whether it pays to go through the batch image by image.

    A mechanism reads its map several times. Where nothing must be kept for a backward pass, doing
    all its passes over one image before the next one keeps that image in the processor's cache.
    Compilers fuse the passes themselves, and a GPU has no use for a small piece at a time.
    """
    return (
        x.device.type == "cpu"
        and x.shape[0] > 1
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and x[0].numel() * x.element_size() > _CACHE_BYTES
    )


def attend(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Softmax attention in memory linear in the number of positions.

    Args:
        query: (B, d, N).
        key: (B, d, M).
        value: (B, e, M).
        scale: factor of the energies.

    Returns:
        (B, e, N): column i is the sum over j of softmax_j(scale * q_i . k_j) v_j.
    """
    width = value.shape[1]
    query, key, value = (t.transpose(1, 2).unsqueeze(1) for t in (query, key, value))
    if value.device.type == "cpu":
        # The fused CPU kernel wants one width for all three; zeros change no inner product.
        common = max(width, query.shape[-1])
        query, key, value = (F.pad(t, (0, common - t.shape[-1])) for t in (query, key, value))
    # It also wants the channels of a position side by side; padding by nothing does not copy.
    query, key, value = (t.contiguous() for t in (query, key, value))
    mixed = F.scaled_dot_product_attention(query, key, value, scale=scale)
    return mixed[:, 0, :, :width].transpose(1, 2)


def attention_map(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """The map that `attend` never holds: (B, d, N), (B, d, M) -> (B, N, M), rows sum to one."""
    with without_autocast(query):
        energy = torch.bmm(at_least_float32(query).transpose(1, 2), at_least_float32(key)) * scale
        return energy.softmax(-1).to(query.dtype)

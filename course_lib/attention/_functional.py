"""What several mechanisms share: precision, memory-linear attention, walking through a batch.

Nothing here knows a mechanism; the files of the mechanisms hold their equations.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import at_least_float32

#: A batch of fewer bytes stays in the last-level cache between the passes over it anyway.
_BATCH_BYTES = 1 << 24
#: For images of fewer bytes, starting the operations once more for each costs more than it saves.
_IMAGE_BYTES = 1 << 18


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
        and x.numel() * x.element_size() > _BATCH_BYTES
        and x[0].numel() * x.element_size() > _IMAGE_BYTES
    )


def image_by_image(x: Tensor, scale: Callable[[Tensor, Tensor], object]) -> Tensor:
    """A new map, each image of which `scale(image, result)` fills in."""
    out = torch.empty_like(x)
    for image, result in zip(x.split(1), out.split(1), strict=True):
        scale(image, result)
    return out


#: Energies that are held at a time on the CPU.
_BLOCK = 1 << 19
#: Maps of up to this many energies an image are cheaper to hold than to make twice.
_SMALL = 1 << 20


def pixel_scores(layer: nn.Conv2d, pixels: Tensor) -> Tensor:
    """A 1 x 1 convolution to one channel, as a product: (B, C, N) -> (B, 1, N).

    Where the same pixels take part in further products, their gradients are added up in place,
    which those of a convolution and a product are not.
    """
    scores = torch.bmm(layer.weight.flatten(1).expand(pixels.shape[0], -1, -1), pixels)
    return scores if layer.bias is None else scores + layer.bias.to(scores.dtype)


def attend(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Softmax attention, exact, in memory linear in the number of positions.

    On the CPU it goes by blocks of queries; elsewhere, and for compilers, it is torch's fused
    kernel. On the CPU that kernel wants one width for queries, keys and values, and to pad a query
    of C / 8 numbers to C nearly doubles the products, so that only compilers get it there. On CUDA
    it wants widths that are multiples of 8, so that others are padded by zeros, which change
    nothing. In float64 torch has no fused kernel for CUDA and holds the N * M energies there.

    On the CPU the N * M energies of an image are held up to 2**20 of them. Above that there is
    neither a double backward pass nor forward-mode differentiation (jvp); both raise an error.

    Args:
        query: (B, d, N).
        key: (B, d, M).
        value: (B, e, M).
        scale: factor of the energies.

    Returns:
        (B, e, N): column i is the sum over j of softmax_j(scale * q_i . k_j) v_j.
    """
    if query.device.type == "cpu" and not torch.compiler.is_compiling():
        if query.shape[2] * key.shape[2] <= _SMALL:
            weights = attention_map(query, key, scale)
            return torch.bmm(weights, value.transpose(1, 2)).transpose(1, 2)
        dtype = value.dtype
        # Half precision: energies, weights and sums of float32.
        wide = (at_least_float32(t) for t in (query * scale, key, value))
        with without_autocast(query):
            mixed = _BlockwiseAttention.apply(*(t.contiguous() for t in wide))
        return mixed.to(dtype)
    width = value.shape[1]
    query, key, value = (t.transpose(1, 2).unsqueeze(1) for t in (query, key, value))
    if query.device.type == "cpu":
        common = max(width, query.shape[3])
        query, key, value = (_widened(t, common) for t in (query, key, value))
    elif query.device.type != "meta":  # which counts operations, not those on zeros
        query, key, value = (_widened(t, -(-t.shape[3] // 8) * 8) for t in (query, key, value))
    query, key, value = (t.contiguous() for t in (query, key, value))
    mixed = F.scaled_dot_product_attention(query, key, value, scale=scale)
    return mixed[:, 0, :, :width].transpose(1, 2)


def _widened(x: Tensor, width: int) -> Tensor:
    """Zeros added to the last axis: (..., d) -> (..., width)."""
    return x if x.shape[-1] == width else F.pad(x, (0, width - x.shape[-1]))


class _BlockwiseAttention(torch.autograd.Function):
    """Attention of one block of queries after the other; the backward pass makes the map again.

    To make the energies again costs d products for a pair of positions, next to the 3 e that a
    training step needs anyway; d is e / 8 here.
    """

    @staticmethod
    def forward(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, d, N), (B, d, M), (B, e, M) -> (B, e, N)."""
        mixed = value.new_empty(value.shape[0], value.shape[1], query.shape[2])
        rows = _rows(query, key)
        energy, weights = (query.new_empty(rows, key.shape[2]) for _ in range(2))
        for q, k, v, y in zip(query, key, value, mixed, strict=True):
            for q_block, y_block in zip(q.split(rows, 1), y.split(rows, 1), strict=True):
                size = q_block.shape[1]
                torch.mm(q_block.t(), k, out=energy[:size])
                torch.softmax(energy[:size], 1, out=weights[:size])
                torch.mm(v, weights[:size].t(), out=y_block)
        return mixed

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep what is linear in the number of positions."""
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of the three inputs."""
        query, key, value, mixed = ctx.saved_tensors
        gradient = gradient.contiguous()
        inner = (gradient * mixed).sum(1)  # what the softmax takes off every row
        d_query = torch.empty_like(query)
        d_key, d_value = torch.zeros_like(key), torch.zeros_like(value)
        rows = _rows(query, key)
        energy, weights = (query.new_empty(rows, key.shape[2]) for _ in range(2))
        for b in range(query.shape[0]):
            for start in range(0, query.shape[2], rows):
                block = slice(start, start + rows)
                q, g = query[b, :, block], gradient[b, :, block]
                e, w = energy[: q.shape[1]], weights[: q.shape[1]]
                torch.mm(q.t(), key[b], out=e)
                torch.softmax(e, 1, out=w)
                d_value[b].addmm_(g, w)
                torch.mm(g.t(), value[b], out=e)
                e.sub_(inner[b, block].unsqueeze(1)).mul_(w)
                torch.mm(key[b], e.t(), out=d_query[b, :, block])
                d_key[b].addmm_(q, e)
        return d_query, d_key, d_value


def _rows(query: Tensor, key: Tensor) -> int:
    """How many queries make a block."""
    return max(1, min(query.shape[2], max(32, _BLOCK // key.shape[2])))


def attention_map(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """The map that `attend` never holds: (B, d, N), (B, d, M) -> (B, N, M), rows sum to one."""
    with without_autocast(query):
        wide = at_least_float32(query)
        rows = (wide if scale == 1 else wide * scale).transpose(1, 2)
        return torch.bmm(rows, at_least_float32(key)).softmax(-1).to(query.dtype)

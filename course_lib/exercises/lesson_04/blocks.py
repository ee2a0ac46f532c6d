"""Exercise pam-blocks: the same result in linear memory."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.checks.metered import metered
from course_lib.exercises.lesson_04.attention_map import attention_map
from course_lib.exercises.lesson_04.energy import energy
from course_lib.exercises.lesson_04.shared import GRADIENT_STOPPED


def attend_by_blocks(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    """The reference of exercise 11: (B, d, N), (B, d, N), (B, C, N) -> (B, C, N)."""
    mixed = [
        value @ attention_map(energy(part, key)).transpose(1, 2) for part in query.split(block, 2)
    ]
    return torch.cat(mixed, 2)


def _blocks_case(
    text: Text, block: tuple[int, int], batch: int | None = None, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(2, 3) if batch is None else batch
        width, channels = draw.integer(2, 3), draw.integer(4, 5)
        size = draw.integer(*block)
        # A remainder always, and room for many blocks.
        positions = (36 // size) * size + draw.integer(1, size - 1) if size > 1 else 36
        query, key = (draw.normal(count, width, positions, scale=1.5) for _ in range(2))
        value = draw.normal(count, channels, positions) + draw.normal(1, channels, 1)
        limit = count * max(size, channels, width) * positions
        return Call((metered(query, limit), key, value, size))

    return Case(text, make, **options)


def _blocks_all(draw: Draw) -> Call:
    count, width, channels, positions = 2, 3, draw.integer(4, 5), draw.integer(12, 20)
    query, key = (draw.normal(count, width, positions) for _ in range(2))
    return Call((query, key, draw.normal(count, channels, positions), positions + 3))


_Part = Callable[[Tensor, Tensor, Tensor], Tensor]


def _by_parts(attend: _Part, axis: int = 2) -> Callable[..., Tensor]:
    def answer(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
        return torch.cat([attend(part, key, value) for part in query.split(block, 2)], axis)

    return answer


def _part(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return value @ (query.transpose(1, 2) @ key).softmax(-1).transpose(1, 2)


def _windows(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    parts = zip(*(t.split(block, 2) for t in (query, key, value)), strict=True)
    return torch.cat([_part(*each) for each in parts], 2)


def _remainder_dropped(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    if block > query.shape[2]:
        return _part(query, key, value)
    starts = range(0, query.shape[2] // block * block, block)
    return torch.cat([_part(query[:, :, s : s + block], key, value) for s in starts], 2)


def _remainder_zero(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    mixed = _remainder_dropped(query, key, value, block)
    return F.pad(mixed, (0, query.shape[2] - mixed.shape[2]))


def _keys_by_blocks(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    """A softmax for every block of keys, and their mean."""
    parts = list(zip(key.split(block, 2), value.split(block, 2), strict=True))
    return sum(_part(query, k, v) for k, v in parts) / len(parts)


def _blocks_filled(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    mixed = torch.zeros_like(value)
    for start in range(0, query.shape[2], block):
        rows = slice(start, start + block)
        weights = torch.einsum("bdn,bdm->bnm", query[:, :, rows], key).softmax(-1)
        mixed[:, :, rows] = torch.einsum("bnm,bcm->bcn", weights, value)
    return mixed


def _blocks_of_keys(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    """Blocks of keys with a running maximum: the softmax that grows as keys arrive."""
    top = torch.full_like(query[:, :1], -math.inf)
    total, mixed = torch.zeros_like(top), torch.zeros_like(value)
    for k, v in zip(key.split(block, 2), value.split(block, 2), strict=True):
        energies = k.transpose(1, 2) @ query  # (B, block, N)
        higher = torch.maximum(top, energies.amax(1, keepdim=True)).detach()
        shrunk, weights = (top - higher).exp(), (energies - higher).exp()
        total = total * shrunk + weights.sum(1, keepdim=True)
        mixed = mixed * shrunk + v @ weights
        top = higher
    return mixed / total


def _picture_by_picture(query: Tensor, key: Tensor, value: Tensor, block: int) -> Tensor:
    pictures = []
    for q, k, v in zip(query, key, value, strict=True):
        rows = [(part.T @ k).softmax(1) @ v.T for part in q.split(block, 1)]
        pictures.append(torch.cat(rows).T)
    return torch.stack(pictures)


PAM_BLOCKS = Exercise(
    id="pam-blocks",
    kind="experiment",
    title=Text("一块一块地算", "Block by block"),
    difficulty=4,
    minutes=10,
    points=4,
    reference=attend_by_blocks,
    cases=(
        _blocks_case(
            Text("几张特征图，最后一块不满", "several feature maps, a last block not full"), (6, 8)
        ),
        _blocks_case(Text("每块一个查询", "one query a block"), (1, 1)),
        Case(Text("一块就装得下", "all in one block"), _blocks_all),
        _blocks_case(
            Text("一张特征图，双精度", "one feature map, double precision"),
            (6, 8),
            1,
            dtype=torch.float64,
        ),
    ),
    mutants=(
        Mutant(
            "whole-map",
            lambda query, key, value, block: _part(query, key, value),
            Text(
                "有一个张量太大了：一次算的行多于 `block` 行。全部能量是不是一次造出来的？或者用了 "
                "`chunk`：它分出的是这么多块；`split` 给出的每一块才是 `block` 个查询。",
                "Some tensor is too large: more than `block` rows were made at a time. Are all "
                "energies made at once? Or is it `chunk`, which makes so many pieces? Each piece "
                "of `split` is `block` queries.",
            ),
        ),
        Mutant(
            "ready-made",
            _by_parts(
                lambda q, k, v: F.scaled_dot_product_attention(
                    q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale=1.0
                ).transpose(1, 2)
            ),
            Text(
                "用了 PyTorch 现成的注意力函数：它在里面占用多少内存，这里量不出。用矩阵乘法与 "
                "softmax 写。",
                "This uses the attention function that PyTorch has ready; how much memory it holds "
                "inside cannot be measured here. Write it with matrix products and a softmax.",
            ),
        ),
        Mutant(
            "windows",
            _windows,
            Text(
                "键与值也切成了同样的块：一块只看自己，远处的都没了。切的只是查询。",
                "Keys and values are cut into the same blocks, so a block sees only itself and "
                "nothing far away. Only the queries are cut.",
            ),
        ),
        Mutant(
            "remainder-dropped",
            _remainder_dropped,
            Text(
                "最后不满的一块丢了。",
                "The last block, which is not full, is lost.",
            ),
        ),
        Mutant(
            "remainder-zero",
            _remainder_zero,
            Text(
                "最后不满的一块没有算，留着零。",
                "The last block, which is not full, was never computed and is left zero.",
            ),
        ),
        Mutant(
            "columns-sum-to-one",
            _by_parts(lambda q, k, v: v @ (q.transpose(1, 2) @ k).softmax(1).transpose(1, 2)),
            Text(
                "softmax 在块内沿查询的轴取了；每个查询自己的一行要加起来是 1。按查询切块能行，正因"
                "为每一行自成一体。",
                "The softmax runs along the queries of a block; the row of each query must sum "
                "to 1. That each row stands by itself is why blocks of queries work at all.",
            ),
        ),
        Mutant(
            "keys-by-blocks",
            _keys_by_blocks,
            Text(
                "切的是键，每块各取 softmax 再平均。分母要走遍所有的键，块与块之间不能分开归一化。",
                "The keys are cut, and every block has a softmax of its own before the mean. The "
                "denominator runs over all keys; blocks cannot be normalized apart.",
            ),
        ),
        Mutant(
            "blocks-in-reverse",
            lambda query, key, value, block: torch.cat(
                [_part(part, key, value) for part in reversed(query.split(block, 2))], 2
            ),
            Text(
                "每块都对，拼的次序反了。",
                "Every block is right; they are joined in the wrong order.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            _by_parts(lambda q, k, v: _part(q.detach(), k.detach(), v.detach())),
            GRADIENT_STOPPED,
        ),
    ),
    alternates=(
        Alternate("filled-in", _blocks_filled),
        Alternate("running-softmax", _blocks_of_keys),
        Alternate("picture-by-picture", _picture_by_picture),
    ),
)

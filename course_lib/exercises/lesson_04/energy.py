"""Exercise pam-energy: how much every position has to do with every other."""

import math

import torch
from torch import Tensor

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_04.shared import GRADIENT_STOPPED


def energy(query: Tensor, key: Tensor) -> Tensor:
    """The reference of exercise 1: (B, d, N), (B, d, M) -> (B, N, M)."""
    return query.transpose(1, 2) @ key


def _energy_case(
    text: Text, batch: int | None = None, same: bool = True, **options: object
) -> Case:
    def make(draw: Draw) -> Call:
        count = draw.integer(2, 3) if batch is None else batch
        width, rows = draw.integer(3, 5), draw.integer(6, 8)
        columns = rows if same else draw.integer(9, 12)
        return Call((draw.normal(count, width, rows), draw.normal(count, width, columns)))

    return Case(text, make, **options)


def _energy_of_first_picture(query: Tensor, key: Tensor) -> Tensor:
    return query.transpose(1, 2) @ key[:1]


PAM_ENERGY = Exercise(
    id="pam-energy",
    kind="implement",
    title=Text("能量", "The energy"),
    difficulty=1,
    minutes=5,
    points=2,
    reference=energy,
    cases=(
        _energy_case(Text("查询与键一样多", "as many keys as queries")),
        _energy_case(Text("键比查询多", "more keys than queries"), same=False),
        _energy_case(Text("批里只有一个", "a batch of one"), 1),
        _energy_case(Text("双精度", "double precision"), dtype=torch.float64),
    ),
    mutants=(
        Mutant(
            "rows-of-keys",
            lambda query, key: key.transpose(1, 2) @ query,
            Text(
                "转置了：这里每一行属于一个键。要的是每一行属于一个查询，每一列属于一个键。",
                "This is transposed: each row belongs to a key. Asked for is one row for every "
                "query and one column for every key.",
            ),
        ),
        Mutant(
            "channels-by-channels",
            lambda query, key: query @ query.transpose(1, 2),
            Text(
                "得到的是 `(B, d, d)`：求和走遍了位置，留下了通道。要反过来：在通道上求和，留下"
                "位置。",
                "This is `(B, d, d)`: the sum runs over positions and channels are left. Do it "
                "the other way round: sum over channels and keep positions.",
            ),
        ),
        Mutant(
            "scaled",
            lambda query, key: query.transpose(1, 2) @ key / math.sqrt(query.shape[1]),
            Text(
                "数小了：除了宽度的平方根。别处常这样做，PAM 不做；第 9 节量它的作用。",
                "The numbers are too small: they are divided by the root of the width. Others do "
                "it, PAM does not; section 9 measures what it does.",
            ),
        ),
        Mutant(
            "mean-over-channels",
            lambda query, key: query.transpose(1, 2) @ key / query.shape[1],
            Text(
                "数小了：这是各通道乘积的均值，要的是和。",
                "The numbers are too small: this is the mean over the channels; a sum is asked "
                "for.",
            ),
        ),
        Mutant(
            "viewed-not-transposed",
            lambda query, key: query.reshape(len(query), -1, query.shape[1]) @ key,
            Text(
                "形状对，数全乱：`view` 或 `reshape` 不会交换轴，只是把同一串数重新分组。",
                "The shape is right and the numbers are scrambled: `view` or `reshape` do not "
                "swap axes, they group the same row of numbers anew.",
            ),
        ),
        Mutant(
            "normalised-already",
            lambda query, key: (query.transpose(1, 2) @ key).softmax(-1),
            Text(
                "已经取了 softmax；那是下一个练习。这里要能量本身。",
                "This has taken the softmax already, which is the next exercise. Asked for are the "
                "energies themselves.",
            ),
        ),
        Mutant(
            "keys-of-the-first-picture",
            _energy_of_first_picture,
            Text(
                "所有的特征图都用了第一张的键。每张只看自己。",
                "Every feature map uses the keys of the first one. Each looks at itself only.",
            ),
        ),
        Mutant(
            "gradient-stopped",
            lambda query, key: query.detach().transpose(1, 2) @ key.detach(),
            GRADIENT_STOPPED,
        ),
    ),
    alternates=(
        Alternate("einsum", lambda query, key: torch.einsum("bdn,bdm->bnm", query, key)),
        Alternate("bmm", lambda query, key: torch.bmm(query.permute(0, 2, 1), key)),
        Alternate(
            "broadcast-and-sum", lambda query, key: (query[:, :, :, None] * key[:, :, None]).sum(1)
        ),
    ),
)

"""Exercise danet-bug-rate: find the bug: the learning rate."""

import math
from collections.abc import Callable

import torch
from torch import nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def rates(epochs: int, batches: int, base: float) -> list[float]:
    """The reference of exercise 7: the rate of every step, falling to zero by the power 0.9."""
    steps = epochs * batches
    return [base * (1 - step / steps) ** 0.9 for step in range(steps)]


def _rates_as_written(epochs: int, batches: int, base: float) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=base)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=50)
    used = []
    for _ in range(epochs):
        for _ in range(batches):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        schedule.step()
    return used


def _rates_mutant(factor: Callable[[int, int, int], float]) -> Callable[..., list[float]]:
    """The rate's factor from (step, steps, batches)."""

    def answer(epochs: int, batches: int, base: float) -> list[float]:
        steps = epochs * batches
        return [base * factor(step, steps, batches) for step in range(steps)]

    return answer


def _rates_by_schedule(epochs: int, batches: int, base: float) -> list[float]:
    steps = epochs * batches
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=base)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: (1 - s / steps) ** 0.9)
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return used


def _rates_by_polynomial(epochs: int, batches: int, base: float) -> list[float]:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=base)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, epochs * batches, power=0.9)
    used = []
    for _ in range(epochs):
        for _ in range(batches):
            used += schedule.get_last_lr()
            optimizer.step()
            schedule.step()
    return used


def _rates_in_single_precision(epochs: int, batches: int, base: float) -> list[float]:
    steps = epochs * batches
    return (base * (1 - torch.arange(steps) / steps) ** 0.9).tolist()


def _rates_case(text: Text, epochs: tuple[int, int], batches: tuple[int, int]) -> Case:
    def make(draw: Draw) -> Call:
        return Call((draw.integer(*epochs), draw.integer(*batches), draw.pick(0.1, 0.05, 0.01)))

    return Case(text, make)


DANET_BUG_RATE = Exercise(
    id="danet-bug-rate",
    kind="find the bug",
    title=Text("不衰减的学习率", "A learning rate that never falls"),
    difficulty=2,
    minutes=4,
    points=3,
    reference=rates,
    cases=(
        _rates_case(Text("五十轮", "fifty epochs"), (50, 50), (3, 4)),
        _rates_case(Text("几轮", "a few epochs"), (4, 6), (5, 7)),
        _rates_case(Text("六十轮，每轮一批", "sixty epochs of one batch"), (60, 62), (1, 1)),
        _rates_case(Text("一轮", "one epoch"), (1, 1), (8, 9)),
    ),
    mutants=(
        Mutant(
            "unchanged",
            _rates_as_written,
            Text(
                "仍和上面一样：五十轮里每一步都是 `base`。`StepLR` 在第五十轮之后才变，"
                "那时训练已经结束。",
                "It is still as above: `base` in every step of fifty epochs. `StepLR` changes "
                "after the fiftieth, when the training is over.",
            ),
        ),
        Mutant(
            "once-an-epoch",
            _rates_mutant(
                lambda step, steps, batches: (1 - step // batches * batches / steps) ** 0.9
            ),
            Text(
                "一轮之内学习率不变。这里每一步都要变。",
                "The learning rate is constant within an epoch. Here it changes with every step.",
            ),
        ),
        Mutant(
            "stepped-once-an-epoch",
            _rates_mutant(lambda step, steps, batches: (1 - step // batches / steps) ** 0.9),
            Text(
                "衰减数的是步，`schedule.step()` 却一轮才调用一次。每一步之后都调用它。",
                "The decay counts steps, but `schedule.step()` is called once an epoch. Call it "
                "after every step.",
            ),
        ),
        Mutant(
            "zero-in-the-last-step",
            _rates_mutant(lambda step, steps, batches: (1 - step / (steps - 1)) ** 0.9),
            Text(
                "除数是 $S-1$，最后一步的学习率成了 0，什么也学不到。除以 $S$。",
                "The divisor is $S-1$, so that the last step has a learning rate of 0 and learns "
                "nothing. Divide by $S$.",
            ),
        ),
        Mutant(
            "compounded",
            _rates_mutant(
                lambda step, steps, batches: math.prod(
                    (1 - n / steps) ** 0.9 for n in range(step + 1)
                )
            ),
            Text(
                "每一步都在上一步的学习率上再乘一次。因子总是乘在最初的学习率 `base` 上。",
                "Every step multiplies the learning rate of the step before. The factor always "
                "multiplies the first learning rate, `base`.",
            ),
        ),
        Mutant(
            "anew-in-every-epoch",
            _rates_mutant(lambda step, steps, batches: (1 - step % batches / batches) ** 0.9),
            Text(
                "每一轮都从 `base` 重新降起。衰减走过整个训练，一共 $S$ 步。",
                "The rate begins at `base` in every epoch. The decay runs over the whole training, "
                "$S$ steps in all.",
            ),
        ),
        Mutant(
            "linear",
            _rates_mutant(lambda step, steps, batches: 1 - step / steps),
            Text("幂是 1。要的是 0.9。", "The power is 1. It should be 0.9."),
        ),
        Mutant(
            "power-inside",
            _rates_mutant(lambda step, steps, batches: 1 - (step / steps) ** 0.9),
            Text(
                "幂取在已走过的份额上。要取在还剩下的份额上。",
                "The power is taken of the share that is done. Take it of the share that is left.",
            ),
        ),
        Mutant(
            "one-step-ahead",
            _rates_mutant(lambda step, steps, batches: (1 - (step + 1) / steps) ** 0.9),
            Text(
                "早了一步：第一步应当用 `base`，最后一步应当还大于零。",
                "It is one step ahead: the first step uses `base`, and the last one is still above "
                "zero.",
            ),
        ),
        Mutant(
            "cosine",
            _rates_mutant(lambda step, steps, batches: (1 + math.cos(math.pi * step / steps)) / 2),
            Text(
                "这是余弦衰减，也常见；这里要的是幂 0.9。",
                "This is a cosine, which is common too; here it is the power 0.9.",
            ),
        ),
        Mutant(
            "step-by-batches",
            _rates_mutant(lambda step, steps, batches: 0.1 ** (step // 50)),
            Text(
                "现在每 50 步降到十分之一，却不看训练有多长。要的是随剩下的份额平滑地降。",
                "Now it falls to a tenth every 50 steps, however long the training is. It should "
                "fall smoothly with the share that is left.",
            ),
        ),
    ),
    alternates=(
        Alternate("schedule", _rates_by_schedule),
        Alternate("polynomial", _rates_by_polynomial),
        Alternate("single-precision", _rates_in_single_precision),
    ),
    gradients=False,
    seconds=60.0,  # the first use of torch.optim in a process loads much
)

"""What an exercise is: data that describes the right answer, how it is tried, and known mistakes.

An answer is always something callable: a function, or a class that builds an ``nn.Module``. A
``Case`` draws one ``Call`` of it. The same cases are tried on the learner's answer, on the
reference, on every mutant and on every alternate, so an exercise needs no code of its own beyond
these.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from course_lib.bilingual import Text

KINDS: Mapping[str, Text] = {
    "implement": Text("实现", "Implement"),
    "find the bug": Text("找错", "Find the bug"),
    "predict": Text("用函数预测", "Predict with a function"),
    "choose": Text("选择", "Choose"),
    "experiment": Text("实验", "Experiment"),
}


class Draw:
    """Random sizes and tensors for one case, all decided by the seed.

    Args:
        seed: the same seed draws the same sizes and values.
        dtype: dtype of the tensors.
    """

    def __init__(self, seed: int, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype
        self._generator = torch.Generator().manual_seed(seed)

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))

    def pick(self, *values: Any) -> Any:
        """One of the values."""
        return values[self.integer(0, len(values) - 1)]

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Normally distributed numbers of the given shape and standard deviation."""
        numbers = torch.randn(shape, generator=self._generator, dtype=torch.float64)
        return (scale * numbers).to(self.dtype)


@dataclass(frozen=True)
class Fresh:
    """An argument that is made anew at every use, because an answer may take it apart.

    Attributes:
        make: makes it, from the random numbers of the case; a ``functools.partial`` and no function
            of an exercise, whose code must not run inside of an answer.
        text: what the learner reads.
    """

    make: Callable[[], Any]
    text: str

    def __repr__(self) -> str:
        return self.text


def made(value: Any) -> Any:
    """What an argument stands for."""
    return value.make() if isinstance(value, Fresh) else value


@dataclass(frozen=True)
class Call:
    """One use of an answer.

    Attributes:
        inputs: arguments of the function, or of the module's ``forward``; a module among them gets
            the dtype and the mode of the case.
        build: constructor arguments where the answer is a class; None where it is a function.
    """

    inputs: tuple[Any, ...] = ()
    build: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Case:
    """One thing that is tried.

    Attributes:
        text: what is tried, as the learner reads it.
        make: draws the call.
        dtype: dtype of the drawn tensors, and of the module's parameters.
        training: whether a module runs in train mode.
        initial: whether a module keeps the parameters that it was made with, as far as each is one
            number everywhere; others start random and are drawn as in any case. No gradients are
            compared, for right modules may start their biases differently.
    """

    text: Text
    make: Callable[[Draw], Call]
    dtype: torch.dtype = torch.float32
    training: bool = False
    initial: bool = False


@dataclass(frozen=True)
class Mutant:
    """A known wrong answer, recognised by how it behaves.

    Attributes:
        name: kebab-case, unique in the exercise.
        answer: the wrong function or class.
        text: what is wrong and where to look, without the answer.
    """

    name: str
    answer: Callable[..., Any]
    text: Text


@dataclass(frozen=True)
class Alternate:
    """A right answer written another way.

    Attributes:
        name: kebab-case, unique in the exercise.
        answer: the function or class.
    """

    name: str
    answer: Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """One graded task of a lesson.

    Attributes:
        id: kebab-case, unique in the course; also the ``grade_id`` of the learner's cell.
        kind: a key of ``KINDS``.
        title: a few words.
        difficulty: 1 to 5.
        minutes: how long a learner needs.
        points: what the graded cell is worth.
        reference: the right answer.
        cases: what is tried, in the order in which the learner reads it.
        mutants: known wrong answers.
        alternates: right answers written another way.
        gradients: whether the gradients of inputs and parameters must be right too.
        exact_shapes: whether a parameter of shape (m, n, 1, 1) differs from one of (m, n).
        choices: the letters of a question of kind "choose".
        after: what the learner reads when the answer is right.
        seconds: how long the answer may run over all cases.

    Raises:
        ValueError: if a field breaks its rule.
    """

    id: str
    kind: str
    title: Text
    difficulty: int
    minutes: int
    points: int
    reference: Callable[..., Any]
    cases: tuple[Case, ...]
    mutants: tuple[Mutant, ...]
    alternates: tuple[Alternate, ...] = ()
    gradients: bool = True
    exact_shapes: bool = False
    choices: tuple[str, ...] = ()
    after: Text | None = None
    seconds: float = 20.0
    input_names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id):
            raise ValueError(f"exercise id {self.id!r} is not kebab-case; write it like 'se-gate'")
        if self.kind not in KINDS:
            raise ValueError(f"{self.id}: kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if not 1 <= self.difficulty <= 5:
            raise ValueError(f"{self.id}: difficulty {self.difficulty} is not from 1 to 5")
        if self.points < 1 or self.minutes < 1:
            raise ValueError(f"{self.id}: points and minutes must be at least 1")
        names = [m.name for m in self.mutants] + [a.name for a in self.alternates]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: two mutants or alternates share a name; rename one")
        called = self.reference.forward if isinstance(self.reference, type) else self.reference
        inputs = [p for p in inspect.signature(called).parameters if p != "self"]
        object.__setattr__(self, "input_names", tuple(inputs))


def choice(
    id: str,  # noqa: A002  (the exercise's own word)
    title: Text,
    right: str,
    options: Mapping[str, Text],
    *,
    points: int = 1,
    difficulty: int = 1,
    minutes: int = 1,
) -> Exercise:
    """A question with lettered options; every option carries the explanation of choosing it.

    Args:
        id: id of the exercise.
        title: a few words.
        right: the right letter.
        options: letter -> why it is wrong, or, for the right one, why it is right.
        points: what the question is worth.
        difficulty: 1 to 5.
        minutes: how long a learner needs.

    Raises:
        ValueError: if the right letter is not among the options.
    """
    if right not in options:
        raise ValueError(f"{id}: the right letter {right!r} is not among {', '.join(options)}")
    return Exercise(
        id=id,
        kind="choose",
        title=title,
        difficulty=difficulty,
        minutes=minutes,
        points=points,
        reference=lambda: right,
        cases=(Case(Text("你的选择", "your choice"), lambda draw: Call()),),
        mutants=tuple(
            Mutant(f"option-{letter}", lambda letter=letter: letter, text)
            for letter, text in options.items()
            if letter != right
        ),
        gradients=False,
        choices=tuple(options),
        after=options[right],
    )

"""What becomes of a text, kept: all learners have the course's texts in common."""

import functools
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# A longer text is hardly a second learner's. So many of so long ones take some tens of MiB.
_LONGEST = 16_000
_KEPT = 4096


def remembered(make: Callable[[str], T]) -> Callable[[str], T]:
    """The same function of a text, which does not work twice for a text of the course."""
    kept = functools.lru_cache(_KEPT)(make)

    @functools.wraps(make, updated=())  # an object may stand for a function
    def made(text: str) -> T:
        return (kept if len(text) <= _LONGEST else make)(text)

    return made

"""What a check is: an exercise as data, how an answer is tried, and the report a learner reads."""

from course_lib.bilingual import Text
from course_lib.checks.examine import (
    Attempt,
    ElsewhereAnswer,
    Outcome,
    Verdict,
    attempt,
    drawn,
    examine,
)
from course_lib.checks.exercise import (
    KINDS,
    Alternate,
    Call,
    Case,
    Draw,
    Exercise,
    Fresh,
    Mutant,
    choice,
)
from course_lib.checks.report import CheckFailed, Report, explanation, headline

__all__ = [
    "KINDS",
    "Alternate",
    "Attempt",
    "Call",
    "Case",
    "CheckFailed",
    "Draw",
    "ElsewhereAnswer",
    "Exercise",
    "Fresh",
    "Mutant",
    "Outcome",
    "Report",
    "Text",
    "Verdict",
    "attempt",
    "choice",
    "drawn",
    "examine",
    "explanation",
    "headline",
]

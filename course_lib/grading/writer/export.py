"""Grades in the forms that learning platforms import: one row per learner, one column per lesson.

Moodle (https://docs.moodle.org/en/Grade_import): any columns; the importer asks which one names
the learner (here `ID number`) and which grade item each other column is.
Canvas (its Gradebook's import): Student, ID, SIS User ID, SIS Login ID, Section, then the
assignments; the second row holds the greatest points. A learner's name is taken for the login.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from course_lib.grading.writer.report import Row, number, write_lines

FORMS = ("moodle", "canvas")


def write_forms(root: Path, names: Iterable[str], rows: Sequence[Row]) -> None:
    """Write `grades-NAME.csv` for each name; those of `FORMS`."""
    for name in names:
        write_lines(root / f"grades-{name}.csv", form(name, rows))


def form(name: str, rows: Iterable[Row]) -> list[list[str]]:
    """The lines of one form, its header first; no grade gives an empty cell.

    Raises:
        ValueError: there is no such form.
    """
    if name not in FORMS:
        raise ValueError(f"no form is called {name!r}; there are: {', '.join(FORMS)}")
    scored = [row for row in rows if row.max_score is not None]
    lessons = sorted({row.lesson for row in scored})
    learners = sorted({row.learner for row in scored})
    score = {row.key: number(row.score) for row in scored}
    return (
        _moodle(lessons, learners, score)
        if name == "moodle"
        else _canvas(
            lessons, learners, score, {row.lesson: number(row.max_score) for row in scored}
        )
    )


def _moodle(
    lessons: Sequence[str], learners: Sequence[str], score: dict[tuple[str, str], str]
) -> list[list[str]]:
    lines = [[learner, *(score.get((learner, n), "") for n in lessons)] for learner in learners]
    return [["ID number", *lessons], *lines]


def _canvas(
    lessons: Sequence[str],
    learners: Sequence[str],
    score: dict[tuple[str, str], str],
    greatest: dict[str, str],
) -> list[list[str]]:
    return [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *lessons],
        ["Points Possible", "", "", "", "", *(greatest[lesson] for lesson in lessons)],
        *(
            [learner, "", "", learner, "", *(score.get((learner, n), "") for n in lessons)]
            for learner in learners
        ),
    ]

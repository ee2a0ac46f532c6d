"""What a grading run tells: `grades.csv` and the lines on the terminal."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from course_lib.atomic import replacing

GRADES = "grades.csv"
# Its columns, in this order; a score is empty where nothing was ever graded.
COLUMNS = ("learner", "lesson", "score", "max_score", "status", "note")
# `repaired` is graded after repairs, which the note tells; `failed` needs somebody to look at it.
STATUSES = ("graded", "repaired", "failed")
_LONGEST_NOTE = 400


@dataclass(frozen=True)
class Row:
    """One learner's result in one lesson; the fields are the columns of grades.csv."""

    learner: str
    lesson: str
    score: float | None
    max_score: float | None
    status: str
    note: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What a row is sorted and found by."""
        return self.learner, self.lesson

    @property
    def points(self) -> str:
        """The score over the greatest possible one, as people read it."""
        return f"{number(self.score) or '–'}/{number(self.max_score) or '–'}"


def one_line(text: object) -> str:
    """A text on one line of bounded length, without anything that a terminal would obey."""
    line = "".join(c if c.isprintable() else " " for c in str(text))
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST_NOTE else line[: _LONGEST_NOTE - 1] + "…"


def read_csv(path: Path) -> list[Row]:
    """Return the rows of an earlier run; none where there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                record["learner"],
                record["lesson"] or "",
                _parsed(record.get("score")),
                _parsed(record.get("max_score")),
                record.get("status") or "graded",
                record.get("note") or "",
            )
            for record in csv.DictReader(file)
            if record.get("learner")
        ]


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows, sorted by learner and lesson."""
    lines = [
        [number(v) if isinstance(v, float) else "" if v is None else str(v) for v in astuple(row)]
        for row in sorted(rows, key=lambda row: row.key)
    ]
    write_lines(path, [list(COLUMNS), *lines])


def write_lines(path: Path, lines: Iterable[Sequence[str]]) -> None:
    """Write a CSV file; a reader sees the old file or the new one."""
    with replacing(path) as new, new.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def table(rows: Iterable[Row]) -> list[str]:
    """The rows as aligned lines: learner, lesson, points, status, note."""
    cells = [(row.learner, row.lesson, row.points, row.status, row.note) for row in rows]
    cells.insert(0, ("learner", "lesson", "points", "status", "note"))
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return ["  ".join([*map(str.ljust, line[:4], widths), line[4]]).rstrip() for line in cells]


def number(value: float | None) -> str:
    """A number as people write it; nothing for none."""
    return "" if value is None else f"{value:.10g}"


def _parsed(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None

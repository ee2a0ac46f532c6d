"""The forms that learning platforms import, the late penalty, and the journal of a run."""

from pathlib import Path

import pytest

from course_lib.grading.writer.export import form
from course_lib.grading.writer.journal import NAME, Journal
from course_lib.grading.writer.late import DailyPenalty
from course_lib.grading.writer.report import Row

ROWS = [
    Row("王 芳", "one", 2.5, 6.0, "graded"),
    Row("ann", "two", 0.0, 3.0, "graded"),
    Row("ann", "one", 6.0, 6.0, "repaired", "note"),
    Row("bob", "two", None, 3.0, "failed", "why"),
    Row("lost", "tow", None, None, "failed", "no such lesson"),
]


def test_moodle() -> None:
    assert form("moodle", ROWS) == [
        ["ID number", "one", "two"],
        ["ann", "6", "0"],
        ["bob", "", ""],
        ["王 芳", "2.5", ""],
    ]


def test_canvas() -> None:
    assert form("canvas", ROWS) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "one", "two"],
        ["Points Possible", "", "", "", "", "6", "3"],
        ["ann", "", "", "ann", "", "6", "0"],
        ["bob", "", "", "bob", "", "", ""],
        ["王 芳", "", "", "王 芳", "", "2.5", ""],
    ]


def test_unknown_form() -> None:
    with pytest.raises(ValueError, match="no form is called 'excel'; there are: moodle, canvas"):
        form("excel", ROWS)


@pytest.mark.parametrize(
    ("percent", "seconds", "penalty"),
    [
        (0, 10**6, None),
        (10, 0, None),
        (10, 1, 1.0),
        (10, 86400, 1.0),
        (10, 86401, 2.0),
        (40, 10**6, 10),
    ],
)
def test_late_penalty(percent: float, seconds: float, penalty: float | None) -> None:
    plugin = DailyPenalty(percent_per_day=percent)
    assert plugin.late_submission_penalty("ann", 10.0, seconds) == penalty


def test_journal_remembers_equal_work_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path, resume=False)
    journal.add("digest", ROWS[0])
    journal.close(finished=False)
    with (tmp_path / NAME).open("a", encoding="utf-8") as file:
        file.write('{"digest": "half a li')
    journal = Journal(tmp_path, resume=True)
    assert journal.done(ROWS[0].key, "digest") == ROWS[0]
    assert journal.done(ROWS[0].key, "another") is None
    assert journal.done(ROWS[1].key, "digest") is None
    journal.add("second", ROWS[1])
    journal.close(finished=False)
    journal = Journal(tmp_path, resume=True)
    assert journal.done(ROWS[0].key, "digest") == ROWS[0]
    assert journal.done(ROWS[1].key, "second") == ROWS[1]
    journal.close(finished=True)
    assert list(tmp_path.iterdir()) == []


def test_journal_of_a_fresh_run_is_empty(tmp_path: Path) -> None:
    journal = Journal(tmp_path, resume=False)
    journal.add("digest", ROWS[0])
    journal.close(finished=False)
    assert Journal(tmp_path, resume=False).done(ROWS[0].key, "digest") is None

"""`grades.csv` and the lines on the terminal."""

from pathlib import Path

import pytest

from course_lib.grading.writer.report import Row, one_line, read_csv, table, write_csv

ROWS = [
    Row("王 芳", "tiny", 2.5, 6.0, "repaired", 'a "quoted", note'),
    Row("ann", "tiny", 0.0, 6.0, "graded"),
    Row("ann", "huge", None, None, "failed", "why"),
]


def test_csv_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    write_csv(path, ROWS)
    assert read_csv(path) == sorted(ROWS, key=lambda row: row.key)
    assert path.read_text(encoding="utf-8").split("\n") == [
        "learner,lesson,score,max_score,status,note",
        "ann,huge,,,failed,why",
        "ann,tiny,0,6,graded,",
        '王 芳,tiny,2.5,6,repaired,"a ""quoted"", note"',
        "",
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    write_csv(path, ROWS)
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_csv(path, [*ROWS, Row("bob", "tiny", 1.0, 1.0, "graded", "\ud800")])
    assert path.read_bytes() == before


def test_edited_csv_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    path.write_text("lesson,learner,score\ntiny,ann,many\ntiny,,1\n\nhuge\n", encoding="utf-8")
    assert read_csv(path) == [Row("ann", "tiny", None, None, "graded")]
    assert read_csv(tmp_path / "none.csv") == []


def test_one_line() -> None:
    assert one_line("a\n\tb \x1b[31mc\r\ud800") == "a b [31mc"
    assert len(one_line("x" * 1000)) == 400


def test_table_is_aligned() -> None:
    assert table(ROWS[1:]) == [
        "learner  lesson  points  status  note",
        "ann      tiny    0/6     graded",
        "ann      huge    –/–     failed  why",
    ]

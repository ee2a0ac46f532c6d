"""The command `course-grade`: grade what lies under `submitted/`."""

import glob
from pathlib import Path
from typing import Annotated

import typer

from course_lib.grading.grade import (
    CELL_TIMEOUT,
    CONFIG,
    Grader,
    RefusedError,
    Submission,
    find_submissions,
)
from course_lib.grading.report import Row, one_line, read_csv, table, write_csv

app = typer.Typer(add_completion=False)


@app.command()
def grade(
    lesson: Annotated[
        list[str] | None, typer.Option(help="Only this lesson; may be repeated.")
    ] = None,
    learner: Annotated[
        list[str] | None, typer.Option(help="Only this learner; may be repeated.")
    ] = None,
    cell_timeout: Annotated[
        int, typer.Option(min=1, help="Seconds after which a cell is interrupted.")
    ] = CELL_TIMEOUT,
    root: Annotated[Path, typer.Option(help=f"The course's folder, where {CONFIG} is.")] = Path(),
) -> None:
    """Autograde submitted/LEARNER/LESSON/LESSON.ipynb into the gradebook.

    Feedback goes to feedback/, the grades to grades.csv. Exit status: 0 when every submission was
    graded, 1 when some failed, 2 for wrong arguments.
    """
    if not (root / CONFIG).is_file():
        _wrong(f"{root / CONFIG}: no such file; name the course's folder with --root")
    root = root.resolve()
    if glob.has_magic(str(root)):
        _wrong(f"{root}: nbgrader cannot work with * ? [ in a path")
    found = find_submissions(root)
    with Grader(root, cell_timeout) as grader:
        if not grader.lessons:
            _wrong(f"{root / 'solutions'}: no lesson in it; make them with `make notebooks`")
        _must_exist("lesson", lesson, grader.lessons)
        _must_exist("learner", learner, sorted({submission.learner for submission in found}))
        failed = _register(grader, lesson or grader.lessons)
        chosen = [s for s in found if _wanted(s.key, lesson, learner)]
        if not chosen:
            typer.echo("No submissions: nothing lies at submitted/LEARNER/LESSON.")
            raise typer.Exit(code=int(failed))
        rows = _grade(grader, chosen)
        _write(grader, rows, root / "grades.csv", lesson, learner)
    typer.echo()
    for line in table(rows):
        typer.echo(line)
    raise typer.Exit(code=int(failed or any(row.status == "failed" for row in rows)))


def _register(grader: Grader, lessons: list[str]) -> bool:
    """Write the lessons into the gradebook; returns whether one of them was refused."""
    failed = False
    for name in lessons:
        try:
            grader.register(name)
        except RefusedError as error:
            typer.echo(str(error), err=True)
            failed = True
    return failed


def _grade(grader: Grader, submissions: list[Submission]) -> list[Row]:
    rows = []
    for number, submission in enumerate(submissions, start=1):
        place = f"{submission.learner}/{submission.lesson}"
        typer.echo(f"[{number}/{len(submissions)}] {one_line(place)} … ", nl=False)
        row = grader.grade(submission)
        typer.echo(f"{row.points} {row.status}")
        rows.append(row)
    return rows


def _write(
    grader: Grader,
    rows: list[Row],
    path: Path,
    lessons: list[str] | None,
    learners: list[str] | None,
) -> None:
    """Write grades.csv: this run's rows, and those of earlier runs that it did not touch."""
    recorded = grader.recorded()
    kept = dict(recorded)
    for row in read_csv(path):
        if row.key in recorded:
            now = recorded[row.key]
            kept[row.key] = Row(*row.key, now.score, now.max_score, row.status, row.note)
        elif not _wanted(row.key, lessons, learners):
            kept[row.key] = row
    kept |= {row.key: row for row in rows}
    write_csv(path, kept.values())


def _wanted(key: tuple[str, str], lessons: list[str] | None, learners: list[str] | None) -> bool:
    return (not learners or key[0] in learners) and (not lessons or key[1] in lessons)


def _must_exist(what: str, names: list[str] | None, known: list[str]) -> None:
    for name in names or []:
        if name not in known:
            _wrong(f"no {what} '{name}'; there are: {', '.join(known) or 'none'}")


def _wrong(message: str) -> None:
    typer.echo(one_line(message), err=True)
    raise typer.Exit(code=2)


def main() -> None:
    """The entry point of the installed command."""
    app(prog_name="course-grade")


if __name__ == "__main__":
    main()

"""The command `course-grade`: grade what lies under `submitted/`."""

import contextlib
import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.text import Text

from course_lib.grading import template
from course_lib.grading.execute import Job
from course_lib.grading.export import FORMS, form
from course_lib.grading.grade import (
    CONFIG,
    Grader,
    Prepared,
    RefusedError,
    Submission,
    find_submissions,
)
from course_lib.grading.journal import Journal
from course_lib.grading.pool import Cluster, Here, pool
from course_lib.grading.report import Row, one_line, read_csv, table, write_csv, write_lines
from course_lib.grading.sandbox import Limits, NoSandboxError, Sandbox

GRADES = "grades.csv"
_LIMITS = Limits()

app = typer.Typer(add_completion=False)


@app.command()
def grade(
    lesson: Annotated[
        list[str] | None, typer.Option(help="Only this lesson; may be repeated.")
    ] = None,
    learner: Annotated[
        list[str] | None, typer.Option(help="Only this learner; may be repeated.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Submissions at a time, here.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler whose workers grade instead.")
    ] = None,
    strict: Annotated[
        bool, typer.Option(help="Run checks outside of the learner's process.")
    ] = True,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="No sandbox: submissions run with your rights.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip what a run that was killed had finished.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help=f"Grade nothing; tell what {GRADES} holds.")
    ] = False,
    export: Annotated[
        list[str] | None,
        typer.Option(help=f"Write grades-NAME.csv too: {' or '.join(FORMS)}; may be repeated."),
    ] = None,
    every_cell: Annotated[
        bool, typer.Option("--every-cell", help="Run experiments that no answer uses, too.")
    ] = False,
    cell_timeout: Annotated[
        int, typer.Option(min=1, help="Seconds after which a cell is interrupted.")
    ] = _LIMITS.cell_seconds,
    total_timeout: Annotated[
        int, typer.Option(min=1, help="Seconds after which a submission gets no further cell.")
    ] = _LIMITS.total_seconds,
    memory: Annotated[
        int, typer.Option(min=512, help="MiB of memory that a submission may hold.")
    ] = _LIMITS.memory >> 20,
    root: Annotated[Path, typer.Option(help=f"The course's folder, where {CONFIG} is.")] = Path(),
) -> None:
    """Autograde submitted/LEARNER/LESSON/LESSON.ipynb into the gradebook.

    Feedback goes to feedback/, the grades to grades.csv. Exit status: 0 when every submission was
    graded, 1 when some failed, 2 for wrong arguments.
    """
    if not (root / CONFIG).is_file():
        _wrong(f"{root / CONFIG}: no such file; name the course's folder with --root")
    for name in export or []:
        if name not in FORMS:
            _wrong(f"no form is called '{name}'; there are: {', '.join(FORMS)}")
    root = root.resolve()
    if report:
        _report(root, export or [])
    if glob.has_magic(str(root)):
        _wrong(f"{root}: nbgrader cannot work with * ? [ in a path")
    if not unsafe and scheduler is None:
        try:
            Sandbox().close()
        except NoSandboxError as error:
            _wrong(str(error))
    if workers == 1 and scheduler is None:
        template.shared()  # it warms up while the lessons are registered
    found = find_submissions(root)
    limits = Limits(memory=memory << 20, cell_seconds=cell_timeout, total_seconds=total_timeout)
    options = {"limits": limits, "strict": strict, "safe": not unsafe, "every_cell": every_cell}
    with contextlib.ExitStack() as stack:
        try:
            grader = stack.enter_context(Grader(root))
        except RefusedError as error:
            _wrong(str(error))
        if not grader.lessons:
            _wrong(f"{root / 'solutions'}: no lesson in it; make them with `make notebooks`")
        _must_exist("lesson", lesson, grader.lessons)
        _must_exist("learner", learner, sorted({submission.learner for submission in found}))
        failed = _register(grader, lesson or grader.lessons)
        chosen = [s for s in found if _wanted(s.key, lesson, learner)]
        if not chosen:
            typer.echo("No submissions: nothing lies at submitted/LEARNER/LESSON.")
            raise typer.Exit(code=int(failed))
        try:
            workplace = stack.enter_context(pool(min(workers, len(chosen)), scheduler))
        except OSError as error:
            _wrong(f"--scheduler {scheduler}: {error}")
        journal = Journal(root, resume)
        stack.callback(journal.close, finished=False)
        rows, changes = [], []
        for row, changed in _shown(_grade(grader, workplace, journal, chosen, options), chosen):
            rows.append(row)
            changes += changed
        rows.sort(key=lambda row: row.key)
        kept = _write(grader, rows, root / GRADES, lesson, learner)
        _export(root, export or [], kept)
        journal.close(finished=True)
    typer.echo()
    for line in [*table(rows), *(["", "changed since the grade before:"] if changes else [])]:
        typer.echo(line)
    for line in sorted(changes):
        typer.echo(f"  {line}")
    raise typer.Exit(code=int(failed or any(row.status == "failed" for row in rows)))


def _report(root: Path, export: list[str]) -> None:
    """Tell what the last run wrote."""
    if not (root / GRADES).is_file():
        _wrong(f"{root / GRADES}: no such file; grade first")
    rows = read_csv(root / GRADES)
    _export(root, export, rows)
    for line in table(rows):
        typer.echo(line)
    raise typer.Exit()


def _export(root: Path, names: list[str], rows: list[Row]) -> None:
    for name in names:
        write_lines(root / f"grades-{name}.csv", form(name, rows))


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


def _grade(
    grader: Grader,
    workplace: Here | Cluster,
    journal: Journal,
    submissions: list[Submission],
    options: dict[str, object],
) -> Iterator[tuple[Row, list[str]]]:
    """Grade submissions; yields each one's row and what changed since its grade before."""
    ready: list[Row] = []
    waiting: dict[tuple[str, str], Prepared] = {}

    def jobs() -> Iterator[Job]:
        for submission in submissions:
            try:
                prepared = grader.prepare(submission, **options)
            except RefusedError as error:
                ready.append(grader.refuse(submission, error))
                continue
            done = journal.done(submission.key, prepared.digest)
            if done is not None:
                ready.append(done)
                continue
            waiting[submission.key] = prepared
            yield prepared.job

    for job, executed in workplace.run(jobs()):
        yield from ((row, []) for row in ready)
        ready.clear()
        prepared = waiting.pop(job.key)
        before = grader.points(prepared.submission)
        row = grader.record(prepared, executed)
        journal.add(prepared.digest, row)
        after = grader.points(prepared.submission)
        yield row, _changes(row, before, after) if before else []
    yield from ((row, []) for row in ready)


def _changes(row: Row, before: dict[str, float], after: dict[str, float]) -> list[str]:
    place = one_line("/".join(row.key))
    return [
        f"{place} {name}: {before.get(name, 0):g} → {after.get(name, 0):g}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _shown(
    graded: Iterator[tuple[Row, list[str]]], submissions: list[Submission]
) -> Iterator[tuple[Row, list[str]]]:
    """Pass rows on, with a line for each and a bar below where somebody watches."""
    console = Console(highlight=False, soft_wrap=True)
    watched = console.is_terminal
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    total = len(submissions)
    with Progress(*columns, console=console, transient=True, disable=not watched) as bar:
        task = bar.add_task("grading", total=total)
        for number, (row, changed) in enumerate(graded, start=1):
            place = one_line("/".join(filter(None, row.key)))
            line = f"[{number}/{total}] {place} … {row.points} {row.status}"
            bar.console.print(Text(line))
            bar.advance(task)
            yield row, changed


def _write(
    grader: Grader,
    rows: list[Row],
    path: Path,
    lessons: list[str] | None,
    learners: list[str] | None,
) -> list[Row]:
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
    return list(kept.values())


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

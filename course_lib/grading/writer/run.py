"""A run of the grader: from submissions to `grades.csv`, with a line for each on the way."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.text import Text

from course_lib.grading.worker.job import Job
from course_lib.grading.worker.pool import Cluster, Here, pool
from course_lib.grading.writer.export import write_forms
from course_lib.grading.writer.grade import Grader, Prepared
from course_lib.grading.writer.journal import Journal
from course_lib.grading.writer.report import GRADES, Row, one_line, read_csv, write_csv
from course_lib.grading.writer.submissions import RefusedError, Submission


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        refused: whether a lesson was refused.
        rows: those of this run, sorted.
        changes: in words, what differs from the grades before.
    """

    refused: bool
    rows: tuple[Row, ...] = ()
    changes: tuple[str, ...] = ()


def run(
    root: Path,
    lessons: Sequence[str],
    submissions: Sequence[Submission],
    asked: Callable[[tuple[str, str]], bool],
    options: dict[str, object],
    forms: Sequence[str],
    workers: int,
    scheduler: str | None,
    resume: bool,
) -> Outcome:
    """Register lessons, grade submissions, and write `grades.csv`.

    Args:
        root: the course's folder.
        lessons: names of those to register.
        submissions: what is to be graded.
        asked: whether a row, by its key, belongs to this run.
        options: fields of `Job` that say how submissions are run.
        forms: names of the forms that are written, too.
        workers: processes on this machine.
        scheduler: address of a Dask scheduler whose workers are used instead.
        resume: whether what a run that was killed had finished is skipped.

    Raises:
        RefusedError: another run is at work there, or no scheduler answers.
    """
    with contextlib.ExitStack() as stack:
        grader = stack.enter_context(Grader(root))
        refused = _register(grader, lessons)
        if not submissions:
            return Outcome(refused)
        try:
            workplace = stack.enter_context(pool(workers, scheduler))
        except OSError as error:
            where = f"--scheduler {scheduler}" if scheduler else f"--workers {workers}"
            raise RefusedError(f"{where}: {error}") from error
        journal = Journal(root, resume)
        stack.callback(journal.close, finished=False)
        rows, changes = [], []
        graded = _grade(grader, workplace, journal, submissions, options)
        for row, changed in _shown(graded, len(submissions)):
            rows.append(row)
            changes += changed
        rows.sort(key=lambda row: row.key)
        kept = _write(grader, rows, root / GRADES, asked)
        write_forms(root, forms, kept)
        journal.close(finished=True)
    return Outcome(refused, tuple(rows), tuple(sorted(changes)))


def _register(grader: Grader, lessons: Sequence[str]) -> bool:
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
    submissions: Sequence[Submission],
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


def _shown(graded: Iterator[tuple[Row, list[str]]], total: int) -> Iterator[tuple[Row, list[str]]]:
    """Pass rows on, with a line for each and a bar below where somebody watches."""
    console = Console(highlight=False, soft_wrap=True)
    watched = console.is_terminal
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not watched) as bar:
        task = bar.add_task("grading", total=total)
        for number, (row, changed) in enumerate(graded, start=1):
            place = one_line("/".join(filter(None, row.key)))
            line = f"[{number}/{total}] {place} … {row.points} {row.status}"
            bar.console.print(Text(line))
            bar.advance(task)
            yield row, changed


def _write(
    grader: Grader, rows: list[Row], path: Path, asked: Callable[[tuple[str, str]], bool]
) -> list[Row]:
    """Write grades.csv: this run's rows, and those of earlier runs that it did not touch."""
    recorded = grader.recorded()
    kept = dict(recorded)
    for row in read_csv(path):
        if row.key in recorded:
            now = recorded[row.key]
            kept[row.key] = Row(*row.key, now.score, now.max_score, row.status, row.note)
        elif not asked(row.key):
            kept[row.key] = row
    kept |= {row.key: row for row in rows}
    write_csv(path, kept.values())
    return list(kept.values())

"""The command `course-grade`: grade what lies under `submitted/`."""

import gc
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from course_lib.grading.sandbox.bubblewrap import NoSandboxError, Sandbox
from course_lib.grading.sandbox.limits import Limits
from course_lib.grading.worker.pool import warm_up
from course_lib.grading.writer.export import FORMS, write_forms
from course_lib.grading.writer.report import GRADES, one_line, read_csv, table
from course_lib.grading.writer.submissions import (
    CONFIG,
    RefusedError,
    find_lessons,
    find_submissions,
)

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
    lessons, found = find_lessons(root), find_submissions(root)
    if not lessons:
        _wrong(f"{root / 'solutions'}: no lesson in it; make them with `make notebooks`")
    _must_exist("lesson", lesson, lessons)
    _must_exist("learner", learner, sorted({submission.learner for submission in found}))

    def asked(key: tuple[str, str]) -> bool:
        return (not learner or key[0] in learner) and (not lesson or key[1] in lesson)

    chosen = [submission for submission in found if asked(submission.key)]
    workers = max(1, min(workers, len(chosen)))
    if chosen and scheduler is None:
        warm_up(workers)
    # nbgrader comes with it: what takes its time to warm up does so meanwhile.
    from course_lib.grading.writer.run import run

    limits = Limits(memory=memory << 20, cell_seconds=cell_timeout, total_seconds=total_timeout)
    options = {"limits": limits, "strict": strict, "safe": not unsafe, "every_cell": every_cell}
    try:
        done = run(
            root=root,
            lessons=lesson or lessons,
            submissions=chosen,
            asked=asked,
            options=options,
            forms=export or [],
            workers=workers,
            scheduler=scheduler,
            resume=resume,
        )
    except RefusedError as error:
        _wrong(str(error))
    if not chosen:
        typer.echo("No submissions: nothing lies at submitted/LEARNER/LESSON.")
        raise typer.Exit(code=int(done.refused))
    typer.echo()
    changed = ["", "changed since the grade before:"] if done.changes else []
    for line in [*table(done.rows), *changed, *(f"  {change}" for change in done.changes)]:
        typer.echo(line)
    raise typer.Exit(code=int(done.refused or any(row.status == "failed" for row in done.rows)))


def _report(root: Path, export: Sequence[str]) -> None:
    """Tell what the last run wrote."""
    if not (root / GRADES).is_file():
        _wrong(f"{root / GRADES}: no such file; grade first")
    rows = read_csv(root / GRADES)
    write_forms(root, export, rows)
    for line in table(rows):
        typer.echo(line)
    raise typer.Exit()


def _must_exist(what: str, names: list[str] | None, known: list[str]) -> None:
    for name in names or []:
        if name not in known:
            _wrong(f"no {what} '{name}'; there are: {', '.join(known) or 'none'}")


def _wrong(message: str) -> None:
    typer.echo(one_line(message), err=True)
    raise typer.Exit(code=2)


def main() -> None:
    """The entry point of the installed command."""
    # A check is too small for several threads: they would only wait for each other.
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        app(prog_name="course-grade")
    finally:
        # The end of the process would look for garbage in all of it, which takes a second.
        gc.freeze()


if __name__ == "__main__":
    main()

"""``python -m course_lib.authoring``: build and check behind the Makefile, try for authors."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from nbclient.exceptions import CellExecutionError

from course_lib import exercises
from course_lib.authoring.build import Course, build, stale
from course_lib.authoring.seeds import tried

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
Lessons = Annotated[list[str] | None, typer.Argument(help="names; all lessons if none is given")]
Root = Annotated[Path, typer.Option(help="the course's folder")]


@app.command("build")
def build_command(lessons: Lessons = None, root: Root = Path()) -> None:
    """Build, execute and release the lessons."""
    course = _course(root)
    for lesson in _names(course, lessons):
        typer.echo(f"{lesson}: building")
        try:
            build(course, [lesson])
        except (ValueError, CellExecutionError) as error:
            # The last lines of a failing cell hold its error; the cell itself stands above them.
            typer.echo(f"{lesson}: {str(error).strip()}", err=True)
            raise typer.Exit(1) from None


@app.command("check")
def check_command(lessons: Lessons = None, root: Root = Path()) -> None:
    """Fail where a derived notebook differs from its text."""
    course = _course(root)
    _names(course, lessons)
    try:
        problems = stale(course, lessons or [])
    except ValueError as error:
        problems = [str(error)]
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo("the derived notebooks agree with their texts")


@app.command("try")
def try_command(
    lessons: Lessons = None,
    exercise: Annotated[
        list[str] | None, typer.Option(help="only this one, by its id; may be repeated")
    ] = None,
    seeds: Annotated[int, typer.Option(help="how many seeds, from 0 on")] = 100,
) -> None:
    """Try every mutant and alternate over many seeds; fail where a check misjudges one."""
    if seeds < 1:
        _wrong(f"--seeds {seeds} tries nothing; use at least 1")
    try:
        chosen = [e.id for lesson in lessons or [] for e in exercises.of_lesson(lesson)]
        chosen += [exercises.get(name).id for name in exercise or []]
    except ValueError as error:
        _wrong(str(error))
    failed = 0
    for name, failures in tried(chosen or exercises.ids(), range(seeds)):
        typer.echo(f"{name}: {len(failures)} failures over {seeds} seeds")
        for failure in failures:
            typer.echo(f"  {failure}")
        failed += len(failures)
    raise typer.Exit(int(failed > 0))


def _wrong(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)


def _course(root: Path) -> Course:
    try:
        return Course(root)
    except ValueError as error:
        _wrong(str(error))


def _names(course: Course, lessons: list[str] | None) -> list[str]:
    try:
        return course.lessons(lessons or [])
    except ValueError as error:
        _wrong(str(error))


if __name__ == "__main__":
    app()

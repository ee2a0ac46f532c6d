"""``python -m course_lib.authoring build`` and ``check``: the verbs behind the Makefile."""

from pathlib import Path
from typing import Annotated

import typer
from nbclient.exceptions import CellExecutionError

from course_lib.authoring.build import Course, build, stale

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


def _course(root: Path) -> Course:
    try:
        return Course(root)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _names(course: Course, lessons: list[str] | None) -> list[str]:
    try:
        return course.lessons(lessons or [])
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    app()

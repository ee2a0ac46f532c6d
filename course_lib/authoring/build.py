"""Build, execute, release and compare the derived notebooks of the course."""

import difflib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from course_lib.atomic import replacing
from course_lib.authoring.gates import check_release_folder
from course_lib.authoring.source import lesson_names, read

_CELL_SECONDS = 300


class Course:
    """The folders of a course.

    Args:
        root: folder that holds ``solutions/`` and ``notebooks/``.

    Raises:
        ValueError: if there is no folder ``solutions``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.solutions = self.root / "solutions"
        self.notebooks = self.root / "notebooks"
        if not self.solutions.is_dir():
            raise ValueError(f"{self.root}: no folder solutions/; run this at the course's root")

    def lessons(self, wanted: Sequence[str] = ()) -> list[str]:
        """All lessons, or the wanted ones.

        Raises:
            ValueError: if a wanted lesson does not exist, or there is none at all.
        """
        there = lesson_names(self.solutions)
        for name in wanted:
            if name not in there:
                raise ValueError(f"no lesson is called {name!r}; there are: {', '.join(there)}")
        if not there:
            raise ValueError(
                f"{self.solutions}: no lesson; one is a folder NN_name with NN_name.md"
            )
        return list(wanted) or there

    def text(self, lesson: str) -> Path:
        """The text of a lesson."""
        return self.solutions / lesson / f"{lesson}.md"

    def solution(self, lesson: str) -> Path:
        """The executed solution notebook of a lesson."""
        return self.solutions / lesson / f"{lesson}.ipynb"

    def release(self, lesson: str) -> Path:
        """The notebook that a learner opens."""
        return self.notebooks / lesson / f"{lesson}.ipynb"


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook, so that no half file is ever there."""
    with replacing(path) as new:
        new.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells in a fresh kernel; the first error stops it.

    Args:
        notebook: changed in place: outputs and execution counts.
        folder: working directory of the kernel.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell raises.
    """
    # record_timing would write the time of day into every cell.
    client = NotebookClient(
        notebook,
        timeout=_CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    # A check that fails in its own solution must stop the build, whatever its tag allows.
    tags = [cell.metadata.pop("tags", None) for cell in notebook.cells]
    try:
        client.execute()
    finally:
        for cell, kept in zip(notebook.cells, tags, strict=True):
            if kept is not None:
                cell.metadata["tags"] = kept
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined_streams(cell.outputs)
    # The kernel reports its Python version; the notebook does not depend on it.
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def _joined_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """One stream output for consecutive pieces: how a kernel cuts them depends on timing."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            joined.append(output)
    return joined


def release(course: Course, sources: dict[str, NotebookNode], folder: Path) -> None:
    """Let nbgrader make the release of some lessons.

    Args:
        course: the course.
        sources: solution notebooks by lesson; outputs do not matter.
        folder: where ``NN_name/NN_name.ipynb`` of every lesson is written.

    Raises:
        ValueError: if nbgrader refuses a lesson, with its reason.
    """
    with tempfile.TemporaryDirectory() as scratch:
        config = Config()
        config.CourseDirectory.root = scratch
        config.CourseDirectory.course_id = "attention-course"
        config.CourseDirectory.source_directory = "solutions"
        config.CourseDirectory.release_directory = "release"
        # A release needs no gradebook; the grader keeps one.
        config.GenerateAssignment.no_database = True
        config.SaveCells.enabled = False
        for lesson, notebook in sources.items():
            write(notebook, Path(scratch, "solutions", lesson, f"{lesson}.ipynb"))
            result = NbGraderAPI(config=config).generate_assignment(lesson, force=True)
            made = Path(scratch, "release", lesson, f"{lesson}.ipynb")
            if not result["success"] or not made.is_file():
                reason = result.get("log") or result.get("error") or "no notebook was made"
                raise ValueError(f"{lesson}: nbgrader made no release: {reason.strip()}")
            write(nbformat.read(made, as_version=4), folder / lesson / f"{lesson}.ipynb")


def build(course: Course, lessons: Sequence[str] = ()) -> None:
    """Build and execute the solution notebooks, then release them.

    Nothing that was there is replaced unless the new one is complete.
    """
    names = course.lessons(lessons)
    for lesson in names:
        solution = execute(read(course.text(lesson)), course.solution(lesson).parent)
        write(solution, course.solution(lesson))
        with tempfile.TemporaryDirectory() as scratch:
            release(course, {lesson: solution}, Path(scratch))
            made = Path(scratch, lesson, f"{lesson}.ipynb")
            write(nbformat.read(made, as_version=4), course.release(lesson))


def stale(course: Course, lessons: Sequence[str] = ()) -> list[str]:
    """What differs between the derived notebooks and their texts, without executing anything.

    Returns:
        One entry a lesson and file: its name and the first difference.
    """
    names = course.lessons(lessons)
    problems = []
    sources = {lesson: read(course.text(lesson)) for lesson in names}
    for lesson, source in sources.items():
        problems += _compare(course.solution(lesson), source, course.root, outputs=False)
    with tempfile.TemporaryDirectory() as scratch:
        release(course, sources, Path(scratch))
        for lesson in names:
            made = nbformat.read(Path(scratch, lesson, f"{lesson}.ipynb"), as_version=4)
            problems += _compare(course.release(lesson), made, course.root, outputs=True)
    if not lessons:
        problems += check_release_folder(course.notebooks, names)
        problems += [
            f"{folder.relative_to(course.root)}: no {folder.name}.md in it, so it is no lesson"
            for folder in sorted(course.solutions.iterdir())
            if folder.is_dir() and folder.name not in names
        ]
    return problems


def _compare(path: Path, wanted: NotebookNode, root: Path, outputs: bool) -> list[str]:
    name = path.relative_to(root)
    if not path.is_file():
        return [f"{name}: missing; run make notebooks"]
    try:
        there = nbformat.read(path, as_version=4)
    except Exception as error:
        return [f"{name}: not a notebook ({type(error).__name__}); run make notebooks"]
    if not outputs:
        there, wanted = _without_outputs(there), _without_outputs(wanted)
    old, new = nbformat.writes(there).splitlines(), nbformat.writes(wanted).splitlines()
    if old == new:
        return []
    changed = [
        line
        for line in difflib.unified_diff(old, new, n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]
    removed = next((line for line in changed if line.startswith("-")), "")
    added = next((line for line in changed if line.startswith("+")), "")
    return [
        f"{name}: differs from its text; first difference {removed!r} {added!r}; run make notebooks"
    ]


def _without_outputs(notebook: NotebookNode) -> NotebookNode:
    bare = nbformat.from_dict(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare

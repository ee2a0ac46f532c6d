"""A submission as it travels to a worker, here or elsewhere, and what comes back: plain data."""

from dataclasses import dataclass, field

from nbformat import NotebookNode

from course_lib.grading.sandbox.limits import Limits


@dataclass(frozen=True)
class Job:
    """A submission in order, ready to be executed.

    Attributes:
        key: learner and lesson.
        notebook: the staged notebook as JSON, its checks as the learner saw them.
        checks: the whole text of each check, hidden tests included, by its grade_id.
        course: text of every ordinary and every locked code cell of the release, by its id.
        locked: ids of the locked ones.
        files: the data files beside the notebook, by relative path.
        limits: what it may use.
        strict: whether checks run outside of the learner's process.
        safe: whether it runs in a sandbox.
        every_cell: whether cells run that no answer depends on.
    """

    key: tuple[str, str]
    notebook: str
    checks: dict[str, str]
    course: dict[str, str]
    locked: frozenset[str]
    files: dict[str, bytes] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    strict: bool = True
    safe: bool = True
    every_cell: bool = False


@dataclass(frozen=True)
class Executed:
    """What came of a job.

    Attributes:
        key: learner and lesson.
        notebook: the notebook with its outputs, as JSON.
        events: what stopped or interrupted it, in words, by its kind; empty where nothing did.
        seconds: how long it took.
    """

    key: tuple[str, str]
    notebook: str
    events: dict[str, str]
    seconds: float


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell is graded by what it does, and no answer."""
    mark = cell.metadata.get("nbgrader", {})
    graded = mark.get("grade") and not mark.get("solution")
    return bool(cell.cell_type == "code" and graded)

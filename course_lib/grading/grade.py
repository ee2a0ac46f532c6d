"""Grades submissions one at a time with nbgrader's own steps, in one process."""

import contextlib
import glob
import logging
import os
import shutil
import sys
import tempfile
import warnings
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import DEVNULL

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    Execute,
    LimitOutput,
    NbGraderPreprocessor,
    SaveAutoGrades,
)
from nbgrader.utils import is_grade, parse_utc
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, PyFileConfigLoader

from course_lib.grading import stage
from course_lib.grading.report import Row, one_line

CONFIG = "nbgrader_config.py"
CELL_TIMEOUT = 120
# Under this key an executed notebook tells what stopped it, and which cells were interrupted.
_EVENTS = "course_grade"
_IGNORED = (".*", "__pycache__")


class RefusedError(Exception):
    """A submission or a lesson that cannot be graded as it is; the message says why."""


class NotScoredError(Exception):
    """An executed notebook that must not be recorded; the message says why."""


@dataclass(frozen=True)
class Submission:
    """One learner's folder for one lesson, or what lies in its place."""

    learner: str
    lesson: str
    path: Path

    @property
    def key(self) -> tuple[str, str]:
        """What its row is found by."""
        return self.learner, self.lesson

    def shown(self, *parts: str) -> str:
        """The path that messages name, from the course's root."""
        return "/".join(filter(None, ["submitted", *self.key, *parts]))


def find_lessons(root: Path) -> list[str]:
    """Names of the lessons whose solution notebook exists."""
    return sorted(
        path.parent.name
        for path in root.glob("solutions/*/*.ipynb")
        if path.stem == path.parent.name
    )


def find_submissions(root: Path) -> list[Submission]:
    """Everything that lies at `submitted/LEARNER/LESSON`, also what cannot be graded."""
    found = []
    for learner in _visible(root / "submitted"):
        if learner.is_dir():
            found += [Submission(learner.name, path.name, path) for path in _visible(learner)]
        else:
            found.append(Submission(learner.name, "", learner))
    return found


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


class Grader:
    """The course's gradebook, and a working folder that lives as long as the `with` block.

    A submission is copied, put in order and executed in the working folder. Only what was graded
    goes to `autograded/` and `feedback/`; an earlier result stays until then.
    """

    def __init__(self, root: Path, cell_timeout: int = CELL_TIMEOUT):
        self.root = root.resolve()
        self.lessons = find_lessons(self.root)
        self._releases: dict[str, NotebookNode | RefusedError] = {}
        self._config = _config(self.root, cell_timeout)

    def __enter__(self) -> "Grader":
        with contextlib.ExitStack() as stack:
            # In the root, so that a result is moved to its place by renaming.
            work = tempfile.TemporaryDirectory(prefix=".course-grade-", dir=self.root)
            self._work = Path(stack.enter_context(work))
            # nbgrader calls `alembic` when it makes the gradebook, also in an environment that is
            # used without being activated.
            path = os.environ.get("PATH", "")
            os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
            stack.callback(os.environ.update, PATH=path)
            # nbgrader's own use of sqlalchemy; nobody who grades can do anything about it.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", category=SAWarning)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def register(self, lesson: str) -> None:
        """Write a lesson into the gradebook; its release goes to the working folder only.

        Raises:
            RefusedError: nbgrader does not take the lesson. Its submissions are refused, too.
        """
        directory = self._directory(lesson, ".", "release")
        try:
            _run(GenerateAssignment(coursedir=directory, config=self._config, force=True))
            path = Path(directory.format_path(directory.release_directory, ".", lesson))
            self._releases[lesson] = nbformat.read(path / f"{lesson}.ipynb", as_version=4)
        except Exception as error:
            notebook = f"solutions/{lesson}/{lesson}.ipynb"
            refusal = RefusedError(one_line(f"{notebook}: {_told(error)}"))
            self._releases[lesson] = refusal
            raise refusal from error

    def grade(self, submission: Submission) -> Row:
        """Grade one submission; whatever happens in it ends in its row, not in an exception."""
        earlier = self._entry(submission)
        notebook = submission.shown(f"{submission.lesson}.ipynb")
        try:
            repairs = self._stage(submission)
            events = self._autograde(submission)
        except RefusedError as error:
            return self._failed(submission, earlier, str(error))
        except NotScoredError as error:
            return self._failed(submission, earlier, f"{notebook}: {error}")
        except Exception as error:
            return self._failed(submission, earlier, f"{notebook}: {_told(error)}")
        finally:
            for step in ("submitted", "autograded", "replaced"):
                shutil.rmtree(Path(self._work, step), ignore_errors=True)
        try:
            self._write_feedback(submission)
        except Exception as error:
            events["feedback"] = f"graded, but without feedback: {_told(error)}"
        notes = "; ".join([*events.values(), *repairs])
        broken = {"stopped", "feedback"} & events.keys()
        return replace(
            self._entry(submission),
            status="failed" if broken else "repaired" if repairs else "graded",
            note=one_line(f"{notebook}: {notes}" if notes else ""),
        )

    def _failed(self, submission: Submission, earlier: Row | None, note: str) -> Row:
        if earlier is not None:
            return replace(
                earlier, status="failed", note=one_line(f"{note}; the earlier grade stays")
            )
        greatest = None
        with self._gradebook() as gradebook, contextlib.suppress(MissingEntry):
            greatest = float(gradebook.find_assignment(submission.lesson).max_score)
            # Take back the empty entry that nbgrader makes before it grades.
            gradebook.remove_submission(submission.lesson, submission.learner)
        return Row(*submission.key, None, greatest, "failed", one_line(note))

    def recorded(self) -> dict[tuple[str, str], Row]:
        """What the gradebook holds now, hand-given points and late penalties included."""
        with self._gradebook() as gradebook:
            rows = [
                _row(entry)
                for assignment in gradebook.assignments
                for entry in gradebook.assignment_submissions(assignment.name)
            ]
        return {row.key: row for row in rows}

    def _entry(self, submission: Submission) -> Row | None:
        with self._gradebook() as gradebook, contextlib.suppress(MissingEntry):
            return _row(gradebook.find_submission(submission.lesson, submission.learner))
        return None

    def _directory(self, lesson: str = "", learner: str = "", *steps: str) -> CourseDirectory:
        """The course as nbgrader sees it, with some of its steps in the working folder."""
        directory = CourseDirectory(config=self._config)
        directory.root = str(self.root)
        directory.assignment_id = lesson
        directory.student_id = learner
        for step in steps:
            setattr(directory, f"{step}_directory", f"{self._work.name}/{step}")
        return directory

    def _gradebook(self) -> Gradebook:
        directory = self._directory()
        return Gradebook(directory.db_url, directory.course_id)

    def _stage(self, submission: Submission) -> tuple[str, ...]:
        """Copy a submission to the working folder, its notebook in order."""
        lesson = submission.lesson
        _refuse_links(submission, self.root)
        if not submission.path.is_dir():
            raise RefusedError(f"{submission.shown()}: a file, not a folder LEARNER/LESSON")
        if glob.has_magic(submission.learner):
            raise RefusedError(f"{submission.shown()}: nbgrader cannot work with * ? [ in a name")
        release = self._releases.get(lesson)
        if release is None:
            known = ", ".join(self.lessons)
            raise RefusedError(f"{submission.shown()}: no lesson has this name; there are: {known}")
        if isinstance(release, RefusedError):
            raise release
        source = submission.path / f"{lesson}.ipynb"
        if not source.is_file():
            there = ", ".join(path.name for path in _visible(submission.path)) or "nothing"
            raise RefusedError(f"{submission.shown()}: no {lesson}.ipynb in it; there is: {there}")
        try:
            staged = stage.stage(release, stage.parse(source.read_bytes()))
        except stage.NotANotebookError as error:
            raise RefusedError(f"{submission.shown(source.name)}: {error}") from error
        repairs = staged.repairs

        target = Path(self._work, "submitted", submission.learner, lesson)
        shutil.copytree(
            submission.path, target, ignore=shutil.ignore_patterns("*.ipynb", *_IGNORED)
        )
        nbformat.write(staged.notebook, target / source.name)
        timestamp = target / "timestamp.txt"
        if timestamp.exists() and not _is_date(timestamp):
            timestamp.unlink()
            repairs += ("timestamp.txt holds no date and is left out",)
        return repairs

    def _autograde(self, submission: Submission) -> dict[str, str]:
        """Execute, score and record what was staged.

        Returns:
            What stopped or interrupted the notebook, in words; empty where nothing did.
        """
        steps = ("submitted", "autograded")
        directory = self._directory(submission.lesson, submission.learner, *steps)
        before = os.environ.get("NBGRADER_EXECUTION")
        try:
            _run(Autograde(coursedir=directory, config=self._config, force=True))
        finally:  # nbgrader leaves it set when an execution fails
            os.environ.pop("NBGRADER_EXECUTION", None)
            if before is not None:
                os.environ["NBGRADER_EXECUTION"] = before

        new = Path(self._work, "autograded", *submission.key)
        place = self.root.joinpath("autograded", *submission.key)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            old = Path(self._work, "replaced", *submission.key)
            old.parent.mkdir(parents=True, exist_ok=True)
            place.rename(old)
        new.rename(place)

        executed = nbformat.read(place / f"{submission.lesson}.ipynb", as_version=4)
        return dict(executed.metadata.get(_EVENTS, {}))

    def _write_feedback(self, submission: Submission) -> None:
        directory = self._directory(submission.lesson, submission.learner)
        _run(GenerateFeedback(coursedir=directory, config=self._config, force=True))


class RunToTheEnd(Execute):
    """Executes every cell; a kernel that dies costs the checks behind it, not the submission."""

    def preprocess(
        self, nb: NotebookNode, resources: dict, km: object = None
    ) -> tuple[NotebookNode, dict]:
        """Execute a notebook and write what stopped it into its metadata."""
        self.reached = 0
        self.events: dict[str, str] = {}
        try:
            nb, resources = super().preprocess(nb, resources, km)
        except (DeadKernelError, CellTimeoutError) as error:
            name = _cell_name(nb, self.reached)
            reason = f"{name} did not stop and its kernel was killed"
            if isinstance(error, DeadKernelError):
                reason = f"the kernel died in {name}"
            reason += "; what came before keeps its points"
            self.events["stopped"] = reason
            for index, cell in enumerate(nb.cells[self.reached :], start=self.reached):
                if cell.cell_type == "code" and (index == self.reached or is_grade(cell)):
                    cell.outputs.append(_error("NotRun", reason))
        if self.events:
            nb.metadata[_EVENTS] = self.events
        return nb, resources

    def setup_kernel(self, **kwargs: object) -> AbstractContextManager[None]:
        """Start the kernel; what it writes past the notebook is not for the grader's terminal."""
        return super().setup_kernel(stdout=DEVNULL, stderr=DEVNULL, **kwargs)

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict, index: int
    ) -> tuple[NotebookNode, dict]:
        """Execute one cell and remember it as the one that was reached."""
        self.reached = index
        return super().preprocess_cell(cell, resources, index)

    def on_cell_executed(self, **kwargs: object) -> None:
        """Tell of a cell that was interrupted."""
        super().on_cell_executed(**kwargs)
        reply = kwargs["execute_reply"]["content"]
        if reply.get("ename") == self.error_on_timeout["ename"]:
            name = _cell_name(self.nb, kwargs["cell_index"])
            before = self.events.get("interrupted")
            told = f"{before}, {name}" if before else f"stopped after {self.timeout} s: {name}"
            self.events["interrupted"] = told


class BeforeScoring(NbGraderPreprocessor):
    """Makes scoring fail closed: a check has all its points or none, and only if it ran."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Leave errors as the only outputs of a check that decide.

        Raises:
            NotScoredError: a check did not run, though no dead kernel explains it.
        """
        for cell in filter(is_grade, nb.cells):
            if cell.cell_type != "code":
                continue
            stopped = any(output.get("ename") == "NotRun" for output in cell.outputs)
            if cell.execution_count is None and not stopped:
                name = cell.metadata.nbgrader.grade_id
                raise NotScoredError(f"the check '{name}' did not run, so nothing is recorded")
            for output in cell.outputs:
                # nbgrader takes any text on stderr for a failure, and a number that the cell
                # results in for its points, whatever comes behind it.
                if output.output_type == "stream":
                    output.name = "stdout"
                elif output.output_type == "execute_result":
                    output.output_type = "display_data"
                    del output["execution_count"]
        return nb, resources


class _LastError(logging.Handler):
    """Keeps the exception that nbgrader logs before it raises a general one."""

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.error = sys.exc_info()[1] or self.error


def _run(converter: BaseConverter) -> None:
    """Run a step of nbgrader and let the true cause of a failure out."""
    handler = _LastError(level=logging.ERROR)
    converter.log.addHandler(handler)
    try:
        converter.start()
    except NbGraderException as error:
        raise (handler.error or error) from error
    finally:
        converter.log.removeHandler(handler)


def _config(root: Path, cell_timeout: int) -> Config:
    config = PyFileConfigLoader(CONFIG, path=str(root)).load_config()
    config.Autograde.autograde_preprocessors = [
        RunToTheEnd,
        BeforeScoring,
        LimitOutput,
        SaveAutoGrades,
        AssignLatePenalties,
        CheckCellMetadata,
    ]
    config.Execute.timeout = cell_timeout
    config.Execute.iopub_timeout = min(10, cell_timeout)
    config.Execute.shutdown_kernel = "immediate"
    config.HTMLExporter.template_name = "feedback"
    return config


def _refuse_links(submission: Submission, root: Path) -> None:
    """Refuse what is not a plain file or folder: a link could show another learner's work."""
    paths = [submission.path, *submission.path.parents]
    paths = paths[: paths.index(root / "submitted")]
    for folder, folders, files in os.walk(submission.path):
        paths += [Path(folder, name) for name in [*folders, *files]]
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            shown = path.relative_to(root).as_posix()
            raise RefusedError(f"{shown}: a link or a device; submissions hold plain files only")


def _is_date(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8").strip()
        return not text or parse_utc(text) is not None
    except (ValueError, OverflowError):
        return False


def _row(entry: SubmittedAssignment) -> Row:
    penalty = sum(notebook.late_submission_penalty or 0 for notebook in entry.notebooks)
    score = float(max(0.0, entry.score - penalty))
    return Row(entry.student_id, entry.assignment.name, score, float(entry.max_score), "graded")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _cell_name(notebook: NotebookNode, index: int) -> str:
    name = notebook.cells[index].metadata.get("nbgrader", {}).get("grade_id")
    return f"the cell '{name}'" if name else f"cell {index + 1}"


def _error(name: str, text: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])

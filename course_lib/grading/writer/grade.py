"""Between the submissions, the gradebook and the workers: prepares jobs and records results."""

import contextlib
import ctypes
import fcntl
import functools
import glob
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import nbformat
import nbgrader.api
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    LimitOutput,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)
from nbgrader.utils import is_grade, is_locked, is_solution, parse_utc
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, PyFileConfigLoader

from course_lib.grading.worker.job import Executed, Job, is_check
from course_lib.grading.writer import stage
from course_lib.grading.writer.page import FeedbackExporter
from course_lib.grading.writer.report import Row, one_line
from course_lib.grading.writer.submissions import (
    CONFIG,
    RefusedError,
    Submission,
    data_files,
    find_lessons,
    notebook_of,
    refuse_links,
)

_WORK = ".course-grade-"


class NotScoredError(Exception):
    """An executed notebook that must not be recorded; the message says why."""


@dataclass(frozen=True)
class _Lesson:
    """What grading needs of a released lesson.

    Attributes:
        release: the notebook as it was handed out.
        checks: whole text of its checks, hidden tests included, by grade_id.
        course: text of its ordinary and its locked code cells, by cell id.
        locked: ids of the locked ones.
    """

    release: NotebookNode
    checks: dict[str, str]
    course: dict[str, str]
    locked: frozenset[str]


@dataclass(frozen=True)
class Prepared:
    """A submission that can be executed.

    Attributes:
        submission: where it lies.
        job: what a worker gets of it.
        repairs: in words, what had to be put in order.
        dated: whether it has a timestamp.txt that nbgrader can read.
    """

    submission: Submission
    job: Job
    repairs: tuple[str, ...]
    dated: bool

    @property
    def digest(self) -> str:
        """Equal for equal work: the submission, the lesson, and how it is run."""
        job = {**vars(self.job), "locked": sorted(self.job.locked)}  # a set has no order
        parts = sorted((name, repr(value)) for name, value in job.items())
        return hashlib.sha256(repr((parts, self.repairs)).encode()).hexdigest()


class Grader:
    """The course's gradebook, and a working folder that lives as long as the `with` block.

    It is the only writer of the gradebook, of `autograded/` and of `feedback/`. A result is made in
    the working folder and moved to its place by renaming; an earlier one stays until then.
    """

    def __init__(self, root: Path):
        self.root = root.resolve()
        self.lessons = find_lessons(self.root)
        self._lessons: dict[str, _Lesson | RefusedError] = {}
        self._config = _config(self.root)

    def __enter__(self) -> "Grader":
        with contextlib.ExitStack() as stack:
            stack.enter_context(_alone(self.root))
            for stale in self.root.glob(f"{_WORK}*"):  # of a run that was killed
                shutil.rmtree(stale, ignore_errors=True)
            # In the root, so that a result is moved to its place by renaming.
            work = tempfile.TemporaryDirectory(prefix=_WORK, dir=self.root)
            self._work = Path(stack.enter_context(work))
            stack.enter_context(_one_engine())
            stack.enter_context(_one_version())
            # nbgrader's own use of sqlalchemy; nobody who grades can do anything about it.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", category=SAWarning)
            self._stack = stack.pop_all()
        return self

    def _make_gradebook(self) -> None:
        """Make the gradebook where there is none; one that is half made must never be found."""
        directory = self._directory()
        url = make_url(directory.db_url)
        if url.get_backend_name() != "sqlite" or os.path.exists(url.database):
            return
        new = self._work / "gradebook.db"
        Gradebook(f"sqlite:///{new}", directory.course_id).close()
        os.replace(new, url.database)

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def register(self, lesson: str) -> None:
        """Write a lesson into the gradebook; its release goes to the working folder only.

        Raises:
            RefusedError: nbgrader does not take the lesson. Its submissions are refused, too.
        """
        self._make_gradebook()
        directory = self._directory(lesson, ".", "release")
        try:
            _run(GenerateAssignment(coursedir=directory, config=self._config, force=True))
            path = Path(directory.format_path(directory.release_directory, ".", lesson))
            release = nbformat.read(path / f"{lesson}.ipynb", as_version=4)
            with self._gradebook as gradebook:
                sources = gradebook.find_notebook(lesson, lesson).source_cells
                texts = {cell.name: cell.source for cell in sources}
            self._lessons[lesson] = _lesson(release, texts)
        except Exception as error:
            notebook = f"solutions/{lesson}/{lesson}.ipynb"
            refusal = RefusedError(one_line(f"{notebook}: {_told(error)}"))
            self._lessons[lesson] = refusal
            raise refusal from error

    def prepare(self, submission: Submission, **options: object) -> Prepared:
        """Put a submission in order; nothing is written.

        Args:
            submission: what was handed in.
            options: fields of `Job` that say how it is run.

        Raises:
            RefusedError: it cannot be graded as it is.
        """
        name = submission.lesson
        refuse_links(submission, self.root)
        if not submission.path.is_dir():
            raise RefusedError(f"{submission.shown()}: a file, not a folder LEARNER/LESSON")
        if glob.has_magic(submission.learner):
            raise RefusedError(f"{submission.shown()}: nbgrader cannot work with * ? [ in a name")
        lesson = self._lessons.get(name)
        if lesson is None:
            known = ", ".join(self.lessons)
            raise RefusedError(f"{submission.shown()}: no lesson has this name; there are: {known}")
        if isinstance(lesson, RefusedError):
            raise lesson
        notebook = notebook_of(submission)
        try:
            staged = stage.stage(lesson.release, stage.parse(notebook))
        except stage.NotANotebookError as error:
            raise RefusedError(f"{submission.shown(f'{name}.ipynb')}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise RefusedError(f"{submission.shown(f'{name}.ipynb')}: {_told(error)}") from error
        files = data_files(submission)
        repairs, timestamp = staged.repairs, files.pop("timestamp.txt", None)
        dated = timestamp is not None and _is_date(timestamp)
        if timestamp is not None and not dated:
            repairs += ("timestamp.txt holds no date and is left out",)
        job = Job(
            submission.key,
            nbformat.v4.writes(staged.notebook),
            lesson.checks,
            lesson.course,
            lesson.locked,
            files,
            **options,
        )
        return Prepared(submission, job, repairs, dated)

    def record(self, prepared: Prepared, executed: Executed | Exception) -> Row:
        """Write a result into the gradebook, `autograded/` and `feedback/`.

        Whatever is wrong with it ends in its row, not in an exception.
        """
        submission = prepared.submission
        notebook = submission.shown(f"{submission.lesson}.ipynb")
        earlier = self._entry(submission)
        try:
            if isinstance(executed, Exception):
                raise executed
            self._autograde(prepared, executed)
        except NotScoredError as error:
            return self._failed(submission, earlier, f"{notebook}: {error}")
        except Exception as error:
            return self._failed(submission, earlier, f"{notebook}: {_told(error)}")
        finally:
            self._tidy()
        events = dict(executed.events)
        try:
            self._write_feedback(submission)
        except Exception as error:
            events["feedback"] = f"graded, but without feedback: {_told(error)}"
        finally:
            self._tidy()
        notes = "; ".join([*events.values(), *prepared.repairs])
        broken = {"stopped", "feedback"} & events.keys()
        return replace(
            self._entry(submission),
            status="failed" if broken else "repaired" if prepared.repairs else "graded",
            note=one_line(f"{notebook}: {notes}" if notes else ""),
        )

    def refuse(self, submission: Submission, error: RefusedError) -> Row:
        """The row of a submission that cannot be graded; an earlier grade stays."""
        return self._failed(submission, self._entry(submission), str(error))

    def points(self, submission: Submission) -> dict[str, float]:
        """The points of each check as the gradebook holds them, by grade_id."""
        with self._gradebook as gradebook, contextlib.suppress(MissingEntry):
            entry = gradebook.find_submission(submission.lesson, submission.learner)
            return {g.name: float(g.score) for nb in entry.notebooks for g in nb.grades}
        return {}

    def _failed(self, submission: Submission, earlier: Row | None, note: str) -> Row:
        if earlier is not None:
            return replace(
                earlier, status="failed", note=one_line(f"{note}; the earlier grade stays")
            )
        greatest = None
        with self._gradebook as gradebook, contextlib.suppress(MissingEntry):
            greatest = float(gradebook.find_assignment(submission.lesson).max_score)
            # Take back the empty entry that nbgrader makes before it grades.
            gradebook.remove_submission(submission.lesson, submission.learner)
        return Row(*submission.key, None, greatest, "failed", one_line(note))

    def recorded(self) -> dict[tuple[str, str], Row]:
        """What the gradebook holds now, hand-given points and late penalties included."""
        with self._gradebook as gradebook:
            rows = [
                _row(entry)
                for assignment in gradebook.assignments
                for entry in gradebook.assignment_submissions(assignment.name)
            ]
        return {row.key: row for row in rows}

    def _entry(self, submission: Submission) -> Row | None:
        with self._gradebook as gradebook, contextlib.suppress(MissingEntry):
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

    @functools.cached_property
    def _gradebook(self) -> Gradebook:
        """Kept open; the end of a `with` block ends its session, and the next one has a new one."""
        directory = self._directory()
        return Gradebook(directory.db_url, directory.course_id)

    def _autograde(self, prepared: Prepared, executed: Executed) -> None:
        """Score and record what was executed, through nbgrader's own Autograde."""
        submission = prepared.submission
        target = Path(self._work, "submitted", *submission.key)
        target.mkdir(parents=True)
        for name, content in prepared.job.files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if prepared.dated:
            shutil.copy(submission.path / "timestamp.txt", target)
        notebook = target / f"{submission.lesson}.ipynb"
        notebook.write_text(prepared.job.notebook, encoding="utf-8")

        steps = ("submitted", "autograded")
        directory = self._directory(submission.lesson, submission.learner, *steps)
        with _environment_kept("NBGRADER_EXECUTION"):
            Replay.executed = executed
            _run(Autograde(coursedir=directory, config=self._config, force=True))
        self._put_in_place("autograded", submission)

    def _write_feedback(self, submission: Submission) -> None:
        directory = self._directory(submission.lesson, submission.learner, "feedback")
        _run(GenerateFeedback(coursedir=directory, config=self._config, force=True))
        self._put_in_place("feedback", submission)

    def _put_in_place(self, step: str, submission: Submission) -> None:
        """Move a finished folder to where nbgrader has it, in one step."""
        new = Path(self._work, step, *submission.key)
        place = self.root.joinpath(step, *submission.key)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            _exchange(new, place)
        else:
            new.rename(place)

    def _tidy(self) -> None:
        for step in ("submitted", "autograded", "feedback"):
            shutil.rmtree(Path(self._work, step), ignore_errors=True)


class Replay(NbGraderPreprocessor):
    """Stands where nbgrader executes: puts in what a worker made of this very notebook."""

    executed: ClassVar[Executed | None] = None

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Copy the outputs.

        Raises:
            NotScoredError: nbgrader has another notebook than the one that was executed.
        """
        executed = nbformat.v4.reads(self.executed.notebook)
        if [(c.cell_type, c.source) for c in nb.cells] != [
            (c.cell_type, c.source) for c in executed.cells
        ]:
            raise NotScoredError("it changed while it was graded, so nothing is recorded")
        for cell, done in zip(nb.cells, executed.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = done.outputs, done.execution_count
        return nb, resources


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


def _config(root: Path) -> Config:
    config = PyFileConfigLoader(CONFIG, path=str(root)).load_config()
    config.Autograde.autograde_preprocessors = [
        Replay,
        BeforeScoring,
        LimitOutput,
        SaveAutoGrades,
        AssignLatePenalties,
    ]
    # The rest of nbgrader's list is done before: see stage.py.
    config.Autograde.sanitize_preprocessors = [OverwriteKernelspec, OverwriteCells]
    # One look at the form of the notebook, not one after each step.
    config.Exporter.optimistic_validation = True
    config.HTMLExporter.template_name = "feedback"
    config.GenerateFeedback.exporter_class = FeedbackExporter
    return config


def _exchange(new: Path, old: Path) -> None:
    """Exchange two folders; at no moment there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    here, exchange = -100, 2  # AT_FDCWD of <fcntl.h>, RENAME_EXCHANGE of <linux/fs.h>
    if libc.renameat2(here, os.fsencode(new), here, os.fsencode(old), exchange) != 0:
        # A file system that cannot: for an instant there is none.
        replaced = new.with_name(f"{new.name}.replaced")
        old.rename(replaced)
        new.rename(old)
        replaced.rename(new)


def _is_date(data: bytes) -> bool:
    try:
        text = data.decode("utf-8").strip()
        return not text or parse_utc(text) is not None
    except (ValueError, OverflowError):
        return False


def _lesson(release: NotebookNode, texts: dict[str, str]) -> _Lesson:
    """Sort the code cells of a release by whose they are."""
    cells = [cell for cell in release.cells if cell.cell_type == "code"]
    checks = {c.metadata.nbgrader.grade_id for c in cells if is_check(c)}
    course = [c for c in cells if not is_check(c) and not is_solution(c) and not is_grade(c)]
    return _Lesson(
        release,
        {name: texts[name] for name in checks},
        {cell.id: cell.source for cell in course},
        frozenset(cell.id for cell in course if is_locked(cell)),
    )


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the course: two writers would undo each other's work.

    Raises:
        RefusedError: another run holds it.
    """
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RefusedError(
                f"{root}: another course-grade is at work here; wait for its end"
            ) from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _one_engine() -> Iterator[None]:
    """Let nbgrader open the gradebook with the same engine each time.

    It makes a new one for each opening, ten for a submission, and with the old one every compiled
    statement is lost. With the same one its tables need no second look.
    """
    made, tables = nbgrader.api.create_engine, nbgrader.api.Base.metadata
    nbgrader.api.create_engine = functools.cache(made)
    tables.create_all = functools.cache(tables.create_all)
    try:
        yield
    finally:
        nbgrader.api.create_engine = made
        vars(tables).pop("create_all", None)


@contextlib.contextmanager
def _one_version() -> Iterator[None]:
    """Let nbgrader know the version of a new gradebook without a process for the question.

    It runs `alembic`, which imports all of nbgrader for it, and which nobody finds in an
    environment that is used without being activated.
    """
    asked = nbgrader.api.get_alembic_version
    nbgrader.api.get_alembic_version = _gradebook_version
    try:
        yield
    finally:
        nbgrader.api.get_alembic_version = asked


def _gradebook_version() -> str:
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(Path(nbgrader.__file__).with_name("alembic"))).get_current_head()


@contextlib.contextmanager
def _environment_kept(name: str) -> Iterator[None]:
    """Set a variable back afterwards: nbgrader leaves its own behind when a step fails."""
    before = os.environ.get(name)
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def _row(entry: SubmittedAssignment) -> Row:
    penalty = sum(notebook.late_submission_penalty or 0 for notebook in entry.notebooks)
    score = float(max(0.0, entry.score - penalty))
    return Row(entry.student_id, entry.assignment.name, score, float(entry.max_score), "graded")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

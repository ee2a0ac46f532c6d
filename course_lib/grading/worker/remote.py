"""The grader's end of a strict check: check cells run here, the learner's definitions elsewhere."""

import ast
import builtins
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbformat import NotebookNode
from traitlets.config import Config

from course_lib import exercises
from course_lib.checks import Attempt, ElsewhereAnswer, Exercise
from course_lib.checks.observe import Failure, Observation
from course_lib.grading.sandbox import codec
from course_lib.grading.worker.names import checked, imports, used

# A check takes over standard output and IPython, of which a process has one each.
_one_at_a_time = threading.Lock()
# Puts a question, as text, to the learner's process; returns its answer.
Ask = Callable[[str], str]
# Name of an answer, exercise, seed.
Trial = tuple[str, str, int]


class NoAnswerError(Exception):
    """The learner's process did not answer a question, or not in plain data."""


class LearnerError(Exception):
    """An exception of a learner's function; its name and message come from there."""


class Remote(ElsewhereAnswer):
    """A name of the learner's that can be called."""

    def __init__(self, name: str, ask: Ask, is_class: bool, tried: dict[Trial, Any]) -> None:
        """Stand for a name.

        Args:
            name: as the learner's process has it.
            ask: puts a question to that process.
            is_class: whether it is a class.
            tried: attempts that were made there already.
        """
        self.name, self.is_class, self._ask, self._tried = name, is_class, ask, tried

    def __repr__(self) -> str:
        return f"<the learner's {self.name}>"

    def call(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Call it in the learner's process.

        Raises:
            Exception: what it raised there, as the builtin type of that name where there is one.
        """
        kind, value = _pair(_question(self._ask, "call", self.name, arguments, options))
        if kind == "value":
            return value
        name, message = _pair(value)
        error = getattr(builtins, str(name), None)
        if isinstance(error, type) and issubclass(error, Exception):
            raise _made(error, str(message))
        raise LearnerError(f"{name}: {message}")

    def attempt(self, exercise: Exercise, seed: int, own_work: bool) -> Attempt:
        """Try it in the learner's process; what comes back is checked for its form alone."""
        told = self._tried.get((self.name, exercise.id, seed)) if own_work else None
        if told is None:
            told = self._attempts(exercise, seed, own_work)
        try:
            seen = told["seen"]
            observed = None if seen is None else tuple(_observation(fields) for fields in seen)
            if observed is not None and len(observed) != len(exercise.cases):
                raise NoAnswerError(f"{len(observed)} results for {len(exercise.cases)} trials")
            return Attempt(observed, str(told["printed"]), bool(told["reference_ran"]))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise NoAnswerError(f"a damaged answer ({type(error).__name__}: {error})") from None

    def _attempts(self, exercise: Exercise, seed: int, own_work: bool) -> Any:
        """Ask for an attempt and, where it is a hidden one, for those behind it, too."""
        hidden = exercises.SEEDS[True]
        seeds = list(hidden[hidden.index(seed) :]) if seed in hidden else [seed]
        told = _question(self._ask, "attempt", self.name, exercise.id, seeds, own_work)
        if not isinstance(told, list) or not told:
            raise NoAnswerError("a damaged answer")
        if own_work:
            trials = [(self.name, exercise.id, seed) for seed in seeds]
            self._tried.update(zip(trials, told, strict=False))
        return told[0]


def _made(error: type[Exception], message: str) -> Exception:
    try:
        return error(message)
    except TypeError:  # UnicodeDecodeError and its like want more than a message
        return LearnerError(f"{error.__name__}: {message}")


def _question(ask: Ask, *question: Any) -> Any:
    try:
        return codec.loads(ask(codec.dumps(list(question))))
    except codec.NotPlainDataError as error:
        raise NoAnswerError(str(error)) from None


def _pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise NoAnswerError("a damaged answer")
    return value[0], value[1]


def _observation(fields: dict[str, Any]) -> Observation:
    failure = fields["failure"]
    if failure is not None:
        failure = Failure(
            str(failure["name"]),
            str(failure["message"]),
            str(failure["line"]),
            int(failure["number"]),
            bool(failure["unfinished"]),
        )
    layout, gradients = fields["layout"], fields["gradients"]
    return Observation(
        failure,
        None if layout is None else tuple(tuple(map(int, shape)) for shape in layout),
        fields["output"],
        None if gradients is None else {str(k): _gradient(v) for k, v in gradients.items()},
        tuple(map(str, fields["changed"])),
    )


def _gradient(value: Any) -> Any:
    if value is not None and not hasattr(value, "flatten"):
        raise ValueError("a gradient that is no tensor")
    return value


class Checker:
    """Runs the check cells of one notebook in this process.

    A check sees what the course's own cells import, what its locked cells define, and the learner's
    names, as they are in the learner's process at that moment.
    """

    def __init__(self, ordinary: Sequence[str], locked: Sequence[str], ask: Ask) -> None:
        """Run the imports of the ordinary cells and all of the locked ones, as released."""
        self._ask = ask
        self._names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        for text in ordinary:
            body = imports(text)
            exec(compile(ast.Module(body, []), "<the course's cell>", "exec"), self._names)
        for text in locked:
            exec(compile(text, "<the course's cell>", "exec"), self._names)
        self._own = set(self._names)

    def run(self, cell: NotebookNode, shown: str, number: int) -> None:
        """Run one check cell and write its outputs into it.

        Args:
            cell: the cell, hidden tests included.
            shown: its text as the learner has it; no other line of it appears in an output.
            number: its execution count.
        """
        cell.execution_count, cell.outputs = number, []
        with _one_at_a_time, _shell_of_ipython(), capture_output() as captured:
            error = self._run(cell.source)
        if captured.stdout or captured.stderr:
            text = captured.stdout + captured.stderr
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
        for rich in captured.outputs:
            output = nbformat.v4.new_output("display_data", data=rich.data, metadata={})
            cell.outputs.append(output)
        if error is not None:
            cell.outputs.append(_told(error, cell.source, shown))

    def _run(self, source: str) -> Exception | None:
        """Run a check; returns what it raised, as far as that is its verdict."""
        wanted = sorted(used(source) - self._own)
        for name in set(self._names) - self._own:
            del self._names[name]
        try:
            trials = _first_trials(source)
            told, attempts = _pair(_question(self._ask, "describe", wanted, trials))
            tried = dict(zip(trials, attempts if isinstance(attempts, list) else (), strict=False))
            for name, answer in told.items() if isinstance(told, dict) else ():
                kind, value = _pair(answer)
                if name in wanted:
                    if kind != "data":
                        value = Remote(name, self._ask, kind == "class", tried)
                    self._names[name] = value
            exec(compile(source, "<check>", "exec"), self._names)
        except Exception as error:
            return error
        return None


def _first_trials(source: str) -> list[Trial]:
    """What the visible checks in a cell try; the hidden ones follow only where these accept."""
    known = exercises.ids()
    return [
        (name, exercise, seed)
        for exercise, name, hidden in checked(source)
        if not hidden and exercise in known
        for seed in exercises.SEEDS[False]
    ]


@cache
def _shell() -> InteractiveShell:
    # A history would be that of the person who grades.
    return InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))


@contextlib.contextmanager
def _shell_of_ipython() -> Iterator[None]:
    """Let `display` do what it does in a notebook.

    One shell serves all checks: each registers what it has to do at the end of the process, which
    then takes longer than the grading. IPython has no call that puts an existing one in its place.
    """
    kept, InteractiveShell._instance = InteractiveShell._instance, _shell()
    try:
        yield
    finally:
        InteractiveShell._instance = kept


def _told(error: Exception, source: str, shown: str) -> NotebookNode:
    """An error as an output: the line of the check, unless that is hidden, and the message."""
    place, trace = "", error.__traceback__
    lines, visible = source.splitlines(), {line.strip() for line in shown.splitlines()}
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<check>" and trace.tb_lineno <= len(lines):
            line = lines[trace.tb_lineno - 1].strip()
            place = line if line in visible else ""
        trace = trace.tb_next
    name = type(error).__name__
    text = f"{name}: {error}" if str(error) else name
    traceback = [*([f"----> {place}"] if place else []), text]
    return nbformat.v4.new_output("error", ename=name, evalue=str(error), traceback=traceback)

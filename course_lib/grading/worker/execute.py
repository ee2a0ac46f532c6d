"""Executes one staged submission, away from the gradebook: what a worker does."""

import contextlib
import logging
import math
import tempfile
import time
from pathlib import Path
from queue import Empty

import nbformat
import zmq.asyncio
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from course_lib.grading.sandbox.codec import LARGEST
from course_lib.grading.sandbox.provisioner import KernelSpecs
from course_lib.grading.sandbox.respond import MIME
from course_lib.grading.worker.job import Executed, Job, is_check
from course_lib.grading.worker.names import relevant
from course_lib.grading.worker.remote import Checker, NoAnswerError

# A kernel that sends a larger message loses its connection; so many may wait.
_LARGEST_MESSAGE = 64 << 20
_WAITING_MESSAGES = 100
# How long to wait for the outputs of a cell that has ended, and for a sign of life.
_PATIENCE_SECONDS = 10
_START_SECONDS = 300
_TIMEOUT = "CellTimeoutError"
# What goes wrong is told in the row of the submission.
_SILENT = logging.Logger("course-grade", logging.CRITICAL + 1)
_CUT = "\n… the rest of the output was cut off by the grader\n"
_QUESTION = (
    "__import__('course_lib.grading.sandbox.respond', fromlist=['respond'])"
    ".respond({!r}, get_ipython().user_ns)"
)


def execute(job: Job, warm: bytes = b"") -> Executed:
    """Run a submission to its end, whatever is in it.

    Args:
        job: the submission.
        warm: address of a warm process of this machine; without one this process has its own.
    """
    start = time.monotonic()
    notebook = nbformat.v4.reads(job.notebook)
    with tempfile.TemporaryDirectory(prefix="course-grade-") as folder:
        data = Path(folder, "submission")
        data.mkdir()
        for name, content in job.files.items():
            path = data / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        runner = _Runner(notebook, job, Path(folder), warm)
        runner.run()
    return Executed(job.key, nbformat.v4.writes(notebook), runner.events, time.monotonic() - start)


class _StoppedError(BaseException):
    """The kernel is gone; the message says why. No check may take it for its own affair."""


class _Client(AsyncKernelClient):
    """Reaches a kernel, and does not wait a fifth of a second for what it might still send."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Ask until the kernel answers and its outputs arrive, too: a late listener misses some.

        Raises:
            RuntimeError: it is dead, or was asked for so many seconds.
        """
        end = time.monotonic() + (timeout or math.inf)
        while True:
            self.kernel_info()
            with contextlib.suppress(Empty):
                await self.get_shell_msg(timeout=1)
                await self.get_iopub_msg(timeout=0.2)
                return
            if not await self.is_alive():
                raise RuntimeError("the kernel died at its start")
            if time.monotonic() > end:
                raise RuntimeError(f"the kernel did not answer in {timeout} s")


class _Runner(NotebookClient):
    """One notebook and its kernel; a kernel that ends costs the checks behind it, no more."""

    def __init__(self, notebook: NotebookNode, job: Job, folder: Path, warm: bytes) -> None:
        super().__init__(
            notebook,
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout={"ename": _TIMEOUT, "evalue": "", "traceback": [_TIMEOUT]},
            # A kernel that floods its outputs may lose the last of them, and live on.
            raise_on_iopub_timeout=False,
            iopub_timeout=min(_PATIENCE_SECONDS, job.limits.cell_seconds),
            startup_timeout=_START_SECONDS,
            shutdown_kernel="immediate",
            timeout_func=self._seconds_left,
            on_cell_executed=self._on_executed,
            store_widget_state=False,
            log=_SILENT,
        )
        self.job, self.folder, self.limits, self.warm = job, folder, job.limits, warm
        self.events: dict[str, str] = {}
        self._deadline = self._cell_deadline = self._allowed = 0.0
        self._index = self._count = self._room = 0
        self._interrupted = False

    def run(self) -> None:
        """Execute every cell that matters."""
        shown = {i: cell.source for i, cell in enumerate(self.nb.cells) if is_check(cell)}
        for index in shown:
            cell = self.nb.cells[index]
            cell.source = self.job.checks[cell.metadata.nbgrader.grade_id]
        wanted = self._wanted()
        try:
            with self.setup_kernel(cwd=str(self.folder / "submission")):
                # From here on: what comes before is no work of the learner's.
                self._deadline = time.monotonic() + self.limits.total_seconds
                checker = self._checker() if self.job.strict else None
                for index, cell in enumerate(self.nb.cells):
                    self._index = index
                    if index in wanted and cell.source.strip():
                        self._run_cell(cell, checker, shown.get(index))
        except _StoppedError as error:
            self._stop(str(error))

    def _run_cell(self, cell: NotebookNode, checker: Checker | None, shown: str | None) -> None:
        now = time.monotonic()
        if now >= self._deadline:
            name = cell_name(self.nb, self._index)
            raise _StoppedError(f"{self.limits.total_seconds} s were over before {name}")
        self._allowed = min(self._deadline - now, self.limits.cell_seconds)
        self._cell_deadline = now + self._allowed
        self._count += 1
        if checker is None or shown is None:
            self._room = self.limits.output_bytes
            self._execute(cell)
            cell.execution_count = self._count
        else:
            checker.run(cell, shown, self._count)

    def _wanted(self) -> set[int]:
        """The places of the cells to run: all but those of the course that no answer needs."""
        code = {i: c for i, c in enumerate(self.nb.cells) if c.cell_type == "code"}
        if self.job.every_cell:
            return set(code)
        course = {
            i: cell.source
            for i, cell in code.items()
            if self.job.course.get(cell.id, "").strip() == cell.source.strip()
            and cell.id not in self.job.locked
        }
        learners = [
            cell.source
            for i, cell in code.items()
            if i not in course and not (self.job.strict and is_check(cell))
        ]
        return set(code) - (set(course) - relevant(learners, course))

    def _checker(self) -> Checker:
        course, locked = self.job.course, self.job.locked
        ordinary = [text for name, text in course.items() if name not in locked]
        return Checker(ordinary, [course[name] for name in course if name in locked], self._ask)

    def _ask(self, question: str) -> str:
        """Put a question to the learner's process and return its answer.

        What it prints on the way is printed here: the check that runs here shows it.
        """
        cell = nbformat.v4.new_code_cell(_QUESTION.format(question))
        self._room = LARGEST + self.limits.output_bytes
        self._execute(cell)
        for output in cell.outputs:
            if output.output_type == "stream":
                print(output.text[: self.limits.output_bytes], end="")
        answers = [o.data.get(MIME) for o in cell.outputs if o.output_type == "display_data"]
        if not answers or not isinstance(answers[-1], str):
            errors = [o.ename for o in cell.outputs if o.output_type == "error"]
            raise NoAnswerError(errors[0] if errors else "nothing came")
        return answers[-1]

    def _execute(self, cell: NotebookNode) -> None:
        """Execute a cell in the learner's process.

        Raises:
            _StoppedError: the kernel died, did not stop, or sent what no kernel sends.
        """
        name = cell_name(self.nb, self._index)
        kept = self.nb.cells[self._index]
        self._interrupted = False
        try:
            self.execute_cell(cell, self._index, store_history=False)
            if self._interrupted:
                if run_sync(self._answers)():
                    self._note_interruption(name)
                elif run_sync(self.km.is_alive)():
                    raise _StoppedError(f"{name} did not stop and its kernel was killed")
                else:  # another limit was broken in the meantime
                    raise DeadKernelError
        except DeadKernelError:
            reason = getattr(self.km.provisioner, "reason", "")
            reason = f" ({reason})" if reason else ""
            raise _StoppedError(f"the kernel died in {name}{reason}") from None
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise _StoppedError(f"the kernel sent nonsense in {name} ({told})") from None
        finally:
            self.nb.cells[self._index] = kept
            cell.outputs = list(filter(None, map(_clean, cell.outputs)))

    async def _answers(self) -> bool:
        """Whether the kernel gives a sign of life."""
        asked = self.kc.kernel_info()
        end = time.monotonic() + self.iopub_timeout
        while (left := end - time.monotonic()) > 0:
            try:
                message = await self.kc.shell_channel.get_msg(timeout=left)
            except Empty:
                return False
            if message["parent_header"].get("msg_id") == asked:
                return True
        return False

    def _seconds_left(self, cell: NotebookNode) -> int:
        # Whole seconds, at least one: nbclient takes zero for no limit.
        return max(1, math.ceil(self._cell_deadline - time.monotonic()))

    def _on_executed(self, cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        """Tell of a cell that was interrupted, and of an error that came without its output."""
        reply = execute_reply["content"]
        if reply.get("status") != "error":
            return
        name = str(reply.get("ename"))
        if name == _TIMEOUT:
            self._interrupted = True
        if not any(o.output_type == "error" and o.get("ename") == name for o in cell.outputs):
            cell.outputs.append(_error(name, str(reply.get("evalue"))))

    def _note_interruption(self, name: str) -> None:
        before = self.events.get("interrupted")
        told = f"stopped after {self._allowed:.0f} s: {name}"
        self.events["interrupted"] = f"{before}, {name}" if before else told

    def _stop(self, reason: str) -> None:
        reason += "; what came before keeps its points"
        self.events["stopped"] = reason
        for index, cell in enumerate(self.nb.cells[self._index :], start=self._index):
            graded = cell.metadata.get("nbgrader", {}).get("grade")
            if cell.cell_type == "code" and (index == self._index or graded):
                cell.outputs = [o for o in cell.outputs if o.get("ename") != _TIMEOUT]
                cell.outputs.append(_error("NotRun", reason))

    # --- the parts of nbclient that meet what a kernel sends ---------------------------------

    def create_kernel_manager(self) -> AsyncKernelManager:
        """A kernel in a sandbox, reached by unix sockets, with messages of bounded size."""
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, _LARGEST_MESSAGE)
        context.setsockopt(zmq.RCVHWM, _WAITING_MESSAGES)
        context.setsockopt(zmq.LINGER, 0)
        self.km = AsyncKernelManager(
            context=context,
            transport="ipc",
            connection_file=str(self.folder / "connection.json"),
            client_factory=_Client,
            kernel_spec_manager=KernelSpecs(
                safe=self.job.safe, limits=vars(self.limits), warm=self.warm
            ),
        )
        return self.km

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> None:
        """Keep an output as long as there is room."""
        content = msg["content"]
        if msg["msg_type"] == "stream" and self._room > 0:
            content["text"] = str(content["text"])[: self._room]
        size = len(str(content))
        if size > self._room:
            if self._room > 0:
                outs.append(nbformat.v4.new_output("stream", name="stdout", text=_CUT))
            self._room = 0
            return
        self._room -= size
        last = outs[-1] if outs else {}
        if msg["msg_type"] == "stream" and last.get("name") == content["name"]:
            last.text += content["text"]
        else:
            super().output(outs, msg, None, cell_index)

    def handle_comm_msg(self, outs: list, msg: dict, cell_index: int) -> None:
        """No widgets."""


def _clean(output: NotebookNode) -> NotebookNode | None:
    """An output with just what the notebook format has, or None for what it has not."""
    kind = output.get("output_type")
    if kind == "stream" and isinstance(output.text, str):
        name = "stderr" if output.name == "stderr" else "stdout"
        return nbformat.v4.new_output(kind, name=name, text=output.text)
    if kind == "error":
        return _error(str(output.get("ename")), str(output.get("evalue")), output.get("traceback"))
    if kind in ("display_data", "execute_result") and isinstance(output.get("data"), dict):
        data = {str(k): v for k, v in output.data.items() if isinstance(v, str)}
        # A result is shown like any display: nbgrader takes a number for the points of a check.
        return nbformat.v4.new_output("display_data", data=data)
    return None


def cell_name(notebook: NotebookNode, index: int) -> str:
    """What a message calls a cell."""
    name = notebook.cells[index].metadata.get("nbgrader", {}).get("grade_id")
    return f"the cell '{name}'" if name else f"cell {index + 1}"


def _error(name: str, text: str, traceback: object = None) -> NotebookNode:
    lines = [str(line) for line in traceback] if isinstance(traceback, list) and traceback else []
    return nbformat.v4.new_output(
        "error", ename=name, evalue=text, traceback=lines or [f"{name}: {text}"]
    )

"""Around a learner's code: its output is kept, its time is limited, the reference is watched.

nbgrader gives no points to a cell that wrote to standard error, whoever wrote: a warning, a
progress bar, native code on file descriptor 2. So everything is caught here and shown in the
report, which goes to standard output.
"""

import contextlib
import io
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from course_lib.checks.observe import StopAnswer, code_objects

_COURSE = Path(__file__).resolve().parent.parent
_PRINTED_LIMIT = 100_000


@dataclass
class Watched:
    """What was noticed while guarded code ran.

    Attributes:
        printed: all that was written to standard output and standard error.
        reference_ran: whether the reference or a mechanism of the library ran inside it.
    """

    printed: str = ""
    reference_ran: bool = False


@contextlib.contextmanager
def guarded(
    reference: Callable[..., Any], seconds: float, own_work: bool = False
) -> Iterator[Watched]:
    """Run the body with its streams caught, the reference watched, and a limit of time.

    Args:
        reference: the right answer, which must not run inside.
        seconds: after this time ``StopAnswer`` is raised in the body. Only Python code in the main
            thread can be stopped: a single call that never returns from native code cannot, nor a
            loop inside a bare ``except:``; for these a grader limits the time of a cell.
        own_work: whether everything in ``course_lib/exercises`` counts as the reference too, the
            mutants and alternates included.

    Yields:
        What was noticed; complete when the body has ended.
    """
    watched = Watched()
    # The limit ends first: the alarm must not ring while the streams are set back.
    with caught(watched), _reference_watch(reference, own_work, watched), _time_limit(seconds):
        yield watched


class _Short(io.StringIO):
    """Keeps the beginning of what is written: an endless print must not fill the memory."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, _PRINTED_LIMIT - self.tell())])
        return len(text)


@contextlib.contextmanager
def caught(watched: Watched) -> Iterator[None]:
    """Keep what the body writes, Python and native code alike, from both streams."""
    text = _Short()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as native, warnings.catch_warnings(record=True) as warned:
        # Each check is to say the same, however often it runs.
        warnings.simplefilter("always")
        kept = os.dup(2)
        os.dup2(native.fileno(), 2)
        try:
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
                yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            native.seek(0)
            said = "".join(f"{w.category.__name__}: {w.message}\n" for w in warned)
            watched.printed = (
                text.getvalue() + said + native.read(_PRINTED_LIMIT).decode("utf-8", "replace")
            )


@contextlib.contextmanager
def _reference_watch(
    reference: Callable[..., Any], own_work: bool, watched: Watched
) -> Iterator[None]:
    forbidden = code_objects(reference)
    rooms = tuple(str(_COURSE / r) for r in ("attention", *(["exercises"] if own_work else [])))

    def notice(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and (code in forbidden or code.co_filename.startswith(rooms)):
            watched.reference_ran = True

    kept = sys.getprofile()
    sys.setprofile(notice)
    threading.setprofile(notice)
    try:
        yield
    finally:
        # Who takes the watch away has a reason to.
        watched.reference_ran |= sys.getprofile() is not notice
        sys.setprofile(kept)
        threading.setprofile(None)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if hasattr(signal, "setitimer"):
        with _alarm(seconds):
            yield
    else:  # Windows has no alarm; an interrupt of the main thread takes its place.
        with _interrupt(seconds):
            yield


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise StopAnswer

    kept = signal.signal(signal.SIGALRM, stop)
    # Again every second: a bare `except:` that swallows one stop may meet the next outside of it.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, kept)


@contextlib.contextmanager
def _interrupt(seconds: float) -> Iterator[None]:
    import _thread

    expired = threading.Event()

    def stop() -> None:
        expired.set()
        _thread.interrupt_main()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if expired.is_set():
            raise StopAnswer from None
        raise
    finally:
        timer.cancel()

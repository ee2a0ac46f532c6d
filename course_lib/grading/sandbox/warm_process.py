"""The warm process: torch and the course are imported once, and every kernel is a fork of it.

It runs nothing of a submission itself. For each kernel it forks a watcher, which enters the
sandbox, forks the kernel into it, and ends both when the grader hangs up or a limit is broken.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from course_lib.grading.sandbox.bubblewrap import PACKAGE, WORKPLACE, Sandbox
from course_lib.grading.sandbox.limits import Limits, broken_by_all, impose

# Of <linux/sched.h>: mount, cgroup, uts, ipc, pid and net namespaces, and the user namespace.
_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
_USER_NAMESPACE = 0x10000000
# Of <linux/prctl.h>.
_SET_DEATH_SIGNAL, _SET_DUMPABLE, _DROP_CAPABILITY, _NO_NEW_PRIVILEGES = 1, 4, 24, 38
_CAPABILITY_VERSION = 0x20080522
# What the cells of lessons import, in the learner's process and in the one that checks.
COURSE = ("course_lib.exercises", "course_lib.plots", "course_lib.probes")
_WARM = (
    *COURSE,
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.extensions.storemagic",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "tornado.platform.asyncio",
    "course_lib.grading.sandbox.respond",
    "course_lib.grading.sandbox.streams",
)
# Where root grades, each sandbox has a user of its own, from this number on: the system counts
# processes by user.
_FIRST_USER = 1_000_000_000
_POLL_SECONDS = 0.05
# Of <sys/socket.h>: number, user and group of a process.
_CREDENTIALS = struct.Struct("iII")
# All that a submission sees of the environment.
_ENVIRONMENT = {
    "HOME": WORKPLACE,
    "LANG": "C.UTF-8",
    "LOGNAME": "learner",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": "/tmp",
    "NBGRADER_EXECUTION": "autograde",
    "OMP_NUM_THREADS": "1",
    "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": str(PACKAGE.parent),
    "TMPDIR": "/tmp",
    "USER": "learner",
}


class WarmProcess:
    """The grader's end of the warm process; it ends with the grader.

    Attributes:
        address: where it takes requests: a name that the system made for this machine alone. Only
            processes of the same user are served, and none in a sandbox sees it.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {"HOME": os.path.expanduser("~"), "PYTHONPATH": str(PACKAGE.parent)}
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind("")
            listener.listen()
            self.address: bytes = listener.getsockname()
            descriptors = theirs.fileno(), listener.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, *map(str, descriptors)],
                env={**environment, "OMP_NUM_THREADS": "1"},
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._life = ours

    def close(self) -> None:
        """End the warm process; kernels that it started go on until their sockets are closed."""
        self._life.close()
        self._process.wait()


_shared: WarmProcess | None = None
_lock = threading.Lock()


def shared() -> WarmProcess:
    """The warm process of this process, started when first asked for."""
    global _shared
    with _lock:
        _shared = _shared or WarmProcess()
        return _shared


def start(
    address: bytes,
    sandbox: Sandbox | None,
    folder: Path,
    connection: dict[str, object],
    limits: Limits,
) -> socket.socket:
    """Start a kernel.

    Args:
        address: of a warm process; where none answers, this process has its own.
        sandbox: where it runs; None for outside of any, with our rights.
        folder: its working folder where there is no sandbox.
        connection: the contents of its connection file.
        limits: what it may use.

    Returns:
        A socket: `ready` arrives there, or a reason why it ended; the end of the socket is the
        end of the kernel, from either side.
    """
    request = {
        "holder": sandbox.pid if sandbox else None,
        "folder": WORKPLACE if sandbox else str(folder),
        "connection": connection,
        "limits": vars(limits),
    }
    kernel = _reach(address)
    kernel.send(json.dumps(request).encode())
    return kernel


def _reach(address: bytes) -> socket.socket:
    global _shared
    if address:
        with contextlib.suppress(ConnectionRefusedError):
            return _connected(address)
    with _lock:
        if _shared is not None:
            with contextlib.suppress(ConnectionRefusedError):  # it was killed
                return _connected(_shared.address)
        _shared = WarmProcess()
        return _connected(_shared.address)


def _connected(address: bytes) -> socket.socket:
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        ours.connect(address)
        if not _same_user(ours):
            raise ConnectionRefusedError("somebody else listens there")
    except OSError:
        ours.close()
        raise
    return ours


def _same_user(connected: socket.socket) -> bool:
    told = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(told)[1] == os.geteuid()


# --- in the warm process -------------------------------------------------------------------------


def _warm() -> None:
    """Import what lessons import, and do once what is slow the first time."""
    # The kernel's debugger: nobody debugs here, and it would be loaded for each kernel.
    sys.modules["debugpy"] = None
    for name in _WARM:
        importlib.import_module(name)
    sys.modules["course_lib.exercises"].ids()  # each lesson's are imported when first asked for
    torch = sys.modules["torch"]
    torch.set_num_threads(1)
    weight = torch.ones(1, 1, 3, 3, requires_grad=True)
    torch.nn.functional.conv2d(torch.ones(1, 1, 4, 4), weight).sum().backward()


def main(life: int, descriptor: int) -> None:
    """Serve requests until the grader's end of `life` is closed."""
    listener = socket.socket(fileno=descriptor)
    _warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    while True:
        readable, _, _ = select.select([life, listener], [], [])
        if life in readable:
            return
        answer, _ = listener.accept()
        with answer:
            if os.fork() == 0:
                listener.close()
                os.close(life)
                with contextlib.suppress(BaseException):
                    _serve(answer)
                os._exit(0)


def _serve(answer: socket.socket) -> None:
    """Start what is asked for, if a process of this very user asks."""
    if not _same_user(answer):
        return
    try:
        _watch(json.loads(answer.recv(1 << 16)), answer)
    except Exception as error:
        answer.send(f"{type(error).__name__}: {error}".encode())


def _watch(request: dict, answer: socket.socket) -> None:
    """Start the kernel where it belongs, and end it when it must end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    holder, limits = request["holder"], Limits(**request["limits"])
    # The module that sets the limits must be loaded before its file is out of reach.
    libc = ctypes.CDLL(None, use_errno=True)
    if holder is not None:
        _enter(libc, holder)
    kernel = os.fork()
    if kernel == 0:
        try:
            _become(libc, request, limits, answer)
        except Exception as error:
            answer.send(f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(1)
    try:
        while True:
            ended, status = os.waitpid(kernel, os.WNOHANG)
            if ended:
                answer.send(f"status {os.waitstatus_to_exitcode(status)}".encode())
                return
            if holder is not None:
                broken = broken_by_all(limits)
                if broken:
                    os.kill(holder, signal.SIGKILL)
                    answer.send(broken.encode())
                    return
            readable, _, _ = select.select([answer], [], [], _POLL_SECONDS)
            if readable and not answer.recv(1):
                return
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if holder is None:
                os.killpg(kernel, signal.SIGKILL)
            else:
                os.kill(kernel, signal.SIGKILL)
            os.waitpid(kernel, 0)


def _enter(libc: ctypes.CDLL, holder: int) -> None:
    """Move this process into the namespaces of a sandbox; the pid namespace takes its children."""
    flags = _NAMESPACES
    if os.geteuid() != 0:
        flags |= _USER_NAMESPACE
    descriptor = os.pidfd_open(holder)
    _check(libc.setns(descriptor, flags), "setns")
    os.close(descriptor)
    os.chdir("/")


def _become(libc: ctypes.CDLL, request: dict, limits: Limits, answer: socket.socket) -> None:
    """Become a kernel without rights, and run until it ends."""
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, answer.fileno())
    os.closerange(answer.fileno() + 1, 1 << 16)
    os.environ.clear()
    os.environ.update(_ENVIRONMENT)
    os.chdir(request["folder"])
    if request["holder"] is not None:
        _give_up_rights(libc, _FIRST_USER + request["holder"])
        impose(limits)
    else:
        os.environ["HOME"] = request["folder"]
        os.environ.pop("TMPDIR")
    libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)

    connection = Path(request["connection"]["ip"]).with_name("kernel.json")
    connection.write_text(json.dumps(request["connection"]), encoding="utf-8")
    arguments = ["-f", str(connection), "--HistoryManager.enabled=False"]
    arguments += ["--IPKernelApp.outstream_class=course_lib.grading.sandbox.streams.Stream"]
    sys.argv = ["ipykernel", *arguments]
    sys.path.insert(0, "")
    app = IPKernelApp.instance()
    app.initialize(arguments)
    answer.send(b"ready")
    answer.close()
    app.start()


def _give_up_rights(libc: ctypes.CDLL, user: int) -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    else:
        for capability in range(64):
            libc.prctl(_DROP_CAPABILITY, capability, 0, 0, 0)
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        _check(libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())), "capset")
    _check(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")
    # Or its own /proc/self would belong to root.
    _check(libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0), "prctl")


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

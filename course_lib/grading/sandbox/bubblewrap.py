"""A sandbox for one submission, made by bubblewrap.

Inside there is the system and this Python, read-only; an empty `/submission`, `/tmp` and `/dev/shm`
of bounded size in memory; no home, no network, no other process. Nothing outside can be written.
"""

import json
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
WORKPLACE = "/submission"
# Where the kernel's sockets are, seen from inside.
SOCKETS = "/run/kernel"
_NOBODY = 65534
_MEBIBYTE = 1 << 20
# Size of each writable folder; it lives in memory and is gone with the sandbox.
_WRITABLE = {
    WORKPLACE: 256 * _MEBIBYTE,
    "/tmp": 128 * _MEBIBYTE,
    "/dev/shm": 128 * _MEBIBYTE,
    SOCKETS: _MEBIBYTE,
}
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_SETTINGS = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")
_START_SECONDS = 60.0


class NoSandboxError(RuntimeError):
    """bubblewrap is missing or cannot work here; the message says what to do."""


class Sandbox:
    """Namespaces that a waiting process of bubblewrap holds open until `close`.

    Raises:
        NoSandboxError: bubblewrap is missing, or the system forbids it to work.
    """

    def __init__(self) -> None:
        program = shutil.which("bwrap")
        if program is None:
            raise NoSandboxError(
                "bwrap: not found; install the package bubblewrap, or accept with --unsafe that "
                "submissions run with your rights"
            )
        told, tell = os.pipe()
        try:
            self._holder = subprocess.Popen(
                [program, *_arguments(), "--info-fd", str(tell), "--", "/bin/sh", "-c", _WAIT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},
                pass_fds=(tell,),
            )
            os.close(tell)
            ready, _, _ = select.select([self._holder.stdout], [], [], _START_SECONDS)
            if not ready or not self._holder.stdout.read(1):
                self._holder.kill()
                said = self._holder.communicate()[1].decode("utf-8", "replace").strip()
                raise NoSandboxError(
                    f"bubblewrap cannot make a sandbox here ({said or 'no answer'}); allow user "
                    "namespaces, or accept with --unsafe that submissions run with your rights"
                )
            # The process of bubblewrap inside all namespaces, numbered as we see it.
            self.pid: int = json.loads(os.read(told, 65536))["child-pid"]
        finally:
            os.close(told)

    @property
    def root(self) -> Path:
        """The root folder of the sandbox, seen from outside."""
        return Path(f"/proc/{self.pid}/root")

    def close(self) -> None:
        """End everything inside; what was written there is gone."""
        self._holder.kill()
        self._holder.communicate()


# Says that all is mounted, then waits for the end of us: `cat` ends with its input.
_WAIT = "echo; exec cat >/dev/null"


def _arguments() -> list[str]:
    arguments = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    arguments += ["--unshare-cgroup-try", "--hostname", "sandbox", "--die-with-parent"]
    # As process 1 the one that waits cannot be killed from inside.
    arguments += ["--as-pid-1", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    if os.geteuid() != 0:
        # Root needs no user namespace and leaves root behind when a kernel enters: see the
        # warm process.
        arguments += ["--unshare-user", "--disable-userns", "--uid", str(_NOBODY)]
        arguments += ["--gid", str(_NOBODY)]
    arguments += ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for path in _SYSTEM:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    for path in _SETTINGS:
        arguments += ["--ro-bind-try", path, path]
    for path, size in _WRITABLE.items():
        arguments += ["--perms", "1777", "--size", str(size), "--tmpfs", path]
    for path in python_folders():
        # Or bubblewrap makes them for itself alone.
        for parent in reversed(Path(path).parents[:-1]):
            arguments += ["--perms", "0755", "--dir", str(parent)]
        arguments += ["--ro-bind", path, path]
    return [*arguments, "--remount-ro", "/"]


def python_folders() -> list[str]:
    """Where this Python, its packages and the course's package lie, outside of the system."""
    folders = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix)}
    folders |= {sys.prefix, sys.base_prefix, str(PACKAGE)}
    return sorted(path for path in folders if not path.startswith("/usr/") and path != "/usr")

"""Makes every kernel of a test run a fork of one process; the browser's are started as ever.

Importing torch and all else takes a kernel five seconds of processor time, and a run of the tests
starts some thirty of them.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

_PROGRAM = Path(__file__).with_name("forked.py")
# Memory that a step of training gives back is kept for the next one, in the workers and all that
# they start: else a tenth of its time goes into asking the system for pages.
_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}
_SERVER = pytest.StashKey[tuple[subprocess.Popen, str]]()


def start(config: pytest.Config) -> None:
    """Start the process, in the one that starts the workers, and name its kernel `python3`."""
    if hasattr(config, "workerinput"):
        return
    os.environ.update(_ENVIRONMENT)
    address = f"attention-course-tests-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + address)
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, _PROGRAM, "serve", str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
        )
    folder = tempfile.mkdtemp(prefix="attention-course-kernels-")
    spec = Path(folder, "kernels", "python3", "kernel.json")
    spec.parent.mkdir(parents=True)
    # Isolated and without site-packages: it is to start at once.
    command = [sys.executable, "-I", "-S", str(_PROGRAM), address, "-f", "{connection_file}"]
    about = {"argv": command, "display_name": "Python 3 (forked)", "language": "python"}
    spec.write_text(json.dumps(about), encoding="utf-8")
    # Kernels of the workers, too: they inherit the environment.
    paths = [folder, *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(paths)
    config.stash[_SERVER] = server, folder


def end(config: pytest.Config) -> None:
    """End the process; kernels that still run end with their clients."""
    if _SERVER in config.stash:
        server, folder = config.stash[_SERVER]
        server.stdin.close()
        server.wait()
        shutil.rmtree(folder)

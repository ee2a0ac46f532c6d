"""A kernel that need not import torch and the course: a fork of a process that has.

`python forked.py serve NUMBER` waits for requests on the socket of that number and imports when the
first one comes. `python forked.py ADDRESS ARGUMENTS…` is what Jupyter starts for a kernel: it asks
for a fork, hands it its streams, folder and environment, and lives as long as the fork does.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading

# What the lessons import, and what is imported behind their back: torch's optimisers need _dynamo.
_WARM = (
    "course_lib.exercises",
    "course_lib.plots",
    "course_lib.probes",
    "course_lib.train.tasks",
    "ipykernel.kernelapp",
    "IPython.core.completerlib",
    "IPython.extensions.storemagic",
    "matplotlib_inline.backend_inline",
    "tornado.platform.asyncio",
    "torch._dynamo",
    "torch.utils.flop_counter",
    "torchinfo",
)
# Matplotlib looks at it when it is imported, before a kernel would set it.
_BACKEND = "module://matplotlib_inline.backend_inline"
_INTERRUPT = b"i"


def serve(descriptor: int) -> None:
    """Fork a kernel for each request, until the standard input ends."""
    listener = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with_input, daemon=True).start()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.environ["MPLBACKEND"] = _BACKEND
    warm = False
    while True:
        connected, _ = listener.accept()
        if not warm:
            _import()
            warm = True
        with connected:
            text, streams, _, _ = socket.recv_fds(connected, 1 << 20, 3)
            if os.fork() == 0:
                listener.close()
                with contextlib.suppress(BaseException):
                    _become(json.loads(text), streams, connected)
                os._exit(1)
            for stream in streams:
                os.close(stream)


def _end_with_input() -> None:
    os.read(0, 1)
    os._exit(0)


def _import() -> None:
    for name in _WARM:
        importlib.import_module(name)
    sys.modules["course_lib.exercises"].ids()  # each lesson's are imported when first asked for
    gc.collect()
    gc.freeze()


def _become(request: dict, streams: list[int], connected: socket.socket) -> None:
    """Be the kernel that was asked for, and end when nobody waits for it."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"] | {"MPLBACKEND": _BACKEND})
    os.chdir(request["folder"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    threading.Thread(target=_obey, args=(connected,), daemon=True).start()
    sys.argv = ["ipykernel_launcher", *request["arguments"]]
    sys.modules["ipykernel.kernelapp"].launch_new_instance()
    os._exit(0)


def _obey(connected: socket.socket) -> None:
    while connected.recv(1) == _INTERRUPT:
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(0)


def ask(address: str, *arguments: str) -> None:
    """Have a kernel forked; an interrupt is handed on, and the end of one is that of the other."""
    request = {
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "arguments": arguments,
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.connect("\0" + address)
        signal.signal(signal.SIGINT, lambda *_: server.send(_INTERRUPT))
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        server.recv(1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        ask(*sys.argv[1:])

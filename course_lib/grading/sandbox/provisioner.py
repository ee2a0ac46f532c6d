"""Starts a notebook's kernel in a sandbox: Jupyter's own extension point, a kernel provisioner."""

import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Bool, Bytes, Dict

from course_lib.grading.sandbox import warm_process
from course_lib.grading.sandbox.bubblewrap import SOCKETS, WORKPLACE, Sandbox
from course_lib.grading.sandbox.limits import Limits

NAME = "attention-course-sandbox"
_CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
# The warm process may have to import everything first, on a machine with other work.
_READY_SECONDS = 300.0


class KernelSpecs(KernelSpecManager):
    """Knows one kernel: Python in a sandbox, whatever a notebook asks for."""

    safe = Bool(True)
    limits = Dict()
    warm = Bytes()

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The kernel; its command is the provisioner's affair."""
        provisioner = {
            "provisioner_name": NAME,
            "config": {"safe": self.safe, "limits": dict(self.limits), "warm": self.warm},
        }
        return KernelSpec(
            argv=["python"],
            display_name=kernel_name,
            language="python",
            interrupt_mode="message",
            metadata={"kernel_provisioner": provisioner},
        )


class SandboxProvisioner(KernelProvisionerBase):
    """Forks a kernel from the warm process into a sandbox of its own.

    The data files of the working folder are copied into the sandbox. The kernel's sockets lie in
    the sandbox too, and the grader reaches in for them: nothing of the outside is writable inside.
    """

    safe = Bool(True)
    limits = Dict()
    warm = Bytes()

    _kernel: socket.socket | None = None
    _sandbox: Sandbox | None = None
    # Why the kernel ended, in words; empty while it lives and where nobody knows.
    reason = ""

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel."""
        return self._kernel is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Nothing to prepare: the command line is not used."""
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Make the sandbox, fill it and start a kernel in it; returns how to reach it."""
        folder = Path(kwargs.get("cwd") or os.curdir).resolve()
        inside = outside = str(Path(self.parent.connection_file).parent / "kernel")
        if self.safe:
            self._sandbox = Sandbox()
            root = self._sandbox.root
            for path in folder.rglob("*"):
                if path.is_file() and not path.is_symlink() and path.suffix != ".ipynb":
                    target = Path(root, WORKPLACE[1:], path.relative_to(folder))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
            inside, outside = f"{SOCKETS}/k", f"{root}{SOCKETS}/k"
        session = self.parent.session
        info = {
            "transport": "ipc",
            "ip": outside,
            **{f"{name}_port": number for number, name in enumerate(_CHANNELS, start=1)},
            "signature_scheme": session.signature_scheme,
            "kernel_name": "",
        }
        connection = {**info, "ip": inside, "key": session.key.decode()}
        limits = Limits(**self.limits)
        try:
            self._kernel = warm_process.start(self.warm, self._sandbox, folder, connection, limits)
            self._kernel.settimeout(_READY_SECONDS)
            said = self._kernel.recv(4096).decode("utf-8", "replace")
        except TimeoutError:
            said = "no answer"
        except ConnectionError:
            said = ""
        if said != "ready":
            await self.cleanup()
            raise RuntimeError(f"the kernel did not start: {said or 'the warm process ended'}")
        self._kernel.setblocking(False)
        self.connection_info = {**info, "key": session.key}
        return self.connection_info

    async def poll(self) -> int | None:
        """None while the kernel lives."""
        if self._kernel is None:
            return 0
        try:
            said = self._kernel.recv(4096).decode("utf-8", "replace")
        except BlockingIOError:
            return None
        except OSError:
            said = ""
        self.reason = "" if said.startswith("status") else said
        await self.kill()
        return 1

    async def wait(self) -> int | None:
        """Wait for the end of the kernel; it was killed before."""
        return 0

    async def send_signal(self, signum: int) -> None:
        """Only the last signal is sent: an interrupt goes by message."""
        if signum == signal.SIGKILL:
            await self.kill()

    async def kill(self, restart: bool = False) -> None:
        """End the kernel with all that it started."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None

    async def terminate(self, restart: bool = False) -> None:
        """End the kernel; a learner's process is not asked politely."""
        await self.kill()

    async def cleanup(self, restart: bool = False) -> None:
        """Nothing stays."""
        await self.kill()

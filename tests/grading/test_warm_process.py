"""The warm process: whom it serves, and what happens when it is gone."""

import os
import signal
import socket

import pytest
from tiny_course import RIGHT, Course, Work

from course_lib.grading.sandbox import warm_process
from course_lib.grading.worker.execute import execute
from course_lib.grading.worker.job import Executed
from course_lib.grading.writer.grade import Grader
from course_lib.grading.writer.submissions import find_submissions


def told_to(user: int, address: bytes) -> bytes:
    """What a process of this user hears when it sends what is no request."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(user, user, user)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
                asking.connect(address)
                asking.send(b"{}")
                os.write(write, asking.recv(1000))
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read, "rb") as pipe:
        return pipe.read()


def executed(course: Course, warm: bytes = b"") -> Executed:
    course.submit("ann", Work(*RIGHT))
    with Grader(course.root) as grader:
        grader.register("tiny")
        [submission] = find_submissions(course.root)
        return execute(grader.prepare(submission).job, warm)


def test_a_killed_one_is_replaced(course: Course) -> None:
    first = warm_process.shared()
    first._process.kill()
    first._process.wait()
    assert executed(course).events == {}
    assert warm_process.shared() is not first


def test_one_that_dies_before_it_answers_is_told(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = warm_process.shared()._process
    connected = warm_process._connected

    def too_late(address: bytes) -> socket.socket:
        ours = connected(address)
        process.kill()
        process.wait()
        return ours

    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(warm_process, "_connected", too_late)
    with pytest.raises(RuntimeError, match="the warm process ended"):
        executed(course)


def test_where_none_answers_the_process_has_its_own(course: Course) -> None:
    assert executed(course, b"\0nobody").events == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_not_served() -> None:
    address = warm_process.shared().address
    assert b"KeyError" in told_to(0, address)  # it was read
    assert told_to(65534, address) == b""

"""A file is replaced whole or not at all."""

import os
import signal
import subprocess
import sys

import pytest

from course_lib.atomic import replacing


def test_the_new_content_comes_at_the_end_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "made" / "on the way" / "a.csv"
    with replacing(path) as new:
        new.write_text("one", encoding="utf-8")
        assert new.parent == path.parent  # a rename between two disks would be a copy
        assert not path.exists()
    with replacing(path) as new:
        new.write_text("two", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "one"
    assert path.read_text(encoding="utf-8") == "two"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_content(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old", encoding="utf-8")

    def interrupted():
        with replacing(path) as new:
            new.write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_old_content_and_the_next_writer_succeeds(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old", encoding="utf-8")
    code = (
        "import os, signal, sys, pathlib\n"
        "from course_lib.atomic import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as new:\n"
        "    new.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text(encoding="utf-8") == "old"
    with replacing(path) as new:
        new.write_text("new", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_not_written_replaces_nothing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text(encoding="utf-8") == "old"

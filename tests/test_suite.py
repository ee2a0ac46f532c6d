"""The suite itself: what runs first, where, and what a run tells in the end."""

import csv
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import durations
import pytest
import scheduling

HERE = Path(__file__).parent


def test_long_and_unknown_files_come_first_and_the_scattered_last(tmp_path: Path) -> None:
    measured = tmp_path / "seconds.csv"
    scattered = f"tests/{scheduling.SCATTERED[0]}"
    measured.write_text(f"file,tests,seconds\na.py,1,2.0\nb.py,1,30.0\n{scattered},9,300\n")
    names = ["a.py::x", f"{scattered}::x", "b.py::y", "new.py::x", "b.py::x"]
    items = [SimpleNamespace(nodeid=name) for name in names]
    scheduling.longest_first(items, measured)
    ordered = [item.nodeid for item in items]
    assert ordered == ["new.py::x", "b.py::y", "b.py::x", "a.py::x", f"{scattered}::x"]


def test_every_measured_file_is_there() -> None:
    with scheduling.MEASURED.open(encoding="utf-8", newline="") as file:
        gone = [r["file"] for r in csv.DictReader(file) if not (HERE.parent / r["file"]).is_file()]
    assert gone == [], "run the tests and then `make seconds`"


@pytest.mark.parametrize(
    ("file", "room"),
    [
        ("tests/grading/writer/test_stage.py", "grading"),
        ("tests/attention/test_simam.py", "attention"),
        ("tests/test_costs.py", "costs"),
        ("solutions/00_tools/00_tools.ipynb", "solutions/00_tools"),
    ],
)
def test_the_room_of_a_file(file: str, room: str) -> None:
    assert durations.room_of(file) == room


def test_a_run_ends_with_its_slowest_tests_and_its_rooms(tmp_path: Path) -> None:
    tests = tmp_path / "tests" / "quick"
    tests.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider")
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(HERE)!r})\nimport durations\n"
        "def pytest_terminal_summary(terminalreporter, config):\n"
        "    durations.report(terminalreporter, config.rootpath)\n"
    )
    (tests / "test_a.py").write_text("def test_b(): pass\ndef test_c(): assert False")
    (tests.parent / "test_d.py").write_text(
        "import pytest\n@pytest.fixture\ndef slow():\n    sum(range(3_000_000))\n"
        "def test_e(slow): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    _, _, told = done.stdout.partition("slowest, in seconds")
    slowest, _, rooms = told.partition("each room")
    # The seconds of a fixture are those of the test that first asks for it.
    assert slowest.split()[2:3] == ["tests/test_d.py::test_e"]
    lines = [line.split()[1:] for line in rooms.splitlines()[1:4]]
    assert sorted(lines) == [["1", "d"], ["2", "quick"], ["3", "all"]]
    with (tmp_path / durations.KEPT).open(encoding="utf-8", newline="") as file:
        kept = {row["file"]: int(row["tests"]) for row in csv.DictReader(file)}
    assert kept == {"tests/quick/test_a.py": 2, "tests/test_d.py": 1}

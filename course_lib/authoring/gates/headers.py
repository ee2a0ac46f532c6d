"""Only the agreed headers of cells: ordinary, solution and check; nothing else is graded."""

import ast
import re

from nbformat import NotebookNode

from course_lib.authoring.gates import places
from course_lib.authoring.gates.places import where

ORDINARY_TAGS = {"nbval-check-output", "measures-time"}
CHECK_TAGS = ["raises-exception"]
CHECK_SUFFIX = "-check"
MARKS = (places.BEGIN_SOLUTION, places.END_SOLUTION, places.BEGIN_HIDDEN, places.END_HIDDEN)
_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SOLUTION = {"grade": False, "locked": False, "schema_version": 3, "solution": True, "task": False}
_CHECK = {"grade": True, "locked": True, "schema_version": 3, "solution": False, "task": False}


def gate(notebook: NotebookNode, name: str) -> list[str]:
    """Hold every cell to one of the three headers, and the graded cells to their form."""
    problems: list[str] = []
    seen: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        here = where(name, index, cell)
        if places.is_check(cell):
            before = notebook.cells[index - 1] if index else None
            found = _check_cell(cell, before)
        elif places.is_solution(cell):
            after = notebook.cells[index + 1] if index + 1 < len(notebook.cells) else None
            found = _solution_cell(cell, after)
        else:
            found = _ordinary_cell(cell)
        grade_id = places.grade_id(cell)
        if grade_id is not None:
            if grade_id in seen:
                found.append(f"grade_id {grade_id!r} is taken already; give each exercise its own")
            if not _KEBAB.fullmatch(grade_id):
                found.append(f"grade_id {grade_id!r} is not kebab-case; write it like-this")
            seen.add(grade_id)
        problems += [f"{here}: {problem}" for problem in found]
    return problems


def _ordinary_cell(cell: NotebookNode) -> list[str]:
    problems = _metadata(cell, {"tags"} if cell.cell_type == "code" else set())
    if cell.cell_type not in ("code", "markdown"):
        problems.append(f"a {cell.cell_type} cell; use markdown or code")
    strange = set(cell.metadata.get("tags", [])) - ORDINARY_TAGS
    if cell.cell_type == "code" and strange:
        problems.append(f"tags {sorted(strange)}; an ordinary cell has {sorted(ORDINARY_TAGS)}")
    if any(mark.lower() in cell.source.lower() for mark in MARKS):
        problems.append(
            "a mark of a solution or of hidden tests outside a solution or check cell; remove it"
        )
    return problems


def _metadata(cell: NotebookNode, allowed: set[str]) -> list[str]:
    extra = sorted(set(cell.metadata) - allowed)
    return [f"metadata {extra}; a {cell.cell_type} cell of this kind has none"] if extra else []


def _nbgrader(cell: NotebookNode, expected: dict[str, object]) -> list[str]:
    actual = dict(cell.metadata.nbgrader)
    wrong = {key for key in actual.keys() | expected.keys() if actual.get(key) != expected.get(key)}
    return [
        f"nbgrader metadata {key}={actual.get(key)!r}; it must be {expected.get(key)!r}"
        for key in sorted(wrong)
    ]


def _solution_cell(cell: NotebookNode, after: NotebookNode | None) -> list[str]:
    expected = {**_SOLUTION, "grade_id": places.grade_id(cell) or "its exercise's id"}
    problems = _metadata(cell, {"nbgrader"}) + _nbgrader(cell, expected)
    marks = [line.strip() for line in cell.source.splitlines() if "### " in line]
    inside, _ = places.split_region(cell.source, places.BEGIN_SOLUTION, places.END_SOLUTION)
    regions = [places.BEGIN_SOLUTION, places.END_SOLUTION] * (len(marks) // 2)
    if not marks or marks != regions or not any(map(str.strip, inside)):
        problems.append(
            f"each part of the answer needs a pair {places.BEGIN_SOLUTION} … "
            f"{places.END_SOLUTION} around it, and there is no other ### line"
        )
    if after is None or not places.is_check(after):
        problems.append("no check cell follows; put `:check:` right after `:solution:`")
    return problems


def _check_cell(cell: NotebookNode, before: NotebookNode | None) -> list[str]:
    problems = _metadata(cell, {"nbgrader", "tags"})
    if cell.metadata.get("tags") != CHECK_TAGS:
        problems.append(f"tags {cell.metadata.get('tags')}; a check cell has {CHECK_TAGS}")
    if before is None or not places.is_solution(before):
        return [*problems, "a check cell must directly follow its solution cell"]
    exercise = places.grade_id(before)
    points = cell.metadata.nbgrader.get("points")
    expected = {**_CHECK, "grade_id": f"{exercise}{CHECK_SUFFIX}", "points": points}
    problems += _nbgrader(cell, expected)
    if isinstance(points, bool) or not isinstance(points, int | float) or points <= 0:
        problems.append(f"points={points!r}; they must be a number above 0")
    return problems + _check_source(cell.source, exercise)


def _check_source(source: str, exercise: str | None) -> list[str]:
    """A check cell is two calls; so nothing in it can print to standard error."""
    form = (
        f'a check cell holds check("{exercise}", NAME), then {places.BEGIN_HIDDEN}, the same '
        f"call with hidden=True, {places.END_HIDDEN}, and nothing else"
    )
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        return [f"{form}; it does not parse: {error.msg}"]
    calls = [
        node.value
        for node in body
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "check"
    ]
    if len(body) != 2 or len(calls) != 2:
        return [form]
    comments = [
        (number, line.strip())
        for number, line in enumerate(source.splitlines(), 1)
        if line.lstrip().startswith("#")
    ]
    shown, hidden = calls
    marked = [text for _, text in comments] == [places.BEGIN_HIDDEN, places.END_HIDDEN] and (
        (shown.end_lineno or 0) < comments[0][0] < hidden.lineno
        and (hidden.end_lineno or 0) < comments[1][0]
    )
    well_formed = (
        marked
        and [type(arg) for arg in shown.args] == [ast.Constant, ast.Name]
        and ast.literal_eval(shown.args[0]) == exercise
        and not shown.keywords
        and [ast.dump(arg) for arg in hidden.args] == [ast.dump(arg) for arg in shown.args]
        and [ast.unparse(keyword) for keyword in hidden.keywords] == ["hidden=True"]
    )
    return [] if well_formed else [form]

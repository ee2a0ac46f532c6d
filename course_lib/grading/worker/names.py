"""The names that cells use and define, and which cells a grade depends on because of them."""

import ast
import builtins
import re
import symtable
from collections.abc import Collection, Iterator, Mapping

from course_lib.grading.worker.remembered import remembered

# A cell with one of these may use any name.
_ANY_NAME = re.compile(
    r"\b(globals|locals|vars|eval|exec|get_ipython|__main__)\b|^\s*[%!]|=\s*[%!]", re.MULTILINE
)


@remembered
def used(text: str) -> frozenset[str]:
    """The names that a cell reads, at its top or inside of a function, other than builtins.

    Raises:
        SyntaxError: the cell is not plain Python.
    """
    found = frozenset(s.get_name() for s in _globals(text) if s.is_referenced())
    return found - vars(builtins).keys()


@remembered
def defined(text: str) -> frozenset[str]:
    """The names of the notebook that a cell binds.

    Raises:
        SyntaxError: the cell is not plain Python.
    """
    return frozenset(s.get_name() for s in _globals(text) if s.is_assigned() or s.is_imported())


@remembered
def imports(text: str) -> list[ast.stmt]:
    """The import statements at the top of a cell; none where it is not plain Python."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return []
    return [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]


@remembered
def checked(text: str) -> tuple[tuple[str, str, bool], ...]:
    """The calls of `check` in a cell: exercise, name of the answer, and whether it is hidden."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(
                func=ast.Name("check"),
                args=[ast.Constant(str(exercise)), ast.Name(answer)],
                keywords=[] | [ast.keyword("hidden", ast.Constant(True))],
            ):
                found.append((exercise, answer, bool(node.keywords)))
    return tuple(found)


def relevant(learners: Collection[str], course: Mapping[int, str]) -> set[int]:
    """Choose the cells of the course that the learner's cells depend on.

    A cell is chosen when it defines a name that a chosen one uses, or when it uses such a name
    other than an import, and so may change what it holds.

    Args:
        learners: the cells that run in any case.
        course: cells that may be left out, by their place.

    Returns:
        The places of the chosen cells.
    """
    chosen: set[int] = set()
    needed: set[str] = set()
    try:
        for text in learners:
            if _ANY_NAME.search(text):
                return set(course)
            needed |= used(text)
    except (SyntaxError, ValueError, RecursionError):
        return set(course)
    imported = {
        (alias.asname or alias.name).split(".")[0]
        for text in course.values()
        for node in imports(text)
        for alias in node.names
    }
    while True:
        more = {
            place
            for place, text in course.items()
            if place not in chosen and _matters(text, needed, imported)
        }
        if not more:
            return chosen
        chosen |= more
        needed |= {name for place in more for name in _readable(course[place])}


def _matters(text: str, needed: set[str], imported: set[str]) -> bool:
    try:
        return bool(defined(text) & needed or (used(text) & needed) - imported)
    except SyntaxError:  # it may define anything
        return True


def _readable(text: str) -> frozenset[str]:
    try:
        return used(text)
    except SyntaxError:
        return frozenset()


def _globals(text: str) -> Iterator[symtable.Symbol]:
    tables = [symtable.symtable(text, "<cell>", "exec")]
    top = tables[0]
    while tables:
        table = tables.pop()
        yield from (s for s in table.get_symbols() if table is top or s.is_global())
        tables += table.get_children()

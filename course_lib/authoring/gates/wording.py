"""Wording of an exercise: its texts hold to the same rules of language as a lesson's prose."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from nbformat.v4 import new_markdown_cell, new_notebook

from course_lib.authoring.gates import languages, prose, terms
from course_lib.bilingual import Text


def gate(exercise: object, name: str) -> list[str]:
    """Read every text of an exercise: title, cases, mutants' explanations, choices.

    Args:
        exercise: a ``course_lib.checks.Exercise``.
        name: what the problems are reported for, such as the exercise's id.
    """
    cells = [
        new_markdown_cell(
            f'<div lang="zh">\n\n{text.zh}\n\n</div>\n<div lang="en">\n\n{text.en}\n\n</div>'
        )
        for text in _texts(exercise)
    ]
    notebook = new_notebook(cells=cells)
    return [p for of in (languages, prose, terms) for p in of.gate(notebook, name)]


def _texts(part: object) -> Iterator[Text]:
    if isinstance(part, Text):
        yield part
    elif isinstance(part, tuple | list):
        for item in part:
            yield from _texts(item)
    elif is_dataclass(part):
        for each in fields(part):
            yield from _texts(getattr(part, each.name))
    elif isinstance(part, dict):
        yield from _texts(list(part.values()))

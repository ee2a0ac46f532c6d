"""Gates: what every lesson holds to, as functions that read a notebook and return problems.

Each problem is one line: the lesson, the cell, what is wrong and what to do.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.authoring.gates import (
    anatomy,
    headers,
    languages,
    outputs,
    prose,
    release,
    terms,
)


def check_source(notebook: NotebookNode, name: str, kind_of: Callable[[str], str]) -> list[str]:
    """All problems of a solution notebook as it is built from the text.

    Args:
        notebook: markdown and code with nbgrader's metadata; outputs do not matter.
        name: name of the lesson, such as 01_squeeze_excitation.
        kind_of: gives the kind of an exercise for its id.

    Returns:
        One line for each problem.
    """
    return [
        *headers.gate(notebook, name),
        *anatomy.gate(notebook, name, kind_of),
        *languages.gate(notebook, name),
        *prose.gate(notebook, name),
        *terms.gate(notebook, name),
    ]


def check_executed(path: Path) -> list[str]:
    """All problems with the outputs of an executed solution notebook, `NAME/NAME.ipynb`."""
    return outputs.gate(path, path.stem)


def check_release(path: Path, solution: NotebookNode) -> list[str]:
    """All problems of one release notebook beside the solution it was made from."""
    return release.gate(nbformat.read(path, as_version=4), path.stem, solution)


def check_release_folder(root: Path, lessons: Iterable[str]) -> list[str]:
    """All files in the release folder that no lesson makes."""
    return release.folder(root, lessons)

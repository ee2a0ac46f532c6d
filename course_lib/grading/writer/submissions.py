"""What learners handed in: where it lies, and what of it is not even looked at."""

import os
from dataclasses import dataclass
from pathlib import Path

# Marks the course's folder.
CONFIG = "nbgrader_config.py"
# A submission above these sizes, in bytes, is not read.
_LARGEST_NOTEBOOK = 64 << 20
_LARGEST_FILES = 64 << 20
_IGNORED = ("__pycache__",)


class RefusedError(Exception):
    """A submission, a lesson or a run that is not possible as it is; the message says why."""


@dataclass(frozen=True)
class Submission:
    """One learner's folder for one lesson, or what lies in its place."""

    learner: str
    lesson: str
    path: Path

    @property
    def key(self) -> tuple[str, str]:
        """What its row is found by."""
        return self.learner, self.lesson

    def shown(self, *parts: str) -> str:
        """The path that messages name, from the course's root."""
        return "/".join(filter(None, ["submitted", *self.key, *parts]))


def find_lessons(root: Path) -> list[str]:
    """Names of the lessons whose solution notebook exists."""
    return sorted(
        path.parent.name
        for path in root.glob("solutions/*/*.ipynb")
        if path.stem == path.parent.name
    )


def find_submissions(root: Path) -> list[Submission]:
    """Everything that lies at `submitted/LEARNER/LESSON`, also what cannot be graded."""
    found = []
    for learner in _visible(root / "submitted"):
        if learner.is_dir():
            found += [Submission(learner.name, path.name, path) for path in _visible(learner)]
        else:
            found.append(Submission(learner.name, "", learner))
    return found


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def refuse_links(submission: Submission, root: Path) -> None:
    """Refuse what is not a plain file or folder: a link could show another learner's work."""
    paths = [submission.path, *submission.path.parents]
    paths = paths[: paths.index(root / "submitted")]
    for folder, folders, files in os.walk(submission.path):
        paths += [Path(folder, name) for name in [*folders, *files]]
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            shown = path.relative_to(root).as_posix()
            raise RefusedError(f"{shown}: a link or a device; submissions hold plain files only")


def notebook_of(submission: Submission) -> bytes:
    """The notebook as it was handed in.

    Raises:
        RefusedError: it is not there, or too much.
    """
    source = submission.path / f"{submission.lesson}.ipynb"
    if not source.is_file():
        there = ", ".join(path.name for path in _visible(submission.path)) or "nothing"
        raise RefusedError(f"{submission.shown()}: no {source.name} in it; there is: {there}")
    if source.stat().st_size > _LARGEST_NOTEBOOK:
        raise RefusedError(f"{submission.shown(source.name)}: larger than 64 MiB")
    return source.read_bytes()


def data_files(submission: Submission) -> dict[str, bytes]:
    """What lies beside the notebook, by relative path; hidden files are left out.

    Raises:
        RefusedError: it is too much.
    """
    found: dict[str, bytes] = {}
    room = _LARGEST_FILES
    for folder, folders, names in os.walk(submission.path):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _IGNORED)
        for name in sorted(names):
            path = Path(folder, name)
            if name.startswith(".") or path.suffix == ".ipynb":
                continue
            room -= path.stat().st_size + 1024
            if room < 0:
                raise RefusedError(f"{submission.shown()}: files of more than 64 MiB in it")
            found[path.relative_to(submission.path).as_posix()] = path.read_bytes()
    return found

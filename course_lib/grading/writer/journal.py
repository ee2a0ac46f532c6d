"""What is done of a run, so that one that was killed can go on where it was."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from course_lib.grading.writer.report import Row

NAME = ".course-grade-journal"


class Journal:
    """A file with a line for each submission that is recorded in full."""

    def __init__(self, root: Path, resume: bool) -> None:
        """Open it.

        Args:
            root: the course's folder.
            resume: whether the lines of the run before count.
        """
        self._path = root / NAME
        self._rows: dict[tuple[str, str, str], Row] = {}
        if resume and self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                self._read(line)
        self._file = self._path.open("a" if resume else "w", encoding="utf-8")
        # A line that was cut off must not take the next one with it.
        self._file.write("\n")

    def _read(self, line: str) -> None:
        try:
            record = json.loads(line)
            row = Row(**record["row"])
        except (ValueError, TypeError, KeyError):
            return
        self._rows[*row.key, record["digest"]] = row

    def done(self, key: tuple[str, str], digest: str) -> Row | None:
        """The row of equal work that was recorded before."""
        return self._rows.get((*key, digest))

    def add(self, digest: str, row: Row) -> None:
        """Note that a submission is recorded; when this returns, no crash forgets it."""
        self._file.write(json.dumps({"digest": digest, "row": asdict(row)}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self, finished: bool) -> None:
        """Close it; a finished run needs it no more."""
        self._file.close()
        if finished:
            self._path.unlink(missing_ok=True)

"""Files that are whole at every moment: whoever reads one finds the old file or the new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside the file; what was written there takes its place at the end.

    An error, or the end of the process, leaves the old file. The folder is made where it is
    missing.

    Args:
        path: the file to write or to replace.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    try:
        yield new
        # Else a power cut may leave the new name with nothing behind it.
        with new.open("rb") as file:
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)

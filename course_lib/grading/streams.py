"""The standard streams of a learner's kernel."""

from ipykernel.iostream import OutStream


class Stream(OutStream):
    """Leaves out flushes of nothing: a kernel flushes six times a cell, and each wakes a thread."""

    _written = False

    def write(self, string: str) -> int | None:
        """Take a text; it is sent soon, or at the next flush."""
        self._written = True
        return super().write(string)

    def flush(self) -> None:
        """Send what was written since the flush before."""
        if self._written:
            # Before it: what another thread writes meanwhile is for the next one.
            self._written = False
            super().flush()

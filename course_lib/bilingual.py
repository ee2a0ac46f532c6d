"""A text in both languages, and how it is shown: one truth for checks, tables and captions."""

import html
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, repr=False)
class Text:
    """One statement in Simplified Chinese and in English; code stands in `backticks`."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"

    __repr__ = __str__

    def html(self) -> str:
        """Two spans; the language button of the course hides one of them."""
        return f'<span lang="zh">{_code(self.zh)}</span> <span lang="en">{_code(self.en)}</span>'

    def _repr_html_(self) -> str:
        return f"<p>{self.html()}</p>"


def _code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def show(thing: object) -> None:
    """Show a thing below the cell of a notebook; print it elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(thing)
        return
    if get_ipython() is None:
        print(thing)
    else:
        display(thing)


class LiveOutput:
    """One output of a notebook's cell, which shows the last thing given to it."""

    def __init__(self) -> None:
        self._handle: Any = None

    @staticmethod
    def possible() -> bool:
        """Whether this runs in the kernel of a notebook; elsewhere no output can be updated."""
        try:
            from IPython import get_ipython
        except ImportError:
            return False
        return getattr(get_ipython(), "kernel", None) is not None

    def show(self, thing: object) -> None:
        """Show a thing in the place of the one before; only where that is possible."""
        if self._handle is None:
            from IPython.display import display

            self._handle = display(thing, display_id=True)
        else:
            self._handle.update(thing)

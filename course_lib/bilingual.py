"""A text in both languages, and how it is shown: one truth for checks, tables and captions."""

import html
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """One statement in Simplified Chinese and in English."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"

    def format(self, **values: object) -> "Text":
        """Fill the same named values into both languages."""
        return Text(self.zh.format(**values), self.en.format(**values))

    def html(self) -> str:
        """Two spans; the language button of the course hides one of them."""
        return (
            f'<span lang="zh">{html.escape(self.zh)}</span> '
            f'<span lang="en">{html.escape(self.en)}</span>'
        )


def show(text: Text) -> None:
    """Show a text below the cell: both languages, or the chosen one when the button is set."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(text)
        return
    if get_ipython() is None:
        print(text)
        return
    display(
        {"text/plain": str(text), "text/html": f"<p>{text.html()}</p>"},
        raw=True,
    )

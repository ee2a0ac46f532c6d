"""A figure in a notebook: with alternative text, and with a caption in two languages."""

import base64
import html
import io
from pathlib import Path

from matplotlib.figure import Figure

from course_lib.atomic import replacing
from course_lib.bilingual import Text
from course_lib.bilingual import show as show_below

_DPI = 90
# Without the Software entry the bytes do not depend on matplotlib's version string.
_METADATA = {"Software": None}


class Picture:
    """A figure as HTML with alternative text; plain text where HTML is not shown."""

    def __init__(self, figure: Figure, alt: Text, caption: Text) -> None:
        self._alt, self._caption = alt, caption
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI, metadata=_METADATA)
        self._data = base64.b64encode(stream.getvalue()).decode("ascii")

    def __repr__(self) -> str:
        return f"[{self._alt}]\n{self._caption}"

    def _repr_html_(self) -> str:
        # An image output of Jupyter carries no alternative text; an HTML image does.
        alt = html.escape(str(self._alt), quote=True)
        return (
            f'<img src="data:image/png;base64,{self._data}" alt="{alt}" '
            'style="max-width:100%;background:white">'
            f"<p>{self._caption.html()}</p>"
        )


def show(figure: Figure, alt: Text, caption: Text) -> None:
    """Show a figure with its alternative text, and one line below it that says what it shows.

    Args:
        figure: the figure.
        alt: what a reader who cannot see the picture needs to know.
        caption: what the picture shows.

    Raises:
        ValueError: if either text is empty in a language.
    """
    show_below(picture(figure, alt, caption))


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all; returns the path."""
    with replacing(path) as new:
        figure.savefig(new, format="png", dpi=110, metadata=_METADATA)
    return path


def picture(figure: Figure, alt: Text, caption: Text) -> Picture:
    """A figure as what a notebook shows; arguments and errors are those of ``show``."""
    for text in (alt, caption):
        if not (text.zh.strip() and text.en.strip()):
            raise ValueError("a picture needs alternative text and a caption in both languages")
    return Picture(figure, alt, caption)

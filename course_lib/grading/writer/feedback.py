"""What a browser may be shown of a submission: filters of nbconvert's names for its templates."""

import bleach
from bleach.css_sanitizer import CSSSanitizer
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown import markdown2html_mistune

from course_lib.grading.worker.remembered import remembered

_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl"),
    *("dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "mark", "ol"),
    *("p", "pre", "s", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td"),
    *("tfoot", "th", "thead", "tr", "u", "ul"),
}
_ATTRIBUTES = {
    "*": ["align", "class", "dir", "id", "lang", "style", "title"],
    "a": ["href"],
    "details": ["open"],
    "img": ["alt", "height", "src", "width"],
    "ol": ["start"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan"],
}
_STYLES = CSSSanitizer(
    allowed_css_properties=[
        *("background-color", "border", "border-left", "color", "font-size", "font-style"),
        *("font-weight", "margin", "max-width", "padding", "text-align", "width"),
    ]
)
# No address outside of the page: what a learner's page loads from there tells who reads it when.
_PROTOCOLS = {"data", "http", "https", "mailto"}


@remembered
def _clean(text: str) -> str:
    return bleach.clean(
        text,
        tags=_TAGS,
        attributes=_allowed,
        protocols=_PROTOCOLS,
        css_sanitizer=_STYLES,
        strip=True,
    )


@remembered
def _markdown(source: str) -> str:
    # Pictures that a learner dropped into a text do not come along, and one that is missing would
    # cost the whole page.
    return _clean(markdown2html_mistune(source.replace("attachment:", "")))


_highlight = remembered(Highlight2HTML())


def clean_html(element: object) -> str:
    """Leave of an HTML text what formats and nothing that acts."""
    return _clean(element.decode() if isinstance(element, bytes) else str(element))


def markdown2html(source: str) -> str:
    """The HTML of a Markdown text; nbgrader's templates do not clean it themselves."""
    return _markdown(source)


def highlighted(source: str, **options: object) -> str:
    """Python in colours, as HTML."""
    return _highlight(source)


def _allowed(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return value.startswith("data:image/")
    if tag == "a" and name == "href" and value.strip().lower().startswith("data:"):
        return False
    return name in _ATTRIBUTES["*"] or name in _ATTRIBUTES.get(tag, [])

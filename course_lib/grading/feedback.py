"""What a browser may be shown of a submission."""

import bleach
from bleach.css_sanitizer import CSSSanitizer

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
        *("font-weight", "margin", "padding", "text-align", "width"),
    ]
)
# No address outside of the page: what a learner's page loads from there tells who reads it when.
_PROTOCOLS = {"data", "http", "https", "mailto"}


def clean_html(element: object) -> str:
    """Leave of an HTML text what formats and nothing that acts; the filter of nbconvert's name."""
    text = element.decode() if isinstance(element, bytes) else str(element)
    return bleach.clean(
        text,
        tags=_TAGS,
        attributes=_allowed,
        protocols=_PROTOCOLS,
        css_sanitizer=_STYLES,
        strip=True,
    )


def _allowed(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return value.startswith("data:image/")
    if tag == "a" and name == "href" and value.strip().lower().startswith("data:"):
        return False
    return name in _ATTRIBUTES["*"] or name in _ATTRIBUTES.get(tag, [])

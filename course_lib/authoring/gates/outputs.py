"""Outputs of the executed notebook: small, clean, the same everywhere, pictures described."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.authoring.gates import places
from course_lib.authoring.gates.blocks import HAN
from course_lib.authoring.gates.places import where

NOTEBOOK_LIMIT = 1_000_000  # bytes
OUTPUT_LIMIT = 200_000
FORMATS = {"text/plain", "text/html"}
_LOCAL = re.compile(r"(?<![\w.:/])/(?:tmp|work|home|root|Users|usr|opt|var)/[\w./-]*")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,}", re.IGNORECASE)
_ALT = re.compile(rf"(?P<zh>.*[{HAN}].*) / (?P<en>[^{HAN}]*[A-Za-z][^{HAN}]*)", re.S)


def gate(path: Path, name: str) -> list[str]:
    """Read an executed solution notebook and say what is wrong with its outputs."""
    size = path.stat().st_size
    problems = []
    if size >= NOTEBOOK_LIMIT:
        problems.append(
            f"{name}: {path.name} has {size:,} bytes, the limit is {NOTEBOOK_LIMIT:,}; make "
            "pictures smaller or fewer"
        )
    notebook = nbformat.read(path, as_version=4)
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        found = [problem for output in cell.outputs for problem in _output(output)]
        if places.is_check(cell) and not cell.outputs:
            found.append("the check printed nothing; execute the notebook with `make notebooks`")
        problems += [f"{where(name, index, cell)}: {problem}" for problem in found]
    return problems


def _output(output: NotebookNode) -> list[str]:
    if output.output_type == "error":
        return [f"error {output.ename}: {output.evalue}; a solution runs without errors"]
    problems = []
    size = len(json.dumps(output).encode())
    if size >= OUTPUT_LIMIT:
        problems.append(f"an output of {size:,} bytes, the limit is {OUTPUT_LIMIT:,}; make it less")
    if output.output_type == "stream":
        if output.name != "stdout":
            problems.append(f"text on {output.name}: {output.text[:60]!r}; silence its cause")
        return problems + _text(output.text)
    if formats := sorted(set(output.data) - FORMATS):
        problems.append(
            f"an output of type {formats}; only {sorted(FORMATS)}, pictures through plots.show"
        )
    for kind in sorted(FORMATS & set(output.data)):
        problems += _text(output.data[kind])
    return problems + _pictures(output.data.get("text/html", ""))


def _text(text: str) -> list[str]:
    text = re.sub(r"data:[\w/+-]+;base64,[\w+/=\s]*", "", text)
    return [
        f"{match[0]!r} in an output, {reason}"
        for pattern, reason in (
            (_LOCAL, "a path of one machine; print a name or a relative path"),
            (_ADDRESS, "an address that changes from run to run; print something else"),
        )
        if (match := pattern.search(text))
    ]


class _Pictures(HTMLParser):
    """Collects each picture's alternative text and the languages of the spans after it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.alts: list[str] = []
        self.captions: list[set[str]] = []
        self.drawn: set[str] = set()
        self._lang: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note pictures and the language of spans."""
        values = dict(attrs)
        if tag == "img":
            self.alts.append(values.get("alt") or "")
            self.captions.append(set())
        elif tag in ("svg", "canvas", "object", "video"):
            self.drawn.add(tag)
        elif tag == "span":
            self._lang = values.get("lang")

    def handle_endtag(self, tag: str) -> None:
        """End a span."""
        if tag == "span":
            self._lang = None

    def handle_data(self, data: str) -> None:
        """A span counts as caption when it holds text."""
        if self._lang and self.captions and data.strip():
            self.captions[-1].add(self._lang)


def _pictures(html: str) -> list[str]:
    pictures = _Pictures(html)
    problems = [f"<{tag}> in an output; show pictures with plots.show" for tag in pictures.drawn]
    for alt, languages in zip(pictures.alts, pictures.captions, strict=True):
        if not _ALT.fullmatch(alt):
            problems.append(f"a picture with alt={alt[:60]!r}; it must be `中文 / English`")
        if languages != {"zh", "en"}:
            problems.append(
                'a picture without a caption in <span lang="zh"> and <span lang="en"> after it; '
                "show it with plots.show"
            )
    return problems

"""Reading bilingual markdown: language blocks, and what stands in one of them."""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
# Stands for a formula or a code span in prose, so that its neighbours do not join.
GAP = "\ufffc"
HEADING = re.compile(r"(#{1,6}) +(.*\S)")
_OPEN = re.compile(r'<div lang="(zh|en)">')
_DETAILS = re.compile(r"</details>|<details><summary>([^<>]+)</summary>")
_PARSER = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, double_inline=True)


@dataclass(frozen=True)
class Part:
    """A run of lines of a markdown cell: in a language block (zh, en) or outside ("")."""

    lang: str
    text: str


def split(source: str) -> tuple[list[Part], list[str]]:
    """Cut a markdown cell into its parts, and say what is wrong with the form of the blocks."""
    parts: list[Part] = []
    problems: list[str] = []
    lang, lines, fenced = "", list[str](), False

    def close(next_lang: str) -> None:
        nonlocal lang, lines
        text = "\n".join(lines)
        if lang and (not text.strip() or lines[0].strip() or lines[-1].strip()):
            problems.append(
                f'<div lang="{lang}"> is empty or lacks a blank line after its opening or before '
                "its closing tag; without these, markdown and math are not read"
            )
        if lang or text.strip():
            parts.append(Part(lang, text))
        lang, lines = next_lang, []

    for line in source.splitlines():
        fenced ^= line.lstrip().startswith("```")
        opening = _OPEN.fullmatch(line)
        if opening and not lang and not fenced:
            close(opening[1])
        elif line == "</div>" and lang and not fenced:
            close("")
        elif "<div" in line or "</div" in line:
            problems.append(
                f'{line!r} is no tag of a language block; write <div lang="zh"> or '
                '<div lang="en"> … </div>, each tag alone on its line, never nested'
            )
        else:
            lines.append(line)
    if lang:
        problems.append(f'<div lang="{lang}"> is never closed; write </div> on a line of its own')
    close("")
    return parts, problems


def pairs(source: str) -> list[tuple[str, str]]:
    """The texts (zh, en) of the pairs of blocks in a markdown cell."""
    blocks = [part for part in split(source)[0] if part.lang]
    return [(a.text, b.text) for a, b in pairwise(blocks) if (a.lang, b.lang) == ("zh", "en")]


@dataclass
class Reading:
    """What a block holds."""

    math: Counter[str] = field(default_factory=Counter)
    code: Counter[str] = field(default_factory=Counter)
    fences: list[str] = field(default_factory=list)
    links: Counter[str] = field(default_factory=Counter)
    items: int = 0
    rows: list[list[str]] = field(default_factory=list)  # of tables: the prose of each cell
    details: int = 0
    headings: int = 0
    html: list[str] = field(default_factory=list)  # HTML and pictures, which have no place here
    prose: list[str] = field(default_factory=list)  # of each paragraph, table cell and summary
    plain: list[str] = field(default_factory=list)  # prose without link texts and emphasis


@cache
def read(text: str) -> Reading:
    """Parse the markdown of one block."""
    reading = Reading()
    before = ""
    for token in _PARSER.parse(text):
        if token.type == "inline":
            _read_inline(token.children or [], reading)
            if before in ("td_open", "th_open"):
                reading.rows[-1].append(reading.prose[-1])
        elif token.type == "math_block":
            reading.math[" ".join(token.content.split())] += 1
        elif token.type in ("fence", "code_block"):
            reading.fences.append(f"{token.info}\n{token.content}")
        elif token.type == "list_item_open":
            reading.items += 1
        elif token.type == "tr_open":
            reading.rows.append([])
        elif token.type == "heading_open":
            reading.headings += 1
        elif token.type == "html_block":
            _read_html(token.content, reading)
        before = token.type
    return reading


def _read_inline(tokens: list[Token], reading: Reading) -> None:
    """Take formulas, code and links out of one paragraph; the rest is prose."""
    prose, plain, aside = "", "", 0
    for token in tokens:
        piece = ""
        if token.type.startswith("math_inline"):
            reading.math[" ".join(token.content.split())] += 1
            piece = GAP
        elif token.type == "code_inline":
            reading.code[token.content] += 1
            piece = GAP
        elif token.type in ("html_inline", "image"):
            reading.html.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            piece = "\n"
        elif token.type == "text":
            piece = token.content
        elif token.type in ("link_open", "em_open"):
            aside += 1
            if token.type == "link_open":
                reading.links[str(token.attrs["href"])] += 1
        elif token.type in ("link_close", "em_close"):
            aside -= 1
        is_address = token.type == "text" and token.content.startswith(("http://", "https://"))
        prose += GAP if is_address else piece
        plain += GAP if is_address or (aside and piece.strip()) else piece
    reading.prose.append(prose)
    reading.plain.append(plain)


def _read_html(content: str, reading: Reading) -> None:
    """Read the only HTML of a block: <details><summary>…</summary> and </details>."""
    for line in filter(None, map(str.strip, content.splitlines())):
        match = _DETAILS.fullmatch(line)
        if not match:
            reading.html.append(line)
        elif match[1]:
            reading.details += 1
            reading.prose.append(match[1])
            reading.plain.append(match[1])

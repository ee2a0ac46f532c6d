"""Terms: both languages use the words of terms.csv, and none that it forbids.

Columns of the table: `zh` and `en`, the course's term first and other allowed forms after `|`;
`forbidden`, wrong variants. A term in one language asks for one of its row's forms in the other; a
form that ends in `?` answers but does not ask, being ambiguous (English "mean" is a verb).
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

from course_lib.authoring.gates.blocks import HAN, HEADING, pairs, read, split
from course_lib.authoring.gates.places import in_prose

TABLE = Path(__file__).parents[1] / "terms.csv"
_LATIN_RUN = re.compile(r"[A-Za-z][A-Za-z0-9 ,.:'&-]*[A-Za-z0-9]")
_NAME_WORDS = 3  # so many English words in a row inside Chinese are a name, such as a paper's


@dataclass(frozen=True)
class Term:
    """One row of the table: forms in each language, those among them that ask, wrong variants."""

    zh: tuple[str, ...]
    en: tuple[str, ...]
    asking_zh: tuple[str, ...]
    asking_en: tuple[str, ...]
    forbidden: tuple[str, ...]


@cache
def table() -> tuple[Term, ...]:
    """The rows of terms.csv.

    Raises:
        ValueError: if a row is incomplete.
    """
    terms = []
    with TABLE.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            zh, en, forbidden = (
                tuple(filter(None, (row[key] or "").split("|")))
                for key in ("zh", "en", "forbidden")
            )
            if not zh or not en:
                raise ValueError(f"{TABLE.name}, line {number}: give zh and en")
            asking = [tuple(form for form in forms if form[-1] != "?") for forms in (zh, en)]
            forms = [tuple(form.rstrip("?") for form in forms) for forms in (zh, en)]
            terms.append(Term(*forms, *asking, forbidden))
    return tuple(terms)


def gate(notebook: NotebookNode, name: str) -> list[str]:
    """Ask each pair of blocks, and each heading, for the terms of the table."""
    return in_prose(notebook, name, _cell)


def _cell(source: str) -> Iterator[str]:
    for part in split(source)[0]:
        for line in part.text.splitlines() if not part.lang else []:
            heading = HEADING.fullmatch(line)
            chinese, dot, english = heading[2].partition(" · ") if heading else ("", "", "")
            if dot:
                yield from _compare(chinese, english, chinese, english)
    for zh, en in ((read(zh), read(en)) for zh, en in pairs(source)):
        yield from _compare(
            *("\n".join(texts) for texts in (zh.plain, en.plain, zh.prose, en.prose))
        )


def _compare(asking_zh: str, asking_en: str, chinese: str, english: str) -> Iterator[str]:
    """Compare two texts; what asks leaves out names, which may stay English in Chinese."""
    for run in _LATIN_RUN.findall(chinese):
        if len(re.split(r"[\s-]+", run)) >= _NAME_WORDS:
            asking_en = re.sub(re.escape(run), " ", asking_en, flags=re.IGNORECASE)
    for term in table():
        asks_zh = _find(term.asking_zh, asking_zh)
        asks_en = _find(term.asking_en, asking_en)
        if asks_zh and not _find(term.en, english):
            yield f"zh says {asks_zh!r} but en has no {' or '.join(map(repr, term.en))} (terms.csv)"
        if asks_en and not _find(term.zh, chinese):
            yield f"en says {asks_en!r} but zh has no {' or '.join(map(repr, term.zh))} (terms.csv)"
        for wrong in term.forbidden:
            if _find((wrong,), chinese if re.search(f"[{HAN}]", wrong) else english):
                yield f"{wrong!r} is a wrong term; write {term.zh[0]} · {term.en[0]} (terms.csv)"


def _find(words: tuple[str, ...], text: str) -> str | None:
    match = _pattern(words).search(text) if words else None
    return match[0] if match else None


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the words: Chinese anywhere, English as a whole word, also in the plural."""
    forms = []
    for word in words:
        form = r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", word)))
        is_chinese = re.search(f"[{HAN}]", word)
        forms.append(form if is_chinese else rf"(?<![A-Za-z]){form}(?:e?s)?(?![A-Za-z])")
    return re.compile("|".join(forms), re.IGNORECASE)

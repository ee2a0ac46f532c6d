"""Parity: the two languages of a cell stand in paired blocks and say the same."""

import re
from collections import Counter

from nbformat import NotebookNode

from course_lib.authoring.gates.blocks import GAP, HAN, HEADING, Reading, read, split
from course_lib.authoring.gates.places import in_prose

# English letters beyond those that Chinese has too (names), for each Chinese character.
# Good pairs lie between 2.2 and 3.7.
RATIO = (1.8, 4.2)
LONG_ENOUGH = 40  # Chinese characters; below, the ratio says little
_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_HEADING = re.compile(rf"[^·]*[{HAN}][^·]* · [^·{HAN}]+")


def gate(notebook: NotebookNode, name: str) -> list[str]:
    """Hold every markdown cell to paired blocks with equal content."""
    return in_prose(notebook, name, _cell)


def _cell(source: str) -> list[str]:
    parts, problems = split(source)
    for part in parts:
        if not part.lang:
            problems += _outside(part.text)
    # A heading between two blocks of a pair would tear it: "" counts as a part of its own.
    position = 0
    while position < len(parts):
        pair = parts[position : position + 2]
        langs = [part.lang for part in pair]
        if langs == ["zh", "en"]:
            problems += _pair(pair[0].text, pair[1].text)
            position += 2
            continue
        if langs[0]:
            problems.append(
                f'<div lang="{langs[0]}"> has no partner; each zh block is directly followed by '
                "its en block"
            )
        position += 1
    return problems


def _outside(text: str) -> list[str]:
    problems = []
    for line in filter(str.strip, text.splitlines()):
        heading = HEADING.fullmatch(line)
        if not heading:
            problems.append(f"{line[:60]!r} stands outside the language blocks; move it into both")
        elif not _HEADING.fullmatch(heading[2]):
            problems.append(f"heading {line!r} is not one line `中文 · English`")
        else:
            unnumbered = re.sub(r"^[0-9.]+ ", "", heading[2])
            problems += _numbers(*([side] for side in unnumbered.split(" · ")))
    return problems


def _pair(chinese: str, english: str) -> list[str]:
    zh, en = read(chinese), read(english)
    problems = []
    for what in ("math", "code", "links"):
        left: Counter[str] = getattr(zh, what)
        right: Counter[str] = getattr(en, what)
        if left != right:
            problems.append(
                f"{what} differ: only zh {_show(left - right)}, only en {_show(right - left)}; "
                "make them equal"
            )
    if zh.fences != en.fences:
        problems.append("fenced code differs between zh and en; make it equal")
    counts = (
        ("list items", zh.items, en.items),
        ("table rows", len(zh.rows), len(en.rows)),
        ("table cells", sum(map(len, zh.rows)), sum(map(len, en.rows))),
        ("<details>", zh.details, en.details),
    )
    problems += [
        f"{what}: {left} in zh, {right} in en; make them equal"
        for what, left, right in counts
        if left != right
    ]
    problems += _numbers(zh.prose, en.prose)
    problems += [problem for reading in (zh, en) for problem in _form(reading)]
    return problems + _language(zh, en)


def _form(reading: Reading) -> list[str]:
    problems = []
    if reading.headings:
        problems.append("a heading inside a block; headings are one bilingual line outside")
    problems += [
        f"{html[:60]!r}: the only HTML in a block is `<details><summary>…</summary>` and "
        "`</details>`, each alone with a blank line after it; pictures come from plots.show"
        for html in reading.html
    ]
    return problems


def _language(zh: Reading, en: Reading) -> list[str]:
    chinese, english = "\n".join(zh.prose), "\n".join(en.prose)
    problems = []
    if strangers := re.findall(rf"[{HAN}\u3000-\u303f\uff00-\uffef]+", english):
        problems.append(f"Chinese in the en block: {strangers}; write it in English")
    characters = len(re.findall(f"[{HAN}]", chinese))
    if not characters and chinese.replace(GAP, "").strip():
        problems.append("the zh block has no Chinese; write it in Chinese")
    letters = len(re.findall("[A-Za-z]", english)) - len(re.findall("[A-Za-z]", chinese))
    if characters >= LONG_ENOUGH and not RATIO[0] <= letters / characters <= RATIO[1]:
        problems.append(
            f"{letters} English letters for {characters} Chinese characters, a ratio of "
            f"{letters / characters:.1f} outside {RATIO[0]} to {RATIO[1]}; do both say the same?"
        )
    return problems


def _numbers(chinese: list[str], english: list[str]) -> list[str]:
    left, right = (
        Counter(number.replace(",", "") for text in texts for number in _NUMBER.findall(text))
        for texts in (chinese, english)
    )
    if left == right:
        return []
    return [
        f"numbers differ: only zh {_show(left - right)}, only en {_show(right - left)}; write the "
        "same digits in both, or words in both"
    ]


def _show(counter: Counter[str]) -> str:
    return str(list(counter.elements()))

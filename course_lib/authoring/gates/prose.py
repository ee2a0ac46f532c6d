"""How prose is set: Chinese punctuation and spaces, and a plain voice in both languages."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from course_lib.authoring.gates.blocks import HAN, pairs, read
from course_lib.authoring.gates.places import in_prose

_WIDE = rf"{HAN}\u3000-\u303f\uff01-\uff5e"
# After a full stop a space may stand: `**参数。** 公式` is not bold without it.
_NO_STOP = rf"{HAN}\u3000\u3001\u3003-\u303f\uff01-\uff5e"
_RULES_ZH = (
    (
        re.compile(rf"[{HAN}] ?[,;:?(\"]|[{HAN}][).]|[,;:?)\"]\s?[{HAN}]|\([{HAN}]"),
        "half-width punctuation beside Chinese; use ，；：？（）。“”, shapes in $…$ or `…`",
    ),
    (
        re.compile(rf"[{_NO_STOP}]\s+[{_WIDE}]"),
        "a space or line break between Chinese characters; keep a paragraph on one line",
    ),
    (re.compile("您"), "the courtesy pronoun; write 你"),
)
_EMOJI = "\u2600-\u27bf\u2b50\u2b55\ufe0f\U0001f000-\U0001faff"
_RULES_BOTH = (
    (re.compile("[!！]"), "an exclamation mark; end the sentence with a full stop"),
    (re.compile(f"[{_EMOJI}]"), "an emoji or dingbat; say it in words"),
    (
        re.compile(r"\*\*"),
        "** that markdown did not read as bold; move the punctuation out of the bold text",
    ),
)


def gate(notebook: NotebookNode, name: str) -> list[str]:
    """Read every block's prose, without its code and formulas, for faults of form."""
    return in_prose(notebook, name, _cell)


def _cell(source: str) -> Iterator[str]:
    for chinese, english in pairs(source):
        for lang, text, rules in (
            ("zh", chinese, _RULES_ZH + _RULES_BOTH),
            ("en", english, _RULES_BOTH),
        ):
            for prose in read(text).prose:
                for pattern, advice in rules:
                    for match in pattern.finditer(prose):
                        around = prose[max(0, match.start() - 8) : match.end() + 8]
                        yield f"{lang} block, {around!r}: {advice}"

"""The verdict as a learner reads it, in both languages: HTML in a notebook, else plain text."""

import html

from course_lib.bilingual import Text
from course_lib.checks.examine import Outcome, Verdict

_HEADLINES = {
    Outcome.RIGHT: Text("通过", "right"),
    Outcome.WRONG: Text("不对", "not right"),
    Outcome.UNFINISHED: Text("还没有做", "not done yet"),
    Outcome.REFERENCE: Text("这是参考实现", "this is the reference"),
    Outcome.ENDLESS: Text("运行太久", "it ran too long"),
}
# Plain hex: JupyterLab strips var(--…) in a notebook that is not trusted. Both read well on white
# and on black, and the headline says the same in words.
_COLOURS = {
    Outcome.RIGHT: "#1f8a3b",
    Outcome.WRONG: "#d13438",
    Outcome.UNFINISHED: "#8a6d00",
    Outcome.REFERENCE: "#8a6d00",
    Outcome.ENDLESS: "#d13438",
}
_EXPECTED, _GOT = Text("期望", "expected"), Text("得到", "got")
_OK, _WRONG = Text("对", "ok"), Text("不对", "wrong")
_PRINTED = Text("你的代码输出了", "your code printed")
_PRINTED_LIMIT = 2000


class CheckFailed(AssertionError):  # noqa: N818  (learners read the name)
    """Raised by a check that did not pass, so that nbgrader gives no points."""

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this instead of a traceback through our code.
        return [f"CheckFailed: {self}"]


def headline(verdict: Verdict) -> Text:
    """The verdict in a few words."""
    return _HEADLINES[verdict.outcome]


def explanation(verdict: Verdict) -> Text | None:
    """What the learner should know or do next, or None."""
    match verdict.outcome:
        case Outcome.RIGHT:
            return verdict.exercise.after
        case Outcome.UNFINISHED:
            return Text(
                "把 raise NotImplementedError() 换成你的代码，再运行这两个单元格。",
                "Replace raise NotImplementedError() by your code, then run both cells again.",
            )
        case Outcome.REFERENCE:
            return Text(
                "你的答案里运行了课程自带的实现。这一题请自己写。",
                "The course's own implementation ran inside your answer. "
                "This one is yours to write.",
            )
        case Outcome.ENDLESS:
            seconds = f"{verdict.exercise.seconds:g}"
            return Text(
                f"你的代码在 {seconds} 秒内没有结束，已被停止。先找没有出口的循环。",
                f"Your code did not end within {seconds} seconds and was stopped. "
                "Look for a loop that has no way out.",
            )
    if verdict.mutant:
        return verdict.mutant.text
    if verdict.exercise.choices:
        letters = ", ".join(repr(letter) for letter in verdict.exercise.choices)
        return Text(f"答案只能是 {letters} 之一。", f"The answer is one of {letters}.")
    return None


def _shown(expected: str, got: str) -> list[tuple[Text, str]]:
    """Expected and got, without the one that there is not."""
    return [(t, v) for t, v in ((_EXPECTED, expected), (_GOT, got)) if v not in ("", "-")]


class Report:
    """Shows a verdict; IPython picks HTML or plain text."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    def _rows(self) -> list[tuple[Text, Text, str, Text | None, str, str]]:
        verdict = self._verdict
        if verdict.exercise.choices:  # a question has one row, and its answer must not be shown
            return []
        return [
            (
                _WRONG if row.difference else _OK,
                row.text,
                row.call,
                row.difference.text if row.difference else None,
                row.difference.expected if row.difference else "",
                row.difference.got if row.difference else "",
            )
            for row in verdict.rows
        ]

    def __str__(self) -> str:
        """Plain text, for a terminal and for a comparison by nbval."""
        verdict, rows = self._verdict, self._rows()
        lines = [f"{verdict.exercise.id} · {verdict.exercise.title} · {headline(verdict)}"]
        note = explanation(verdict)
        if note:
            lines += [f"  {note.zh}", f"  {note.en}"]
        for mark, text, call, what, expected, got in rows:
            lines.append(f"  [{mark}] {text}" + (f" · {call}" if what else ""))
            if what:
                lines.append(f"      {what}")
                lines += [f"      {label}: {value}" for label, value in _shown(expected, got)]
        printed = self._printed()
        if printed:
            lines.append(f"  {_PRINTED}:")
            lines += [f"  | {line}" for line in printed.splitlines()]
        return "\n".join(lines)

    __repr__ = __str__

    def _printed(self) -> str:
        printed = self._verdict.printed.rstrip()
        cut = len(printed) > _PRINTED_LIMIT
        return printed[:_PRINTED_LIMIT] + (" …" if cut else "")

    def _repr_html_(self) -> str:
        verdict = self._verdict
        colour, head = _COLOURS[verdict.outcome], headline(verdict)
        parts = [
            f'<div style="border-left:4px solid {colour};padding:2px 0 2px 10px">',
            f'<p style="margin:4px 0"><b style="color:{colour}">{head.html()}</b> '
            f"{verdict.exercise.title.html()} <code>{html.escape(verdict.exercise.id)}</code></p>",
        ]
        note = explanation(verdict)
        if note:
            parts.append(f'<p style="margin:4px 0">{note.html()}</p>')
        rows = self._rows()
        if rows:
            parts.append('<table style="margin:4px 0">')
            for mark, text, call, what, expected, got in rows:
                tint = _COLOURS[Outcome.WRONG if what else Outcome.RIGHT]
                detail = ""
                if what:
                    detail = what.html() + "".join(
                        f"<br>{label.html()} <code>{html.escape(value)}</code>"
                        for label, value in _shown(expected, got)
                    )
                shown_call = f"<br><code>{html.escape(call)}</code>" if what and call else ""
                parts.append(
                    f'<tr><td style="color:{tint};text-align:left"><b>{mark.html()}</b></td>'
                    f'<td style="text-align:left">{text.html()}{shown_call}</td>'
                    f'<td style="text-align:left">{detail}</td></tr>'
                )
            parts.append("</table>")
        printed = self._printed()
        if printed:
            parts.append(
                f"<details><summary>{_PRINTED.html()}</summary>"
                f"<pre>{html.escape(printed)}</pre></details>"
            )
        parts.append("</div>")
        return "".join(parts)

"""What the leaderboard says, read from its rows: which mechanism solves which rule, and which none.

No number stands here: every one of the page is computed from the rows, so that a new measurement
cannot leave an old sentence behind.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from course_lib.bilingual import Text

#: Percentage points by which a mean must be above, so that no accident of some seeds counts.
MARGIN = 5
#: Networks without a mechanism: wider, deeper, or with a plain convolution as gate.
CONTROLS = ("plain", "wide", "deep", "conv gate")
#: Where the answer for a glyph lives.
RULES: Mapping[str, Text] = {
    "around": Text("周围几格之内", "within some cells around"),
    "both": Text(
        "一个小东西；没有它时，多数", "one small thing; where it is missing, the majority"
    ),
    "cue": Text("全图一个大的东西", "one large thing, anywhere"),
    "flare": Text("全图一个小而亮的东西", "one small bright thing, anywhere"),
    "lane": Text("它所在的整行", "its whole row"),
    "legend": Text("远处与它同色的图形", "far glyphs of its hue"),
    "odd": Text("两种颜色哪种少", "which of two hues is rarer"),
    "reach": Text("更大的周围", "a wider neighbourhood"),
    "touch": Text("紧挨着的格子", "the cells beside it"),
}


@dataclass(frozen=True)
class Reading:
    """The rows, read.

    Attributes:
        mean: accuracy in per cent over the seeds; a row a contestant, a column a rule.
        beats: by rule, the mechanisms that with every seed are above every network without a
            mechanism with every seed, and by the margin on average; the best mean first.
        parameters: by contestant, for two classes.
    """

    mean: pd.DataFrame
    beats: Mapping[str, Sequence[str]]
    parameters: Mapping[str, int]

    def solved_by(self, name: str) -> list[str]:
        """The rules in which the mechanism beats the networks without one; the clearest first."""
        rules = [rule for rule, names in self.beats.items() if name in names]
        best = self.mean.loc[list(CONTROLS)].max()
        return sorted(rules, key=lambda rule: best[rule] - self.mean.loc[name, rule])

    def mechanisms(self) -> list[str]:
        """Everything but the networks without a mechanism; most rules first, then by name."""
        names = [name for name in self.mean.index if name not in CONTROLS]
        return sorted(names, key=lambda name: (-len(self.solved_by(name)), name))


def read(rows: pd.DataFrame) -> Reading:
    """Read the rows of the leaderboard's table.

    Raises:
        ValueError: if a rule lacks a network without a mechanism, so that nothing can be compared.
    """
    accuracy = rows.groupby(["contestant", "rule"])["accuracy"]
    mean, worst, best = (accuracy.agg(how).unstack() for how in ("mean", "min", "max"))
    lacking = [name for name in CONTROLS if name not in mean.index or mean.loc[name].isna().any()]
    if lacking:
        raise ValueError(f"{lacking[0]!r} is not measured with every rule; measure it first")
    beats = {}
    for rule in mean.columns:
        highest = best.loc[list(CONTROLS), rule].max()
        above = (worst[rule] > highest) & (mean[rule] >= highest + MARGIN)
        beats[rule] = list(mean.loc[above, rule].sort_values(ascending=False).index)
    return Reading(mean, beats, dict(rows.groupby("contestant")["parameters"].min()))


def page(rows: pd.DataFrame, missing: int) -> str:
    """The reading as a page in both languages.

    Args:
        rows: of the leaderboard's table.
        missing: number of runs that are not measured yet.
    """
    reading = read(rows)
    return "\n".join(
        [
            "# 小实验的结果 · What the probes showed",
            "",
            "<!-- Written by `make leaderboard` from leaderboard.csv; do not edit. -->",
            "",
            "[中文](#中文) · [English](#english)",
            "",
            "![每个机制在每条规则上的准确率 / Accuracy of every mechanism by every rule]"
            "(leaderboard.png)",
            "",
            "## 中文",
            "",
            *_part(reading, rows, missing, lambda text: text.zh, _ZH),
            "## English",
            "",
            *_part(reading, rows, missing, lambda text: text.en, _EN),
        ]
    )


@dataclass(frozen=True)
class _Words:
    """The sentences of the page in one language."""

    measured: str
    missing: str
    rule: str
    by_rule: str
    rules_head: str
    nobody: str
    by_mechanism: str
    mechanisms_head: str
    nothing: str
    larger: str
    comma: str


_ZH = _Words(
    measured="每个机制放进同一个小网络，用同样的场景训练，种子为 {seeds}；"
    "平衡准确率，单位 %。测于 {date}，torch {torch}，{machine}。",
    missing="**还没有测完**：缺 {missing} 次运行。",
    rule="“胜过”指：用每个种子都高于每个没有机制的网络（{controls}）的每个种子，"
    "而且均值高出至少 {margin} 个百分点。",
    by_rule="### 按规则",
    rules_head="| 规则 | 答案在哪里 | 没有机制时最好的 | 胜过它们的机制（均值） |",
    nobody="没有",
    by_mechanism="### 按机制",
    mechanisms_head="| 机制 | 参数 | 胜过的规则（均值；没有机制时最好的均值） |",
    nothing="没有看到作用",
    larger="没有机制的网络里，没有一个的参数像 {names} 那样多。",
    comma="、",
)
_EN = _Words(
    measured="Every mechanism stands in the same small network and is trained on the same scenes, "
    "with the seeds {seeds}; balanced accuracy in %. Measured on {date}, torch {torch}, {machine}.",
    missing="**Not complete yet**: {missing} runs are missing.",
    rule="“Beats” means: with every seed above every network without a mechanism ({controls}) "
    "with every seed, and on average by {margin} percentage points or more.",
    by_rule="### By rule",
    rules_head="| rule | where the answer lives | best without a mechanism "
    "| mechanisms that beat it (mean) |",
    nobody="none",
    by_mechanism="### By mechanism",
    mechanisms_head="| mechanism | parameters | rules in which it beats them (its mean; best mean "
    "without a mechanism) |",
    nothing="no effect seen",
    larger="No network without a mechanism has as many parameters as {names}.",
    comma=", ",
)


def _part(
    reading: Reading,
    rows: pd.DataFrame,
    missing: int,
    say: Callable[[Text], str],
    words: _Words,
) -> list[str]:
    facts = {
        "seeds": words.comma.join(str(seed) for seed in sorted(rows["seed"].unique())),
        "controls": words.comma.join(f"`{name}`" for name in CONTROLS),
        "missing": missing,
        "margin": MARGIN,
    }
    for name in ("date", "torch", "machine"):
        facts[name] = words.comma.join(sorted(rows[name].unique()))
    parameters = reading.parameters
    largest = max(parameters[name] for name in CONTROLS)
    larger = [f"`{name}`" for name in reading.mechanisms() if parameters[name] > largest]
    lines = [words.measured, *[words.missing] * bool(missing), words.rule]
    lines = [line.format(**facts) for line in lines]
    lines += [words.larger.format(names=words.comma.join(larger))] * bool(larger)
    lines = [cell for line in lines for cell in (line, "")]
    controls = reading.mean.loc[list(CONTROLS)]
    lines += [words.by_rule, "", words.rules_head, "|---|---|---|---|"]
    for rule, names in reading.beats.items():
        found = [f"`{name}` {reading.mean.loc[name, rule]:.0f}" for name in names]
        best = controls[rule].idxmax()
        lines.append(
            f"| `{rule}` | {say(RULES[rule])} | `{best}` {controls.loc[best, rule]:.0f} "
            f"| {words.comma.join(found) or words.nobody} |"
        )
    lines += ["", words.by_mechanism, "", words.mechanisms_head, "|---|---|---|"]
    for name in reading.mechanisms():
        found = [
            f"`{rule}` {reading.mean.loc[name, rule]:.0f} ({controls[rule].max():.0f})"
            for rule in reading.solved_by(name)
        ]
        solved = words.comma.join(found) or words.nothing
        lines.append(f"| `{name}` | {parameters[name]} | {solved} |")
    return [*lines, ""]

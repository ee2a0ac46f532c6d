import pytest
from small_lesson import LONG, NAME, change, small_lesson

from course_lib.authoring.gates import languages, prose, terms


def wrong(gate, old, new):
    notebook = small_lesson()
    change(notebook, old, new)
    problems = gate(notebook, NAME)
    assert all(problem.startswith(f"{NAME}, cell ") for problem in problems)
    return problems


@pytest.mark.parametrize("gate", [languages.gate, prose.gate, terms.gate])
def test_the_right_notebook_passes(gate):
    assert gate(small_lesson(), NAME) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('<div lang="en">', '<div class="en">', "is no tag of a language block"),
        ('<div lang="zh">', '<div lang="zh"><p>', "is no tag of a language block"),
        ('</div>\n<div lang="en">', '<div lang="en">', "is no tag of a language block"),
        ('<div lang="zh">\n\n特', '<div lang="zh">\n特', "lacks a blank line"),
        ("then excite.\n\n```python\ngate = x.mean((2, 3))\n```\n\n", "then.\n", "lacks a blank"),
        ("What this section holds.\n", "\n", '<div lang="en"> is empty'),
        ("holds.\n\n</div>", "holds.\n", '<div lang="en"> is never closed'),
        ('</div>\n<div lang="en">\n\nWhat', "</div>\n\nWhat", "stands outside the language"),
        ('<div lang="zh">\n\n这', '<div lang="en">\n\n这', '<div lang="en"> has no partner'),
        (
            '</div>\n<div lang="en">\n\nWhat',
            '</div>\n### 甲 · A\n<div lang="en">\n\nWhat',
            "no par",
        ),
        ("## 3 手算 · By hand", "By hand", "'By hand' stands outside"),
        ("## 3 手算 · By hand", "## 3 手算", "is not one line `中文 · English`"),
        ("## 3 手算 · By hand", "## 3 By hand · 手算", "is not one line `中文 · English`"),
        ("## 3 手算 · By hand", "## 3 手算两次 · By hand 2", "numbers differ"),
        ("has $C$", "has $D$", "math differ: only zh ['C'], only en ['D']"),
        ("has $C$ channels", "has channels", "math differ: only zh ['C'], only en []"),
        ("Think again.", "Think again.\n\n$$x$$\n", "math differ"),
        ("from\n`sigmoid`", "from\n`relu`", "code differ: only zh ['sigmoid'], only en ['relu']"),
        ("Use `mean`", "Use `mean`, `mean`", "code differ: only zh [], only en ['mean']"),
        ("gate = x.mean((2, 3))\n```\n\n</div>\n<", "gate = 1\n```\n\n</div>\n<", "fenced code"),
        ("the [paper](https://example.org/paper)", "the paper", "links differ"),
        ("[paper](https://example.org/", "[paper](https://example.com/", "links differ"),
        ("1. First squeeze;\n2. then", "1. First squeeze; then", "list items: 2 in zh, 1 in en"),
        ("| Prerequisites | none |\n", "", "table rows: 8 in zh, 7 in en"),
        ("<details><summary>Hint 2</summary>\n", "", "<details>: 4 in zh, 3 in en"),
        ("between 0 and 1", "between 0 and 2", "numbers differ: only zh ['1'], only en ['2']"),
        ("| 50 minutes |", "| 55 minutes |", "numbers differ: only zh ['50'], only en ['55']"),
        ("What this", "What 这 this", "Chinese in the en block: ['这']"),
        (
            "What this section holds.",
            "What this section holds。",
            "Chinese in the en block: ['。']",
        ),
        ("这一节的内容。", "Content.", "the zh block has no Chinese"),
        ("这一节的内容。", "### 内容", "a heading inside a block"),
        ("What this", "<b>What</b> this", "'<b>': the only HTML in a block is"),
        ("<summary>Hint 1</summary>\n\n", "<summary>Hint 1</summary>\n", "'Think.': the only HTML"),
        ("What this", "![a gate](gate.png) What this", "'a gate': the only HTML in a block"),
        (LONG[-120:-9], ".", "do both say the same?"),
        ("Each channel", 6 * "More is said in English only. " + "Each channel", "do both say the"),
    ],
)
def test_a_difference_between_the_languages_is_caught(old, new, message):
    problems = wrong(languages.gate, old, new)
    assert [problem for problem in problems if message in problem], problems


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("特征图有 $C$ 个", "特征图有 28,088,024 个、$C$ 个"),
    ],
)
def test_numbers_are_equal_however_they_are_grouped(old, new):
    notebook = small_lesson()
    change(notebook, old, new)
    change(notebook, "has $C$", "has 28088024 and $C$")
    assert languages.gate(notebook, NAME) == []


@pytest.mark.parametrize(
    ("zh", "message"),
    [
        ("这一节,内容。", "half-width punctuation beside Chinese"),
        ("这一节;内容。", "half-width punctuation"),
        ("内容: 门。", "half-width punctuation"),
        ("是什么?", "half-width punctuation"),
        ("内容.", "half-width punctuation"),
        ("内容(SE)。", "half-width punctuation"),
        ("内容 (SE)。", "half-width punctuation"),
        ("SE (内容)。", "half-width punctuation"),
        ("这是 $x$, 内容。", "half-width punctuation"),
        ('叫作"内容"。', "half-width punctuation"),
        ("这一节 的内容。", "a space or line break between Chinese characters"),
        ("这一节，\n的内容。", "a space or line break between Chinese characters"),
        ("您看内容。", "the courtesy pronoun; write 你"),
        ("内容！", "zh block, '内容！': an exclamation mark"),
        ("内容\U0001f600。", "an emoji"),
        ("**注意：**内容。", "** that markdown did not read as bold"),
    ],
)
def test_a_fault_of_chinese_prose_is_caught(zh, message):
    problems = wrong(prose.gate, "这一节的内容。", zh)
    assert [problem for problem in problems if message in problem], problems


@pytest.mark.parametrize(
    ("en", "message"),
    [
        ("What it holds!", "en block, 'it holds!': an exclamation mark"),
        ("What it holds \u2728.", "an emoji"),
        ("**What it holds.**yes", "** that markdown did not read as bold"),
    ],
)
def test_a_fault_of_english_prose_is_caught(en, message):
    problems = wrong(prose.gate, "What this section holds.", en)
    assert [problem for problem in problems if message in problem], problems


@pytest.mark.parametrize(
    "zh",
    [
        "用 `f(x), g(x)` 和 $a!, b$，见[图](https://a.b/c?d)。",
        "**注意**：内容（SE 模块），取自 Hu, Shen 的论文。",
        "第一段。\n\n第二段。",
        "**通道。** 门有几个。",
        "- 甲\n- 乙",
        "它是“门”——不是《门》……",
        "`C != r` 时，28.09M 与 1.5 倍。",
    ],
)
def test_good_chinese_prose_passes(zh):
    assert wrong(prose.gate, "这一节的内容。", zh) == []


@pytest.mark.parametrize(
    ("zh", "en", "message"),
    [
        ("特征图。", "A picture.", "zh says '特征图' but en has no 'feature map' or 'map'"),
        ("图。", "A Feature Map.", "en says 'Feature Map' but zh has no '特征图' (terms.csv)"),
        ("图。", "Feature\nmaps.", "en says 'Feature\\nmaps' but zh has no '特征图'"),
        ("软的。", "A softmax.", "en says 'softmax' but zh has no 'softmax'"),
        ("信道与通道。", "A channel.", "'信道' is a wrong term; write 通道 · channel (terms.csv)"),
        ("闸门。", "A gate.", "'闸门' is a wrong term; write 门 · gate (terms.csv)"),
        ("图。", "Two mutants.", "en says 'mutants' but zh has no '变异体'"),
    ],
)
def test_a_wrong_term_is_caught(zh, en, message):
    notebook = small_lesson()
    change(notebook, "这一节的内容。", zh)
    change(notebook, "What this section holds.", en)
    problems = terms.gate(notebook, NAME)
    assert [problem for problem in problems if message in problem], problems


def test_a_wrong_term_in_a_heading_is_caught():
    (problem,) = wrong(terms.gate, "## 3 手算 · By hand", "## 3 手算 · By gate")
    assert "en says 'gate' but zh has no '门'" in problem


@pytest.mark.parametrize(
    ("zh", "en"),
    [
        ("各个通道。", "All Channels."),
        ("用 `channel`。", "With `channel`."),
        ("算出 $gate$。", "Gives $gate$."),
        ("均值。", "The average."),
        ("它的意思。", "What it means, and why the channelled one is aggregated."),
        ("读 [Squeeze nets](https://a.b)。", "Read [Squeeze nets](https://a.b)."),
        ("读《Squeeze-and-Excitation Networks》。", "Read Squeeze-and-Excitation Networks."),
        ("*压缩*之后。", "After the *squeeze*."),
        ("逐通道相乘。", "Multiplied channel by channel."),
    ],
)
def test_good_terms_pass(zh, en):
    notebook = small_lesson()
    change(notebook, "这一节的内容。", zh)
    change(notebook, "What this section holds.", en)
    assert terms.gate(notebook, NAME) == []


def test_the_table_is_sound():
    rows = terms.table()
    assert len(rows) > 50
    assert len({(row.zh[0], row.en[0]) for row in rows}) == len(rows)
    for row in rows:
        allowed = [word for other in rows for word in other.zh]
        clashes = [(bad, word) for bad in row.forbidden for word in allowed if bad in word]
        assert not clashes


@pytest.mark.parametrize("row", ["门,,", ",gate,", ",,闸门"])
def test_an_incomplete_row_is_refused(row, tmp_path, monkeypatch):
    path = tmp_path / "terms.csv"
    path.write_text(f"zh,en,forbidden\n通道,channel,信道\n{row}\n", encoding="utf-8")
    monkeypatch.setattr(terms, "TABLE", path)
    with pytest.raises(ValueError, match=r"terms\.csv, line 3: give zh and en"):
        terms.table.__wrapped__()

"""A small lesson that passes every gate; the tests of the gates change one thing in it."""

import copy

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

NAME = "03_small"
KINDS = {"one": "implement", "two": "find the bug", "three": "predict"}

CARD = """# 03 小课 · A small lesson

<div lang="zh">

| 本课 | |
|---|---|
| 你要做出 | 一个门 |
| 先修 | 无 |
| 用时 | 50 分钟 |
| 难度 | 2/5 |
| 论文 | Hu、Shen、Sun，[Squeeze-and-Excitation Networks](https://arxiv.org/abs/1709.01507)，2018 |
| 门或图的形状 | $(B, C, 1, 1)$ |
| 在残差块中的位置 | 相加之前 |

</div>
<div lang="en">

| This lesson | |
|---|---|
| What you build | a gate |
| Prerequisites | none |
| Time | 50 minutes |
| Difficulty | 2/5 |
| Paper | Hu, Shen, Sun, [Squeeze-and-Excitation Networks](https://arxiv.org/abs/1709.01507), 2018 |
| Shape of the gate or map | $(B, C, 1, 1)$ |
| Place in a residual block | before the addition |

</div>"""

QUESTION = """## 1 问题 · The question

<div lang="zh">

特征图有 $C$ 个通道，见[论文](https://example.org/paper)。门用 `sigmoid` 算出，取值在 0 和 1 之间。

1. 先压缩；
2. 再激励。

```python
gate = x.mean((2, 3))
```

</div>
<div lang="en">

A feature map has $C$ channels, see the [paper](https://example.org/paper). The gate comes from
`sigmoid`, between 0 and 1.

1. First squeeze;
2. then excite.

```python
gate = x.mean((2, 3))
```

</div>"""

LONG = """<div lang="zh">

每个通道先求平均，得到一个数；两层小网络读完所有这些数，给每个通道一个零到一之间的系数，再乘回原来的特征图。

</div>
<div lang="en">

Each channel is averaged to one number; a small network of two layers reads all of these numbers and
gives each channel a factor between zero and one, which multiplies the feature map.

</div>"""

SIMPLE = """{heading}

<div lang="zh">

这一节的内容。

</div>
<div lang="en">

What this section holds.

</div>"""

LEAD_IN = """### 练习 {number} 名字 · Exercise {number} Name

<div lang="zh">

实现，1 分。

</div>
<div lang="en">

Implement, 1 point.

</div>
<div lang="zh">

输入 $x$，输出 $y$。

</div>
<div lang="en">

It takes $x$ and returns the output $y$.

</div>"""

HINTS = """<div lang="zh">

<details><summary>提示 1</summary>

想一想。

</details>
<details><summary>提示 2</summary>

再想一想。

</details>
<details><summary>提示 3</summary>

用 `mean`。

</details>
<details><summary>求助：我遇到……</summary>

- `RuntimeError`：看形状。

</details>

</div>
<div lang="en">

<details><summary>Hint 1</summary>

Think.

</details>
<details><summary>Hint 2</summary>

Think again.

</details>
<details><summary>Hint 3</summary>

Use `mean`.

</details>
<details><summary>Help, I get …</summary>

- `RuntimeError`: look at the shape.

</details>

</div>"""

SOLUTION = """def {name}(x):
    ### BEGIN SOLUTION
    squeezed = x.mean((2, 3), keepdim=True)
    return squeezed
    ### END SOLUTION"""

CHECK = """check("{id}", {name})
### BEGIN HIDDEN TESTS
check("{id}", {name}, hidden=True)
### END HIDDEN TESTS"""

PICTURE = (
    '<figure><img src="data:image/png;base64,iVBOR/tmp/w0KGgo=" alt="门的图 / The gates">'
    '<figcaption><span lang="zh">门</span> <span lang="en">Gates</span></figcaption></figure>'
)


def kind_of(exercise: str) -> str:
    """The kind of an exercise of the small lesson."""
    if exercise.startswith("quiz-"):
        return "choose"
    if exercise not in KINDS:
        raise ValueError(f"no exercise is called {exercise!r}")
    return KINDS[exercise]


def nbgrader(grade_id: str, *, graded: bool) -> NotebookNode:
    """Metadata of a solution or check cell."""
    values = {
        "grade": graded,
        "grade_id": grade_id,
        "locked": graded,
        "schema_version": 3,
        "solution": not graded,
        "task": False,
    }
    return nbformat.from_dict(values | ({"points": 2} if graded else {}))


def exercise(grade_id: str, number: int) -> list[NotebookNode]:
    """The cells of one exercise."""
    values = {"id": grade_id, "name": grade_id.replace("-", "_")}
    cells = [
        new_markdown_cell(LEAD_IN.format(number=number)),
        new_code_cell(
            SOLUTION.format(**values), metadata={"nbgrader": nbgrader(grade_id, graded=False)}
        ),
        new_code_cell(
            CHECK.format(**values),
            metadata={
                "nbgrader": nbgrader(f"{grade_id}-check", graded=True),
                "tags": ["raises-exception"],
            },
            outputs=[new_output("stream", name="stdout", text="passed\n")],
        ),
    ]
    return cells if kind_of(grade_id) == "choose" else [*cells, new_markdown_cell(HINTS)]


def small_lesson() -> NotebookNode:
    """A new copy of the right notebook, executed."""

    def section(heading: str) -> NotebookNode:
        return new_markdown_cell(SIMPLE.format(heading=heading))

    picture = new_output("display_data", {"text/html": PICTURE, "text/plain": "门 / Gates"})
    cells = [
        new_markdown_cell(CARD),
        new_markdown_cell(QUESTION),
        new_code_cell("1 + 1", metadata={"tags": ["nbval-check-output"]}),
        section("## 2 一图看懂 · The idea in one picture"),
        new_code_cell("show()", outputs=[picture]),
        new_markdown_cell("## 3 手算 · By hand"),
        new_markdown_cell(LONG),
        section("## 4 从公式到代码 · From equation to code"),
        new_markdown_cell("## 5 练习 · Exercises"),
        *exercise("one", 1),
        *exercise("two", 2),
        *exercise("three", 3),
        section("## 6 它做到了吗 · Does it do what it promises?"),
        section("## 7 看看里面 · Look inside"),
        section("## 8 代价 · What it costs"),
        section("## 9 论文与代码 · Paper against code"),
        new_markdown_cell("## 10 测验 · Quiz"),
        *exercise("quiz-a", 4),
        *exercise("quiz-b", 5),
        *exercise("quiz-c", 6),
        section("## 11 小结 · Summary"),
    ]
    return copy.deepcopy(new_notebook(cells=cells))


def released() -> NotebookNode:
    """The right release of the small lesson."""
    notebook = small_lesson()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.source = cell.source.split("\n### BEGIN HIDDEN")[0]
            if "BEGIN SOLUTION" in cell.source:
                head = cell.source.split("    ### BEGIN")[0]
                cell.source = f"{head}    # YOUR CODE HERE\n    raise NotImplementedError()"
    return notebook


def change(notebook: NotebookNode, old: str, new: str) -> None:
    """Replace the first occurrence of a text in the cells' sources; it must stand there."""
    cell = next(cell for cell in notebook.cells if old in cell.source)
    cell.source = cell.source.replace(old, new, 1)


def cell_of(notebook: NotebookNode, words: str) -> NotebookNode:
    """The first cell with the grade_id, or else with the words."""
    for cell in notebook.cells:
        if words == cell.metadata.get("nbgrader", {}).get("grade_id"):
            return cell
    return next(cell for cell in notebook.cells if words in cell.source)

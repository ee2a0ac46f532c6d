"""What a browser is shown of a submission, and of the course."""

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from tiny_course import SQUEEZE_EXCITE, Course, Work
from traitlets.config import Config, PyFileConfigLoader

from course_lib.exercises import get
from course_lib.grading.writer.feedback import clean_html, highlighted, markdown2html
from course_lib.grading.writer.page import FeedbackExporter

REPOSITORY = Path(__file__).resolve().parents[2]
HOSTILE = [
    "<script>alert(1)</script>",
    "<b onclick=alert(1)>x</b>",
    "<img src=x onerror=alert(1)>",
    "<iframe src='http://example.org'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<img src='http://example.org/who-reads-this.png'>",
    "<svg onload=alert(1)></svg>",
    "<style>body { display: none }</style>",
    "<form action='http://example.org'><button>Sign in</button></form>",
    "<p style='background-image: url(http://example.org)'>x</p>",
    "<meta http-equiv=refresh content='0; url=http://example.org'>",
    "[x](javascript:alert(1))",
    "![x](http://example.org/x.png)",
]
# A tag that acts, or anything but a link that names an address.
ACTS = re.compile(
    r"<(script|iframe|svg|style|form|button|meta)|\son\w+=|javascript:|data:text"
    r"|(?<!href=\")https?://",
    re.IGNORECASE,
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("show", [clean_html, markdown2html])
def test_nothing_acts(show: object, text: str) -> None:
    assert ACTS.search(text)
    shown = re.sub(r"alert\(1\)", "", show(text))
    if show is clean_html and text.endswith(")"):  # Markdown is no HTML
        assert shown == text.replace("alert(1)", "")
    else:
        assert not ACTS.search(shown)


def test_what_formats_stays() -> None:
    text = (
        '<div lang="zh"><table style="color: red"><tbody><tr><td>1</td></tr></tbody></table></div>'
        '<details open=""><summary>Hint 1</summary><p>x</p></details>'
        '<img alt="a" style="max-width: 100%;" src="data:image/png;base64,AAAA">'
    )
    kept, given = (
        BeautifulSoup(page, "html.parser").find_all() for page in (clean_html(text), text)
    )
    assert [(tag.name, sorted(tag.attrs)) for tag in kept] == [
        (tag.name, sorted(tag.attrs)) for tag in given
    ]
    assert kept[-1]["style"] == "max-width: 100%;"


@pytest.mark.parametrize("lesson", sorted(p.name for p in (REPOSITORY / "notebooks").iterdir()))
def test_the_course_s_own_texts_stay_whole(lesson: str) -> None:
    notebook = nbformat.read(REPOSITORY / "notebooks" / lesson / f"{lesson}.ipynb", as_version=4)
    stock = HTMLExporter().markdown2html
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            plain, shown = stock({}, cell.source), markdown2html(cell.source)
            for what in (
                "<table",
                "<details",
                "<img",
                "<h",
                'lang="zh"',
                'lang="en"',
                "<code",
                "$",
            ):
                assert shown.count(what) == plain.count(what), (what, cell.source)


def test_a_page_is_cleaned_whatever_pages_were_made_before() -> None:
    cell = nbformat.v4.new_markdown_cell("# A\n\n<script>alert(1)</script>", id="a")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    plain, course = (
        Config(),
        PyFileConfigLoader(str(REPOSITORY / "nbgrader_config.py")).load_config(),
    )
    for config in (course, plain, course):
        config.HTMLExporter.template_name = "classic"
        page, _ = FeedbackExporter(config=config).from_notebook_node(notebook)
        assert "alert(1)</script>" not in page


def test_pages_of_the_formgrader_are_cleaned_too() -> None:
    config = PyFileConfigLoader("nbgrader_config.py", path=str(REPOSITORY)).load_config()
    exporter = HTMLExporter(config=config)
    assert exporter.sanitize_html
    for name in ("clean_html", "markdown2html"):
        shown = exporter.environment.filters[name]("<b>x</b><script>alert(1)</script>")
        assert "<b>x</b>" in shown
        assert "<script" not in shown


def test_a_picture_that_was_dropped_into_a_text_costs_no_page() -> None:
    assert "<p>" in markdown2html("![mine](attachment:image.png)")


def test_code_is_coloured_and_nothing_else() -> None:
    assert "&lt;script&gt;" in highlighted("x = '<script>'", metadata={})
    assert '<span class="k">def</span>' in highlighted("def f(): pass")


def test_pages_are_those_of_nbconvert() -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# A < B\n\n$a < b$", id="a"),
            nbformat.v4.new_code_cell(
                "print(1)",
                id="b",
                outputs=[
                    nbformat.v4.new_output("stream", text="1 < 2"),
                    nbformat.v4.new_output("display_data", {"image/png": "AAAA"}),
                    nbformat.v4.new_output("display_data", {"text/html": "<b>x</b>"}),
                ],
            ),
        ]
    )
    config = Config()
    config.HTMLExporter.template_name = "classic"
    stock, ours = (
        BeautifulSoup(make(config=config).from_notebook_node(notebook)[0], "html.parser").body
        for make in (HTMLExporter, FeedbackExporter)
    )
    assert ours.get_text().split() == stock.get_text().split()
    assert [tag.name for tag in ours.find_all()] == [tag.name for tag in stock.find_all()]
    assert all(picture.has_attr("alt") for picture in ours.find_all("img"))


def test_page_of_a_known_mistake(tmp_path: Path) -> None:
    course = Course(tmp_path, "tensor")
    wrong = SQUEEZE_EXCITE.replace("x.mean((2, 3))", "x.sum((2, 3))")
    work = Work(lesson="tensor").write("squeeze-excite", wrong)
    course.submit("ann", work, "tensor/tensor.ipynb")
    result = course.grade()
    assert "ann/tensor … 0/4 graded" in result.output
    page = (course.root / "feedback" / "ann" / "tensor" / "tensor.html").read_text("utf-8")
    shown = BeautifulSoup(page, "html.parser").body
    words = " ".join(shown.get_text(" ").split())
    exercise = get("squeeze-excite")
    (mistake,) = (mutant for mutant in exercise.mutants if mutant.name == "sum-for-mean")
    for language in ("zh", "en"):
        text = " ".join(span.get_text() for span in shown.find_all(lang=language))
        assert bare(getattr(mistake.text, language)) in bare(text)
    assert "expected" in words
    assert "got" in words
    assert "期望" in words
    assert "hidden" not in words.lower()


def bare(text: str) -> str:
    """A text without the marks of code and without spaces."""
    return re.sub(r"[`\s]", "", text)

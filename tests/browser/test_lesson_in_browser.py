"""A learner opens the first lesson, reads it in a language, answers, errs, and validates."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from course_lib.exercises import lesson_01

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

ROOT = Path(__file__).resolve().parents[2]
LESSON = lesson_01.LESSON
EXERCISE = next(e for e in lesson_01.EXERCISES if e.id == "squeeze-excite")
SUM_MUTANT = next(m for m in EXERCISE.mutants if "sum" in m.name)
ANSWER = """\
def squeeze_excite(x, w1, b1, w2, b2):
    squeezed = x.mean(dim=(2, 3))
    hidden = torch.relu(squeezed @ w1.T + b1)
    gate = torch.sigmoid(hidden @ w2.T + b2)
    return x * gate[:, :, None, None]"""
SUM_ANSWER = ANSWER.replace("x.mean(", "x.sum(")
# Shortened, a lesson takes 15 s on two quiet cores; the tests may not be alone there.
LESSON_MILLISECONDS = 400_000

TOOLTIP = "切换语言 · Switch language"
LABELS = {"both": "中 + EN", "zh": "中文", "en": "English"}
MARKDOWN = ".jp-MarkdownCell .jp-RenderedMarkdown"
OUTPUT = ".jp-OutputArea-output"


class Lesson:
    """The open notebook, as a learner uses it.

    Args:
        page: where it is opened.
        url: address of the server.
        token: what the server asks for.
        path: the notebook, from the server's root.
        cells: its cells, as they stand in the file.
    """

    def __init__(
        self, page: Page, url: str, token: str, path: str, cells: list[dict[str, Any]]
    ) -> None:
        self.page, self.cells = page, cells
        self._url, self._token, self._path = url, token, path

    def open(self, application: str = "") -> None:
        """Open it in JupyterLab, or in Notebook 7 with "notebooks"."""
        # A workspace of its own: the default one would reopen the notebooks of other tests.
        application = application or f"lab/workspaces/{self._path.split('/')[0]}/tree"
        self.page.goto(f"{self._url}/{application}/{self._path}?token={self._token}")
        self.rendered()

    def rendered(self) -> None:
        """Wait until every cell stands in the page and every markdown cell is rendered."""
        expect(self.page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(self.cells))
        texts = [cell for cell in self.cells if cell["cell_type"] == "markdown"]
        self.page.wait_for_function(
            "([selector, number]) => [...document.querySelectorAll(selector)]"
            ".filter(text => text.childElementCount > 0).length === number",
            arg=[MARKDOWN, len(texts)],
        )

    @property
    def button(self) -> Locator:
        return self.page.get_by_title(TOOLTIP)

    def visible(self, within: str) -> dict[str, int]:
        """How many blocks of each language a reader sees."""
        return {
            language: self.page.locator(f'{within} [lang="{language}"]').evaluate_all(
                "blocks => blocks.filter(block => block.checkVisibility()).length"
            )
            for language in ("zh", "en")
        }

    def cell(self, index: int) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        return self.cell(index).locator(".jp-OutputArea")

    def position(self, grade_id: str) -> int:
        """Index of the cell that nbgrader knows by this name."""
        return next(
            index
            for index, cell in enumerate(self.cells)
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
        )

    def write(self, index: int, source: str) -> None:
        """Replace the code of a cell by typing."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Escape")
        assert self.model(index)["source"] == source

    def execute(self, command: str, first: int | None = None) -> None:
        """Run a command of JupyterLab, at a cell if one is given, until the kernel is through."""
        # The command's promise, and the prompts, end with the first exception, while the kernel
        # still works on later cells. It answers in order, so an empty request comes last.
        self.page.evaluate(
            """([command, cell]) => {
                const { content, sessionContext } = jupyterapp.shell.currentWidget;
                if (cell !== null) content.activeCellIndex = cell;
                window.done = false;
                jupyterapp.commands.execute(command)
                    .then(() => sessionContext.session.kernel
                        .requestExecute({ code: '', silent: true }).done)
                    .then(() => { window.done = true; });
            }""",
            [command, first],
        )
        self.page.wait_for_function("() => window.done", timeout=LESSON_MILLISECONDS)

    def model(self, index: int) -> dict[str, Any]:
        """A cell as JupyterLab would save it."""
        return self.page.evaluate(
            "index => jupyterapp.shell.currentWidget.content.widgets[index].model.toJSON()", index
        )

    def error(self, index: int) -> str | None:
        """The exception that a cell shows."""
        outputs = self.model(index)["outputs"]
        errors = [o for o in outputs if o["output_type"] == "error"]
        return f"{errors[0]['ename']}: {errors[0]['evalue']}" if errors else None

    def wait_for_kernel(self) -> None:
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
            "?.status === 'idle'"
        )


def copied(server: Any, page: Page, folder: str) -> Lesson:
    """The released lesson in a folder of its own, since JupyterLab saves what is typed."""
    shutil.copytree(ROOT / "notebooks" / LESSON, server.root / folder / LESSON)
    path = f"{folder}/{LESSON}/{LESSON}.ipynb"
    cells = json.loads((server.root / path).read_text(encoding="utf-8"))["cells"]
    return Lesson(page, server.url, server.token, path, cells)


@pytest.fixture
def lesson(server: Any, page: Page, request: pytest.FixtureRequest) -> Lesson:
    """The lesson, to be opened in a page with no memory."""
    return copied(server, page, request.node.name)


@pytest.fixture(scope="module")
def lasting(server: Any, shared_page: Page) -> Lesson:
    """The lesson, open for several tests: to load it takes longer than most of them."""
    lesson = copied(server, shared_page, "lasting")
    lesson.open()
    return lesson


@pytest.fixture
def opened(lasting: Lesson) -> Lesson:
    """The open lesson in both languages and at its top, as it is at first."""
    lasting.page.evaluate(
        """async () => {
            await jupyterapp.commands.execute('course-language:set', { lang: 'both' });
            // The button holds the place for some frames, against whoever scrolls.
            for (let frame = 0; frame < 30; frame++) await new Promise(requestAnimationFrame);
            document.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0);
        }"""
    )
    return lasting


def switch_through(lesson: Lesson, press: Callable[[], None], within: str = MARKDOWN) -> None:
    """Press three times: only Chinese, only English, both again."""
    both = lesson.visible(within)
    assert min(both.values()) > 0
    expect(lesson.button).to_have_text(LABELS["both"])
    press()
    expect(lesson.button).to_have_text(LABELS["zh"])
    assert lesson.visible(within) == {"zh": both["zh"], "en": 0}
    press()
    expect(lesson.button).to_have_text(LABELS["en"])
    assert lesson.visible(within) == {"zh": 0, "en": both["en"]}
    press()
    expect(lesson.button).to_have_text(LABELS["both"])
    assert lesson.visible(within) == both


def test_the_button_switches_the_language(opened: Lesson) -> None:
    title = opened.page.locator(f"{MARKDOWN} h1")
    expect(title).to_contain_text("".join(opened.cells[0]["source"]).splitlines()[0][2:])

    # Every block of the file reached the page as a block, and none is lost in a code fence.
    sources = ["".join(cell["source"]) for cell in opened.cells if cell["cell_type"] == "markdown"]
    for language, blocks in (("zh", r'<\w+ lang="zh">'), ("en", r'<\w+ lang="en">')):
        expect(opened.page.locator(f'{MARKDOWN} [lang="{language}"]')).to_have_count(
            sum(len(re.findall(blocks, source)) for source in sources)
        )

    switch_through(opened, opened.button.click)
    switch_through(opened, lambda: opened.page.keyboard.press("Alt+Shift+L"))
    opened.button.click()
    expect(title).to_be_visible()


def test_the_button_keeps_the_place(opened: Lesson) -> None:
    opened.cell(opened.position(EXERCISE.id)).evaluate("cell => cell.scrollIntoView()")
    place = """async () => {
        for (let frame = 0; frame < 30; frame++) await new Promise(requestAnimationFrame);
        const scroller = document.querySelector('.jp-WindowedPanel-outer');
        const edge = scroller.getBoundingClientRect().top;
        const cells = [...scroller.querySelectorAll('.jp-Cell')];
        return cells.findIndex(cell => cell.getBoundingClientRect().bottom > edge);
    }"""
    before = opened.page.evaluate(place)
    assert before > 0
    for _ in range(2 * len(LABELS)):
        opened.button.click()
        assert opened.page.evaluate(place) == before


def test_a_reload_keeps_the_language(opened: Lesson) -> None:
    opened.button.click()
    opened.button.click()
    expect(opened.button).to_have_text(LABELS["en"])
    english = opened.visible(MARKDOWN)["en"]
    opened.page.reload()
    opened.rendered()
    expect(opened.button).to_have_text(LABELS["en"])
    assert opened.visible(MARKDOWN) == {"zh": 0, "en": english}


def test_a_command_sets_the_language(opened: Lesson) -> None:
    expect(opened.button).to_be_visible()
    choose = "lang => jupyterapp.commands.execute('course-language:set', {lang})"
    for language in ("en", "zh", "both"):
        opened.page.evaluate(choose, language)
        expect(opened.button).to_have_text(LABELS[language])
    refusal = "lang => jupyterapp.commands.execute('course-language:set', {lang}).catch(String)"
    assert "one of both, zh, en" in opened.page.evaluate(refusal, "fr")
    expect(opened.button).to_have_text(LABELS["both"])


def test_the_button_works_without_local_storage(lesson: Lesson) -> None:
    lesson.page.add_init_script(
        """for (const name of ['getItem', 'setItem']) {
            const original = Storage.prototype[name];
            Storage.prototype[name] = function (key, ...rest) {
                if (key === 'course-language') throw new DOMException('', 'SecurityError');
                return original.call(this, key, ...rest);
            };
        }"""
    )
    lesson.open()
    switch_through(lesson, lesson.button.click)


def test_the_button_works_in_notebook_7(lesson: Lesson) -> None:
    lesson.open("notebooks")
    switch_through(lesson, lesson.button.click)


def test_a_learner_answers_errs_and_validates(lesson: Lesson) -> None:
    solution, check = lesson.position(EXERCISE.id), lesson.position(f"{EXERCISE.id}-check")
    lesson.open()
    lesson.wait_for_kernel()

    # The right answer, in a notebook whose other exercises are still blank.
    lesson.write(solution, ANSWER)
    lesson.execute("notebook:run-all-cells")
    code = [index for index, cell in enumerate(lesson.cells) if cell["cell_type"] == "code"]
    blank = [
        index
        for index in code
        if lesson.cells[index]["metadata"].get("nbgrader", {}).get("grade") and index != check
    ]
    errors = {index: lesson.error(index) for index in code}
    assert [error for index, error in errors.items() if error and index not in blank] == []
    assert all((errors[index] or "").startswith("CheckFailed") for index in blank)
    counts = [lesson.model(index)["execution_count"] for index in code]
    assert counts == list(range(1, len(code) + 1)), "not every cell ran"
    lesson.output(check).scroll_into_view_if_needed()
    expect(lesson.output(check)).to_contain_text("通过", use_inner_text=True)
    pictures = lesson.page.locator(f"{OUTPUT} img")
    expect(pictures.first).to_be_attached()
    for picture in pictures.all():
        # JupyterLab writes "Image" where a picture has no text of its own.
        assert picture.get_attribute("alt") not in ("", "Image")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    switch_through(lesson, lesson.button.click, OUTPUT)

    # A known mistake is explained, in the language that is chosen.
    lesson.write(solution, SUM_ANSWER)
    lesson.execute("notebook:run-cell", solution)
    lesson.execute("notebook:run-cell", check)
    assert (lesson.error(check) or "").startswith("CheckFailed")
    # The exception below it is plain text, in both languages.
    explained = lesson.output(check).locator(".jp-RenderedHTMLCommon")
    lesson.button.click()
    expect(explained).to_contain_text(SUM_MUTANT.text.zh, use_inner_text=True)
    expect(explained).not_to_contain_text(SUM_MUTANT.text.en, use_inner_text=True)
    lesson.button.click()
    expect(explained).to_contain_text(SUM_MUTANT.text.en, use_inner_text=True)
    expect(explained).not_to_contain_text(SUM_MUTANT.text.zh, use_inner_text=True)

    # nbgrader's own button finds the blank exercises, and no fault with the answered one.
    lesson.write(solution, ANSWER)
    lesson.page.get_by_role("button", name="Validate").click()
    dialog = lesson.page.locator(".jp-Dialog")
    dialog.wait_for(timeout=LESSON_MILLISECONDS)
    expect(dialog).to_contain_text("Validation Results")
    expect(dialog.get_by_text("The following cell failed:")).to_have_count(len(blank))
    expect(dialog).not_to_contain_text(f'check("{EXERCISE.id}"')

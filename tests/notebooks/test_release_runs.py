"""An unfilled release runs to its end: every check says "not done yet", and the lesson goes on."""

from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, Execute
from nbgrader.validator import Validator
from traitlets import Bool, List

ROOT = Path(__file__).resolve().parent.parent.parent
RELEASES = sorted((ROOT / "notebooks").glob("*/*.ipynb"))


class _Execute(Execute):
    # Stricter than nbgrader: a check that is not done raises, and its tag alone lets the run go on.
    allow_errors = Bool(False)


class _Validator(Validator):
    """Keeps what it has executed."""

    preprocessors = List([CheckCellMetadata, ClearOutput, _Execute])

    def _preprocess(self, nb: NotebookNode) -> NotebookNode:
        self.executed = super()._preprocess(nb)
        return self.executed


@dataclass(frozen=True)
class Run:
    """What became of a release.

    Attributes:
        notebook: with its outputs.
        result: what nbgrader says of it.
    """

    notebook: NotebookNode
    result: dict[str, list[dict[str, str]]]

    @property
    def checks(self) -> list[NotebookNode]:
        return [c for c in self.notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]


@pytest.fixture(scope="module", params=RELEASES, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest) -> Run:
    """One run for all tests of a release: it costs seconds, and looking at it nothing."""
    # Experiments run for two steps, as nbgrader's Validate wants; their full length is nbval's job.
    validator = _Validator()
    result = validator.validate(str(request.param))
    return Run(validator.executed, result)


def _text(cell: NotebookNode) -> str:
    return "\n".join(o.get("data", {}).get("text/plain", "") for o in cell.outputs)


def test_the_unfilled_release_runs_to_its_end(run: Run) -> None:
    code = [cell for cell in run.notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert run.checks
    for cell in run.checks:
        assert "还没有做 / not done yet" in _text(cell)
        (error,) = [o for o in cell.outputs if o.output_type == "error"]
        assert error.ename == "CheckFailed"
        assert len(error.traceback) == 1
    for cell in code:
        streams = [o for o in cell.outputs if o.output_type == "stream"]
        assert not [o for o in streams if o.name == "stderr"], cell.source


def test_nbgrader_validate_reports_every_unfinished_check(run: Run) -> None:
    assert len(run.result["failed"]) == len(run.checks)
    assert all("not done yet" in failure["error"] for failure in run.result["failed"])

"""An unfilled release runs to its end: every check says "not done yet", and the lesson goes on."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.validator import Validator

ROOT = Path(__file__).resolve().parent.parent.parent
RELEASES = sorted((ROOT / "notebooks").glob("*/*.ipynb"))


def _text(cell):
    return "\n".join(o.get("data", {}).get("text/plain", "") for o in cell.outputs)


@pytest.mark.parametrize("path", RELEASES, ids=lambda p: p.stem)
def test_the_unfilled_release_runs_to_its_end(path, monkeypatch):
    # As nbgrader's Validate does: experiments run for two steps; their full length is nbval's job.
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    notebook = nbformat.read(path, as_version=4)
    # No allow_errors: a check that is not done raises, and its tag alone lets the run go on.
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    checks = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert checks
    for cell in checks:
        assert "还没有做 / not done yet" in _text(cell)
        (error,) = [o for o in cell.outputs if o.output_type == "error"]
        assert error.ename == "CheckFailed"
        assert len(error.traceback) == 1
    for cell in notebook.cells:
        streams = [o for o in cell.get("outputs", []) if o.output_type == "stream"]
        assert not [o for o in streams if o.name == "stderr"], cell.source


@pytest.mark.parametrize("path", RELEASES, ids=lambda p: p.stem)
def test_nbgrader_validate_reports_every_unfinished_check(path):
    result = Validator().validate(str(path))
    source = nbformat.read(path, as_version=4)
    checks = [c for c in source.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert len(result["failed"]) == len(checks)
    assert all("not done yet" in failure["error"] for failure in result["failed"])

"""Versions live in one place, and what is installed is what they say."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["course"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
ASKED_FOR = {"torch", "jupyterlab", "nbgrader", "matplotlib", "numpy", "torchinfo", "nbval"}


@pytest.mark.parametrize("pin", PINS)
def test_every_requirement_is_one_exact_version_and_is_installed(pin):
    match = re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9.]*)", pin)
    assert match, f"{pin}: write name==version; a +cpu or +cu suffix would tie torch to one build"
    assert version(match[1]).split("+")[0] == match[2]


def test_all_packages_that_were_asked_for_are_there():
    assert {pin.split("==")[0] for pin in PINS} >= ASKED_FOR


def test_conda_users_get_the_same_packages_from_the_same_place():
    plain = [item for item in ENVIRONMENT["dependencies"] if isinstance(item, str)]
    pip = [item["pip"] for item in ENVIRONMENT["dependencies"] if isinstance(item, dict)]
    assert plain == [f"python{PROJECT['requires-python']}", "pip"]
    assert pip == [["--editable .[course]"]]


def test_the_makefile_installs_what_conda_users_get():
    assert "--editable '.[course]'" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_no_other_file_holds_a_version():
    for name in ("Makefile", "environment.yml", ".ci/run", ".github/workflows/test.yml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for pin in PINS:
            package = pin.split("==")[0]
            assert not re.search(rf"\b{re.escape(package)}\s*[=<>~]=", text), (name, package)


def test_the_language_button_is_installed_and_enabled():
    jupyter = shutil.which("jupyter", path=str(Path(sys.executable).parent))
    listed = subprocess.run(
        [jupyter, "labextension", "list"], capture_output=True, text=True, check=True
    )
    line = next(x for x in (listed.stdout + listed.stderr).splitlines() if "course-language" in x)
    assert "enabled" in line
    assert "OK" in line

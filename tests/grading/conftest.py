from pathlib import Path

import pytest
from tiny_course import Course


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)

"""What becomes of a text is made once, and a submission's long texts fill no memory."""

import pytest

from course_lib.grading.worker.remembered import remembered


@pytest.mark.parametrize(("length", "times"), [(16_000, 1), (16_001, 2)])
def test_short_texts_are_kept_and_long_ones_are_not(length: int, times: int) -> None:
    seen = []

    @remembered
    def made(text: str) -> int:
        seen.append(text)
        return len(text)

    assert [made("x" * length), made("x" * length)] == [length, length]
    assert len(seen) == times

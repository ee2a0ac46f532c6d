"""What a notebook shows: alternative text and a caption always, and bytes that stay the same."""

import matplotlib as mpl
import pytest

from course_lib import plots
from course_lib.bilingual import Text
from course_lib.plots._show import Picture

ALT, CAPTION = Text("替代 <文字>", 'alternative "text"'), Text("说明", "a caption")


def _figure():
    return plots.accuracies({"a": [50.0, 60.0], "b": [90.0]}, chance=50, title="t")


def test_a_picture_carries_its_texts_in_html_and_in_plain_text(capsys):
    plots.show(_figure(), ALT, CAPTION)
    assert "替代 <文字>" in capsys.readouterr().out
    page = Picture(_figure(), ALT, CAPTION)._repr_html_()
    assert 'alt="替代 &lt;文字&gt; / alternative &quot;text&quot;"' in page
    assert '<span lang="en">a caption</span>' in page
    assert page.count("<img") == 1


def test_the_same_figure_gives_the_same_bytes():
    first, second = (Picture(_figure(), ALT, CAPTION)._repr_html_() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("text", [Text("", "x"), Text("文", " ")])
def test_a_picture_without_texts_is_refused(text):
    with pytest.raises(ValueError, match="alternative text"):
        plots.show(_figure(), text, CAPTION)
    with pytest.raises(ValueError, match="alternative text"):
        plots.show(_figure(), ALT, text)


def test_the_style_of_others_is_left_alone():
    before = dict(mpl.rcParams)
    _figure()
    assert dict(mpl.rcParams) == before

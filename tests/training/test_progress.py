"""The bar of a run in a terminal, and bar and live curve in the kernel of a notebook."""

import re

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from torch import nn
from torch.nn import functional as F

from course_lib import plots, training

STEPS = 3


def _batches(epoch):
    generator = torch.Generator().manual_seed(epoch)
    return [
        (torch.randn(4, 2, generator=generator), torch.tensor([0, 1, 2, 0])) for _ in range(STEPS)
    ]


def _without_length(epoch):
    yield from _batches(epoch)


def _fit(epochs, batches=_batches, loss=F.cross_entropy, **options):
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(2, 5), nn.Dropout(0.4), nn.Linear(5, 3))
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    return model, training.fit(model, batches, loss, optimiser, epochs=epochs, **options)


def test_nobody_is_told_anything_who_did_not_ask(capsys):
    _fit(2, report=plots.live_history())
    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_the_bar_is_one_line_of_stdout(capsys):
    values = []

    def loss(*arguments):
        values.append(F.cross_entropy(*arguments))
        return values[-1]

    _fit(4, loss=loss, progress=True)
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    first, *_, last = out.strip().split("\r")
    assert "0/12" in first
    assert re.match(r"epoch 4/4: 100%\|█+\| 12/12 \[\d\d:\d\d<00:00,", last)
    assert f"loss {values[-1].item():.4f}]" in last


def test_the_end_is_known_after_the_first_epoch_where_batches_have_no_length(capsys):
    _fit(3, batches=_without_length, progress=True)
    assert "100%|" in (last := capsys.readouterr().out.split("\r")[-1])
    assert " 9/9 " in last


@pytest.mark.parametrize(
    ("batches", "first", "last"),
    [(_batches, " 6/15 ", " 15/15 "), (_without_length, "0b", " 9/9 ")],
)
def test_a_run_that_goes_on_begins_where_it_was(capsys, tmp_path, batches, first, last):
    _fit(2, folder=tmp_path)
    _fit(5, folder=tmp_path, batches=batches, progress=True)
    lines = capsys.readouterr().out.split("\r")
    assert first in lines[1]
    assert lines[-1].startswith("epoch 5/5: 100%")
    assert last in lines[-1]
    _fit(5, folder=tmp_path, progress=True)  # nothing is left to do
    assert capsys.readouterr() == ("", "")


def test_the_bar_changes_no_number():
    (first, history), (second, other) = _fit(3), _fit(3, progress=True)
    assert history["loss"].tolist() == other["loss"].tolist()
    states = first.state_dict(), second.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_bar_is_left_whole_when_the_run_is_broken_off(capsys):
    def broken(epoch):
        yield from _batches(epoch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        _fit(2, batches=broken, progress=True)
    out, err = capsys.readouterr()
    assert caught.traceback  # its frames keep the bar alive, which would close itself otherwise
    assert err == ""
    assert out.endswith("\n")
    assert "3batch" in out.split("\r")[-1]


RUN = """
import torch
from torch import nn
from course_lib import plots, training

def batches(epoch):
    x = torch.randn(6, 4, 2, 5, 7, generator=torch.Generator().manual_seed(epoch))
    return [(images, (images[:, 0] > 0).long()) for images in x]

model = nn.Conv2d(2, 2, 1)
history = training.fit(
    model, batches, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), 0.3), epochs=3,
    evaluate=training.segmentation(lambda: batches(9), 2), progress=True,
    report=plots.live_history(["mIoU", "pixel accuracy"]),
)
"""
NUMBERS = """
columns = [*history["loss"].iloc[[0, -1]], *history[["mIoU", "pixel accuracy"]].iloc[-1]]
print([f"{value:.3g}" for value in columns])
"""


class _Listening(NotebookClient):
    """Counts what the kernel sends, too, since updates leave no trace in the notebook."""

    def process_message(self, msg, cell, cell_index):
        self.kinds = [*getattr(self, "kinds", []), msg["msg_type"]]
        return super().process_message(msg, cell, cell_index)


def test_in_a_notebook_bar_and_curve_are_one_output_each_which_is_updated():
    cells = [nbformat.v4.new_code_cell(source) for source in (RUN, NUMBERS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = _Listening(notebook, timeout=300, kernel_name="python3")
    client.execute()
    bar, curve = cells[0].outputs  # and no stream, neither stdout nor stderr
    assert [bar.output_type, curve.output_type] == ["display_data", "display_data"]
    assert re.match(r"epoch 3/3: 100%\|█+\| 18/18 .*loss \d", bar.data["text/plain"])
    first, last, miou, accuracy = eval(cells[1].outputs[0].text)
    page = curve.data["text/html"]
    assert page.count("<img") == 1
    alt = re.search(r'alt="([^"]*)"', page)[1]
    assert f"3 轮：损失从 {first} 到 {last}；最后 mIoU {miou}，pixel accuracy {accuracy}。" in alt
    assert f"3 epochs: loss from {first} to {last}; at the end" in alt
    assert f" mIoU {miou}, pixel accuracy {accuracy}." in alt
    assert page.count("<span lang=") == 2
    # Three epochs: the curve is shown once and updated twice, the bar at least at its end.
    assert client.kinds.count("display_data") == 2
    assert client.kinds.count("update_display_data") >= 3

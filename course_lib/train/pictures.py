"""The pictures of a run: curves, predictions, and where the attention looks."""

from itertools import islice
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from course_lib import plots
from course_lib.networks.danet import DANet, SmallDANet
from course_lib.train.danet import Trained, predict
from course_lib.train.tasks import Task

_ROWS = 4  # pictures in predictions.png
_ATTENDED = 3  # of these, with a picture of the attention maps each
_QUERIES = 4  # PAM maps in such a picture


def write(trained: Trained, task: Task, head: str, folder: Path) -> list[Path]:
    """Draw curves.png, predictions.png and, where there is attention, attention-1.png to -3.png.

    Returns:
        The paths of what was written.
    """
    curves = plots.history(trained.history, ["mIoU", "pixel accuracy"])
    written = [plots.save(curves, folder / "curves.png")]
    images, labels = _first(task, _ROWS)
    figure = plots.segmentations(
        task.pictures(images), labels, predict(trained.network, images), task.classes
    )
    written.append(plots.save(figure, folder / "predictions.png"))
    if head == "dual":
        # Several pictures, for a network may look at a thing of one colour and past another one.
        for place in range(min(_ATTENDED, len(images))):
            figure = _attention(trained.network, task, images[place : place + 1], labels[place])
            written.append(plots.save(figure, folder / f"attention-{place + 1}.png"))
    return written


def _first(task: Task, count: int) -> tuple[Tensor, Tensor]:
    """The first pictures of those to measure on."""
    found = list(islice((pair for b in task.valid() for pair in zip(*b, strict=True)), count))
    images, labels = zip(*found, strict=True)
    return torch.stack(images), torch.stack(labels)


@torch.no_grad()
def _attention(network: DANet | SmallDANet, task: Task, image: Tensor, labels: Tensor) -> Figure:
    device = next(network.parameters()).device
    cells = network.trunk(image.to(device)).shape[2:]
    queries = query_cells(labels, task, cells)
    numbers = [row * cells[1] + column for row, column in queries.values()]
    maps = network.explain(image.to(device), numbers)
    return plots.dual_attention(
        task.pictures(image)[0],
        queries,
        maps["position"][0].unflatten(1, cells).cpu(),
        maps["channel"][0].cpu(),
    )


def query_cells(labels: Tensor, task: Task, cells: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """For some classes the cell of the map that lies deepest inside the class.

    Args:
        labels: (H, W).
        task: names the classes; the frequent ones are taken.
        cells: rows and columns of the map.

    Returns:
        Row and column by the name of the class.
    """
    count = len(task.classes)
    one_hot = torch.stack([(labels == kind).float() for kind in range(count)])
    share = F.adaptive_avg_pool2d(one_hot, tuple(cells))
    # A cell whose neighbours have the class, too, goes before one at a border.
    deep = share + F.avg_pool2d(share[None], 3, 1, 1)[0]
    order = one_hot.sum((1, 2)).argsort(descending=True).tolist()
    wanted = [k for k in order if one_hot[k].any()][:_QUERIES]
    places = {k: divmod(int(deep[k].argmax()), cells[1]) for k in wanted}
    return {task.classes[k]: place for k, place in places.items()}

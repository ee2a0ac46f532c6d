"""Exercise dual-counts: predict: live and dead parameters."""

from collections.abc import Callable

import torch
from torch import nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text


def dual_counts(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    """The reference of exercise 8: counts of the classifier that stores too much."""
    head = 2 * channels * channels + channels + channels * classes + classes
    dead = channels * old_classes + old_classes
    return {
        "live": backbone + head,
        "dead": dead,
        "stored": 2 * backbone + dead + head,
    }


def _counts_case(text: Text, **fixed: int) -> Case:
    def make(draw: Draw) -> Call:
        sizes = {
            "backbone": draw.integer(10_000, 99_999),
            "channels": draw.integer(20, 600),
            "classes": draw.integer(2, 50),
            "old_classes": draw.integer(60, 1000),
        }
        return Call(tuple({**sizes, **fixed}.values()))

    return Case(text, make)


def _factored(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    live = backbone + channels * (2 * channels + 1) + classes * (channels + 1)
    dead = old_classes * (channels + 1)
    return {"live": live, "dead": dead, "stored": live + dead + backbone}


def _counts_mutant(**differences: Callable[..., int]) -> Callable[..., dict[str, int]]:
    def answer(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
        right = _factored(backbone, channels, classes, old_classes)
        changed = {
            key: change(right, backbone, channels, classes, old_classes)
            for key, change in differences.items()
        }
        return {**right, **changed}

    return answer


def _no_biases(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    head, dead = 2 * channels * channels + channels * classes, channels * old_classes
    return {"live": backbone + head, "dead": dead, "stored": 2 * backbone + dead + head}


def _narrow_head(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    right = _factored(backbone, channels, classes, old_classes)
    less = channels * channels
    return {**right, "live": right["live"] - less, "stored": right["stored"] - less}


def _wide_head(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    right = _factored(backbone, channels, classes, old_classes)
    more = channels * classes  # the classifier on 2C instead of C
    return {**right, "live": right["live"] + more, "stored": right["stored"] + more}


def _dead_by_new_classes(
    backbone: int, channels: int, classes: int, old_classes: int
) -> dict[str, int]:
    right = _factored(backbone, channels, classes, old_classes)
    dead = channels * classes + classes
    return {**right, "dead": dead, "stored": right["stored"] - right["dead"] + dead}


def _counted(backbone: int, channels: int, classes: int, old_classes: int) -> dict[str, int]:
    def size(*layers: nn.Module) -> int:
        return sum(p.numel() for layer in layers for p in layer.parameters())

    with torch.device("meta"):
        head = size(nn.Linear(2 * channels, channels), nn.Linear(channels, classes))
        dead = size(nn.Linear(channels, old_classes))
    return {"stored": backbone * 2 + dead + head, "live": head + backbone, "dead": dead}


DUAL_COUNTS = Exercise(
    id="dual-counts",
    kind="predict",
    title=Text("活的与死的", "Live and dead"),
    difficulty=2,
    minutes=5,
    points=3,
    reference=dual_counts,
    cases=(
        _counts_case(Text("任意大小", "any sizes")),
        _counts_case(Text("只有一个类", "a single class"), classes=1),
        _counts_case(Text("没有骨干", "no backbone at all"), backbone=0),
        _counts_case(
            Text("新旧的类一样多", "as many new classes as old ones"), classes=10, old_classes=10
        ),
    ),
    mutants=(
        Mutant(
            "no-biases",
            _no_biases,
            Text(
                "偏置没有数。三个全连接层都有。",
                "The biases are missing. All three layers have one.",
            ),
        ),
        Mutant(
            "dead-counted-as-live",
            _counts_mutant(live=lambda right, *sizes: right["live"] + right["dead"]),
            Text(
                "旧的分类层也算成了活的。没有梯度能传到它。",
                "The old classifier is counted as live. No gradient reaches it.",
            ),
        ),
        Mutant(
            "stored-once",
            _counts_mutant(stored=lambda right, *sizes: right["live"] + right["dead"]),
            Text(
                "`stored` 里骨干只数了一次。`state_dict` 里它有两套名字，每套都列出全部的数。",
                "The backbone counts once in `stored`. In `state_dict` it has two sets of names, "
                "and each lists all its numbers.",
            ),
        ),
        Mutant(
            "stored-all-twice",
            _counts_mutant(stored=lambda right, *sizes: 2 * (right["live"] + right["dead"])),
            Text(
                "`stored` 把所有东西都数了两次。登记了两次的只有骨干。",
                "`stored` counts everything twice. Only the backbone is registered twice.",
            ),
        ),
        Mutant(
            "stored-without-the-old-head",
            _counts_mutant(stored=lambda right, *sizes: right["stored"] - right["dead"]),
            Text(
                "`stored` 里少了旧的分类层。它没有梯度，却还登记着，`state_dict` 照样列出它。",
                "`stored` lacks the old classifier. It gets no gradient, yet it is registered, and "
                "`state_dict` lists it all the same.",
            ),
        ),
        Mutant(
            "live-twice",
            _counts_mutant(stored=lambda right, *sizes: 2 * right["live"] + right["dead"]),
            Text(
                "`stored` 里新的两层也数了两次。它们只有一套名字；有两套的只有骨干。",
                "`stored` counts the two new layers twice as well. They have one set of names; "
                "only the backbone has two.",
            ),
        ),
        Mutant(
            "dead-twice",
            _counts_mutant(stored=lambda right, *sizes: right["stored"] + right["dead"]),
            Text(
                "`stored` 里旧的分类层数了两次。它只在 `base` 里，不在 `features` 里。",
                "`stored` counts the old classifier twice. It is in `base` only, not in "
                "`features`.",
            ),
        ),
        Mutant(
            "reduction-from-c",
            _narrow_head,
            Text(
                "缩减层按 C 到 C 数了。它的输入是拼接后的 2C 个数。",
                "The reduction is counted as C to C. Its inputs are the 2C joined numbers.",
            ),
        ),
        Mutant(
            "classifier-from-2c",
            _wide_head,
            Text(
                "新的分类层按 2C 个输入数了。缩减之后只有 C 个。",
                "The new classifier is counted with 2C inputs. After the reduction there are C.",
            ),
        ),
        Mutant(
            "dead-by-new-classes",
            _dead_by_new_classes,
            Text(
                "死的那一层按新的类数算了。它是旧网络的，类数也是旧的。",
                "The dead layer is counted with the new classes. It is the old network's and has "
                "the old ones.",
            ),
        ),
        Mutant(
            "dead-alone-by-new-classes",
            _counts_mutant(dead=lambda right, backbone, c, classes, old: (c + 1) * classes),
            Text(
                "`stored` 是对的，`dead` 却按新的类数算了。死的是旧网络的那一层，类数也是旧的。",
                "`stored` is right, but `dead` is counted with the new classes. The dead layer is "
                "the old network's and has the old ones.",
            ),
        ),
    ),
    alternates=(Alternate("counted", _counted), Alternate("factored", _factored)),
    gradients=False,
)

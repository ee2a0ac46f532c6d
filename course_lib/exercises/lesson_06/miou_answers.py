"""The answers of `miou`: the reference, right and wrong ones, its cases."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Text
from course_lib.exercises.lesson_06.shared import VOID, draw_classes, draw_some


def count_and_score(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """The reference of exercise 1: the confusion matrix (K, K), int64, and the mean IoU."""
    counted = labels != VOID
    pairs = labels[counted] * classes + predicted[counted]
    counts = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    both = counts.diagonal()
    return counts, (both / (counts.sum(0) + counts.sum(1) - both)).nanmean()


def miou_case(text: Text, pictures: int, absent: bool = False, invented: bool = False) -> Case:
    def make(draw: Draw) -> Call:
        classes = draw.integer(4, 6)
        shape = (pictures, draw.integer(5, 6), draw.integer(7, 9))
        labels = draw_classes(draw, classes, *shape)
        wrong = draw_classes(draw, classes, *shape)
        predicted = labels.where(draw_some(draw, 0.6, *shape), wrong)
        if absent:  # class 1 is nowhere
            labels, predicted = (t.where(t != 1, 2) for t in (labels, predicted))
        if invented:  # class 3 is predicted only
            labels = labels.where(labels != 3, 0)
        labels = labels.where(~draw_some(draw, 0.2, *shape), VOID)
        labels[0, 0, 0], predicted[0, 0, 0] = 2, 2
        if invented:
            labels[0, 0, 1], predicted[0, 0, 1] = 0, 3
        return Call((predicted, labels, classes))

    return Case(text, make)


def score_mutant(
    score: Callable[[Tensor], Tensor],
) -> Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]:
    """Counts rightly; what it makes of the counts differs."""

    def answer(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        counts = count_by_class(predicted, labels, classes)
        return counts, score(counts)

    return answer


def count_by_class(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    rows = [
        [((labels == true) & (predicted == taken)).sum() for taken in range(classes)]
        for true in range(classes)
    ]
    return torch.stack([torch.stack(row) for row in rows])


def by_class(counts: Tensor) -> Tensor:
    both = counts.diagonal()
    return both / (counts.sum(0) + counts.sum(1) - both)


def void_as_class_0(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    counts = count_by_class(predicted, labels.where(labels != VOID, 0), classes)
    return counts, by_class(counts).nanmean()


def transposed_counts(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    counts = count_by_class(predicted, labels, classes)
    return counts.T, by_class(counts).nanmean()


def mean_of_pictures(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    pairs = zip(predicted, labels, strict=True)
    counts = [count_by_class(one, truth, classes) for one, truth in pairs]
    return sum(counts), torch.stack([by_class(c).nanmean() for c in counts]).mean()


def of_labels_only(counts: Tensor) -> Tensor:
    return by_class(counts)[counts.sum(1) > 0].mean()


def void_in_the_codes(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    pairs = labels * classes + predicted
    counts = torch.bincount(pairs.flatten(), minlength=classes**2).view(classes, classes)
    return counts, by_class(counts).nanmean()


def miou_loop(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    pairs = zip(labels.flatten().tolist(), predicted.flatten().tolist(), strict=True)
    for true, taken in pairs:
        if true != VOID:
            counts[true, taken] += 1
    found = []
    for kind in range(classes):
        union = counts[kind].sum() + counts[:, kind].sum() - counts[kind, kind]
        if union > 0:
            found.append(counts[kind, kind] / union)
    return counts, torch.stack(found).mean()


def miou_one_hot(predicted: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    kept = labels.ne(VOID)
    true, taken = (F.one_hot(t[kept], classes) for t in (labels, predicted))
    union = (true | taken).sum(0)
    score = (true & taken).sum(0)[union > 0] / union[union > 0]
    return true.T @ taken, score.mean()

"""The answers of `loss`: the reference, right and wrong ones, its cases."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Text
from course_lib.exercises.lesson_06.shared import VOID, draw_classes, draw_some

WEIGHTS = (1.0, 0.4, 0.4)


def dual_loss(
    fused: Tensor,
    position: Tensor,
    channel: Tensor,
    labels: Tensor,
    weights: Sequence[float] = WEIGHTS,
) -> Tensor:
    """The reference of exercise 6: enlarge, leave out void, weigh, add."""
    total = torch.zeros((), dtype=fused.dtype)
    for scores, weight in zip((fused, position, channel), weights, strict=True):
        enlarged = F.interpolate(scores, labels.shape[1:], mode="bilinear", align_corners=True)
        total = total + weight * F.cross_entropy(enlarged, labels, ignore_index=VOID)
    return total


def loss_case(text: Text, pictures: int, default: bool = False, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        classes, height, width = draw.integer(3, 5), draw.integer(3, 4), draw.integer(5, 6)
        scores = [draw.normal(pictures, classes, height, width, scale=2.0) for _ in range(3)]
        # No multiple of the small map's side, as with pictures of any size.
        size = (5 * height + draw.integer(1, 3), 4 * width + draw.integer(1, 3))
        labels = draw_classes(draw, classes, pictures, *size)
        void = draw_some(draw, 0.1, pictures, *size)
        void[0] |= draw_some(draw, 0.6, *size)  # pictures differ in how much of them counts
        labels = labels.where(~void, VOID)
        weights = (draw.pick(1.0, 0.7), draw.pick(0.4, 0.3), draw.pick(0.2, 0.1))
        return Call((*scores, labels) if default else (*scores, labels, weights))

    return Case(text, make, **options)


def enlarged_to(scores: Tensor, labels: Tensor) -> Tensor:
    return F.interpolate(scores, labels.shape[1:], mode="bilinear", align_corners=True)


def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Without torch's own: mean over the pixels that count."""
    logs = scores.log_softmax(1)
    counted = labels != VOID
    taken = logs.gather(1, labels.where(counted, 0)[:, None])[:, 0]
    return -taken[counted].mean()


def loss_mutant(
    one: Callable[[Tensor, Tensor], Tensor] = lambda scores, labels: cross_entropy(
        enlarged_to(scores, labels), labels
    ),
    add: Callable[[list[Tensor], Sequence[float]], Tensor] = lambda losses, weights: sum(
        w * loss for w, loss in zip(weights, losses, strict=True)
    ),
) -> Callable[..., Tensor]:
    """What differs: the loss of one output, or how the three are added."""

    def answer(
        fused: Tensor,
        position: Tensor,
        channel: Tensor,
        labels: Tensor,
        weights: Sequence[float] = WEIGHTS,
    ) -> Tensor:
        return add([one(scores, labels) for scores in (fused, position, channel)], weights)

    return answer


def void_as_a_class(scores: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(enlarged_to(scores, labels), labels.where(labels != VOID, 0))


def over_all_pixels(scores: Tensor, labels: Tensor) -> Tensor:
    share = (labels != VOID).to(scores.dtype).mean()
    return cross_entropy(enlarged_to(scores, labels), labels) * share


def mean_over_pictures(scores: Tensor, labels: Tensor) -> Tensor:
    pairs = zip(enlarged_to(scores, labels).split(1), labels.split(1), strict=True)
    return torch.stack([cross_entropy(s, truth) for s, truth in pairs]).mean()


def softmax_twice(scores: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(enlarged_to(scores, labels).softmax(1), labels)


def corners_elsewhere(scores: Tensor, labels: Tensor) -> Tensor:
    enlarged = F.interpolate(scores, labels.shape[1:], mode="bilinear", align_corners=False)
    return cross_entropy(enlarged, labels)


def nearest_enlarged(scores: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(F.interpolate(scores, labels.shape[1:]), labels)


def loss_of_the_sum(
    fused: Tensor,
    position: Tensor,
    channel: Tensor,
    labels: Tensor,
    weights: Sequence[float] = WEIGHTS,
) -> Tensor:
    scores = (fused, position, channel)
    total = sum(w * s for w, s in zip(weights, scores, strict=True))
    return cross_entropy(enlarged_to(total, labels), labels)


def labels_shrunk(scores: Tensor, labels: Tensor) -> Tensor:
    small = F.interpolate(labels[:, None].double(), scores.shape[2:], mode="nearest-exact")
    return cross_entropy(scores, small[:, 0].long())


def fixed_factor(scores: Tensor, labels: Tensor) -> Tensor:
    enlarged = F.interpolate(scores, scale_factor=8, mode="bilinear", align_corners=True)
    return F.cross_entropy(enlarged, labels, ignore_index=VOID)


def loss_one_batch(
    fused: Tensor,
    position: Tensor,
    channel: Tensor,
    labels: Tensor,
    weights: Sequence[float] = WEIGHTS,
) -> Tensor:
    """All outputs in one batch; the classes as a one-hot code."""
    scores = torch.cat([fused, position, channel])
    logs = nn.UpsamplingBilinear2d(tuple(labels.shape[1:]))(scores).log_softmax(1)
    counted = (labels != VOID).to(fused.dtype)
    truth = F.one_hot(labels % VOID, max(VOID, fused.shape[1]))[..., : fused.shape[1]]
    chosen = torch.einsum("obkhw,bhwk,bhw->o", logs.unflatten(0, (3, -1)), truth.to(logs), counted)
    return -(chosen * chosen.new_tensor(list(weights))).sum() / counted.sum()


def loss_sum_reduced(
    fused: Tensor,
    position: Tensor,
    channel: Tensor,
    labels: Tensor,
    weights: Sequence[float] = WEIGHTS,
) -> Tensor:
    parts = []
    for scores in (fused, position, channel):
        maps = F.interpolate(scores, size=labels.shape[-2:], mode="bilinear", align_corners=True)
        lost = nn.CrossEntropyLoss(ignore_index=VOID, reduction="none")(maps, labels)
        parts.append(lost.sum() / (labels != VOID).sum())
    return sum(weight * part for weight, part in zip(weights, parts, strict=True))

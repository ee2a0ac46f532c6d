"""Metrics of segmentation, all of them read off one confusion matrix.

Counts are summed over batches and divided once at the end. The mean of the batches' own values
would be another number, which depends on how the pictures fell into batches.
"""

import torch
from torch import Tensor

IGNORE = 255


class ConfusionMatrix:
    """How often each class was taken for each other; pixels of an ignored label do not count.

    Attributes:
        counts: (K, K), int64, on the CPU; row is the true class, column the predicted one.
        ignore_index: label of the pixels that do not count.
    """

    def __init__(self, classes: int, ignore_index: int = IGNORE) -> None:
        """Start from zero.

        Args:
            classes: number of classes K.
            ignore_index: label of the pixels that do not count; it may be a class, too.

        Raises:
            ValueError: if there is no class.
        """
        if classes < 1:
            raise ValueError(f"classes={classes} leaves nothing to count; use at least 1")
        self.counts = torch.zeros(classes, classes, dtype=torch.int64)
        self.ignore_index = ignore_index

    def update(self, predicted: Tensor, labels: Tensor) -> None:
        """Count a batch.

        Args:
            predicted: class of every pixel, any shape, integers on any device.
            labels: true class of every pixel, same shape and device.

        Raises:
            ValueError: if the shapes differ, or a value is neither a class nor ignored.
        """
        if predicted.shape != labels.shape:
            raise ValueError(
                f"predicted {tuple(predicted.shape)} and labels {tuple(labels.shape)} differ in "
                "shape; give classes, as from logits.argmax(1)"
            )
        for name, tensor in (("predicted", predicted), ("labels", labels)):
            if tensor.is_floating_point() or tensor.is_complex():
                raise ValueError(f"{name} is {tensor.dtype}; give classes as integers")
        counted = labels != self.ignore_index
        true, taken = labels[counted].long(), predicted[counted].long()
        classes = len(self.counts)
        for name, values in (("predicted", taken), ("labels", true)):
            wrong = values[(values < 0) | (values >= classes)]
            if len(wrong):
                raise ValueError(
                    f"{name} holds {int(wrong[0])}, but classes are 0 to {classes - 1} and "
                    f"{self.ignore_index} is ignored"
                )
        pairs = torch.bincount(true * classes + taken, minlength=classes * classes)
        self.counts += pairs.view(classes, classes).cpu()

    def pixel_accuracy(self) -> float:
        """Share of the counted pixels whose class is right; NaN where none was counted."""
        counts = self.counts.double()
        return float(counts.trace() / counts.sum())

    def iou(self) -> Tensor:
        """Intersection over union of every class: (K,), float64.

        A class that is neither in the labels nor predicted has none: NaN. A class that is only
        predicted, wrongly, has 0.
        """
        counts = self.counts.double()
        both = counts.diagonal()
        return both / (counts.sum(0) + counts.sum(1) - both)

    def mean_iou(self) -> float:
        """Mean of ``iou`` over the classes that have one; NaN where none has."""
        return float(self.iou().nanmean())

"""Metrics: values computed by hand, and those of scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from course_lib.training.metrics import ConfusionMatrix


def test_values_computed_by_hand():
    matrix = ConfusionMatrix(4)
    labels = torch.tensor([[0, 0, 0, 1, 1], [1, 2, 255, 255, 0]])
    predicted = torch.tensor([[0, 0, 1, 1, 1], [0, 0, 2, 99, 0]])
    matrix.update(predicted, labels)
    assert matrix.counts.tolist() == [[3, 1, 0, 0], [1, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert matrix.pixel_accuracy() == 5 / 8
    iou = matrix.iou()
    assert iou[:3].tolist() == [3 / 6, 2 / 4, 0.0]
    assert iou[3].isnan()  # absent in labels and predictions: no value, and not a zero in the mean
    assert matrix.mean_iou() == pytest.approx((0.5 + 0.5 + 0.0) / 3)


def test_a_class_that_is_only_predicted_has_zero_and_counts():
    matrix = ConfusionMatrix(3)
    matrix.update(torch.tensor([0, 1]), torch.tensor([0, 0]))
    assert matrix.iou()[:2].tolist() == [0.5, 0.0]
    assert matrix.mean_iou() == 0.25


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    classes = int(generator.integers(2, 12))
    shape = (3, 17, 23)
    labels = generator.integers(0, classes, shape)
    predicted = np.where(
        generator.random(shape) < 0.6, labels, generator.integers(0, classes, shape)
    )
    labels[generator.random(shape) < 0.2] = 255
    if seed % 2:  # an absent class
        labels[labels == 0] = 255
        predicted[predicted == 0] = 1
    matrix = ConfusionMatrix(classes)
    for p, t in zip(predicted, labels, strict=True):
        matrix.update(torch.from_numpy(p), torch.from_numpy(t))
    seen, truth = predicted[labels != 255], labels[labels != 255]
    expected = sklearn_metrics.confusion_matrix(truth, seen, labels=range(classes))
    assert np.array_equal(matrix.counts.numpy(), expected)
    assert matrix.pixel_accuracy() == pytest.approx(sklearn_metrics.accuracy_score(truth, seen))
    # Without a list of labels scikit-learn, too, takes the classes that occur on either side.
    per_class = sklearn_metrics.jaccard_score(truth, seen, average=None)
    iou = matrix.iou()
    assert iou[~iou.isnan()].tolist() == pytest.approx(per_class.tolist())
    assert matrix.mean_iou() == pytest.approx(float(per_class.mean()))


def test_mean_is_taken_over_all_pixels_and_not_over_batches():
    generator = torch.Generator().manual_seed(5)
    labels = torch.randint(0, 4, (7, 6, 9), generator=generator)
    predicted = torch.randint(0, 4, (7, 6, 9), generator=generator)
    whole, parts = ConfusionMatrix(4), ConfusionMatrix(4)
    whole.update(predicted, labels)
    for p, t in zip(predicted.split(3), labels.split(3), strict=True):
        parts.update(p, t)
    assert torch.equal(whole.counts, parts.counts)


def test_uint8_labels_and_another_ignored_label():
    matrix = ConfusionMatrix(20, ignore_index=0)
    matrix.update(torch.tensor([19, 3, 7]), torch.tensor([19, 19, 0], dtype=torch.uint8))
    assert matrix.counts[19, 19] == matrix.counts[19, 3] == 1
    assert matrix.counts.sum() == 2


def test_nothing_counted_gives_nan():
    matrix = ConfusionMatrix(3)
    matrix.update(torch.zeros(2, 2, dtype=torch.int64), torch.full((2, 2), 255))
    assert math.isnan(matrix.pixel_accuracy())
    assert math.isnan(matrix.mean_iou())


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        ConfusionMatrix(0)
    matrix = ConfusionMatrix(3)
    with pytest.raises(ValueError, match=r"argmax"):
        matrix.update(torch.zeros(1, 3, 4, 4, dtype=torch.int64), torch.zeros(1, 4, 4).long())
    with pytest.raises(ValueError, match="float32"):
        matrix.update(torch.zeros(4), torch.zeros(4).long())
    with pytest.raises(ValueError, match="labels holds 64"):
        matrix.update(torch.tensor([0]), torch.tensor([64]))
    with pytest.raises(ValueError, match="predicted holds -1"):
        matrix.update(torch.tensor([-1]), torch.tensor([0]))
    assert matrix.counts.sum() == 0

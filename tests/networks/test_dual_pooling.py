"""Dual pooling: counts, order, linearity, and a ResNet that is whole and registered once."""

import pytest
import torch

from course_lib.costs import count_macs, count_parameters
from course_lib.networks import build
from course_lib.networks.dual_pooling import DualPoolingClassifier


def on_meta(**options):
    with torch.device("meta"):
        return build("dual_pooling_resnet18", **options).eval()


def test_counts():
    network = on_meta(classes=10)
    assert count_parameters(network) == 11_706_442
    assert count_parameters(network.backbone) == 11_176_512
    assert sum(v.numel() for k, v in network.state_dict().items()) == 11_706_442 + 9_620
    assert count_macs(network.classifier, (1, 512, 7, 7)) == 1024 * 512 + 512 * 10


def test_no_layer_is_lost_registered_twice_or_dead():
    torch.manual_seed(0)
    network = build("dual_pooling_resnet18", classes=3, dropout=0.0)
    assert [n for n, _ in network.backbone.named_children()] == [
        "conv1",
        "bn1",
        "relu",
        "maxpool",
        "layer1",
        "layer2",
        "layer3",
        "layer4",
    ]
    storages = [v.data_ptr() for v in network.state_dict().values()]
    assert len(storages) == len(set(storages))
    network(torch.randn(2, 3, 40, 56)).square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("order", ["avg_max", "max_avg"])
@pytest.mark.parametrize("nonlinear", [False, True])
def test_the_classifier_against_its_equation(order, nonlinear):
    torch.manual_seed(0)
    head = DualPoolingClassifier(6, 4, order=order, nonlinear=nonlinear).double().eval()
    x = torch.randn(3, 6, 5, 7, dtype=torch.float64)
    mean = x.flatten(2).sum(2) / 35
    maximum = x.flatten(2).sort(2).values[..., -1]
    v = torch.cat((mean, maximum) if order == "avg_max" else (maximum, mean), 1)
    u = v @ head.reduce.weight.T + head.reduce.bias
    u = u * (u > 0) if nonlinear else u
    assert torch.allclose(head(x), u @ head.fc.weight.T + head.fc.bias)


def test_without_the_activation_both_layers_are_one():
    head = DualPoolingClassifier(6, 4, nonlinear=False).double().eval()
    a, b = torch.randn(2, 3, 6, 1, 1, dtype=torch.float64)
    assert torch.allclose(head(a + b) + head(0 * a), head(a) + head(b))
    head = DualPoolingClassifier(6, 4).double().eval()
    assert not torch.allclose(head(a + b) + head(0 * a), head(a) + head(b))


def test_scores_of_a_picture_that_is_not_square():
    network = on_meta(classes=7, attention="se", stem="small")
    assert network(torch.empty(2, 3, 33, 48, device="meta")).shape == (2, 7)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="order='both' is unknown; there are: avg_max, max_avg"):
        DualPoolingClassifier(4, 2, order="both")
    with pytest.raises(ValueError, match="classes=0 must be"):
        DualPoolingClassifier(4, 0)
    with pytest.raises(ValueError, match="dropout=-1 must be"):
        DualPoolingClassifier(4, 2, dropout=-1)

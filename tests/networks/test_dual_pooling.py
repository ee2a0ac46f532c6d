"""Dual pooling: counts, order, linearity, and a ResNet that is whole and registered once.

The faults of the copies on the web are made here on purpose, and what children() and hooks give.
"""

import pytest
import torch
from torch import nn

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


def _random(network):
    """Every parameter and running statistic drawn, so that no layer is an identity by chance."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                value.normal_(0, 0.05, generator=generator)
                if value.dim() == 1:  # scales, shifts, means; variances are positive
                    value.add_(1).abs_() if name.endswith("var") else value.add_(0.5)
    return network.eval(), torch.randn(2, 3, 70, 96, generator=generator)


def test_children_without_the_last_two_are_the_maps_and_without_three_a_stage_less():
    network, x = _random(build("resnet18", classes=3))
    children = list(network.children())
    maps = network.features(x, ["layer3", "layer4"])
    assert torch.equal(nn.Sequential(*children[:-2])(x), maps["layer4"])
    lost = nn.Sequential(*children[:-3])(x)
    assert torch.equal(lost, maps["layer3"])
    assert lost.shape == (2, 256, 5, 6)
    assert maps["layer4"].shape == (2, 512, 3, 3)
    # children() gives the modules in the order of their registration, and nothing else: the
    # flattening between the last two stands in forward, so that all in a row are no network.
    assert [type(child) for child in children[-2:]] == [nn.AdaptiveAvgPool2d, nn.Linear]
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        nn.Sequential(*children)(x)


def test_a_copy_beside_its_children_is_saved_twice_and_trained_in_part():
    class Copy(nn.Module):
        def __init__(self):
            super().__init__()
            self.resnet = build("resnet18", classes=3)
            self.shortened = nn.Sequential(*list(self.resnet.children())[:-3])
            self.classifier = DualPoolingClassifier(256, 3)

        def forward(self, x):
            return self.classifier(self.shortened(x))

    copy, x = _random(Copy())
    resnet = copy.resnet.state_dict()
    kept = [name for name in resnet if not name.startswith(("layer4.", "fc."))]
    saved = [name for name in copy.state_dict() if not name.startswith("classifier.")]
    assert len(saved) == len(resnet) + len(kept)
    assert len({value.data_ptr() for value in copy.state_dict().values()}) == len(resnet) + 4
    copy.train()(x).square().sum().backward()
    dead = {name for name, p in copy.named_parameters() if p.grad is None}
    assert dead == {
        f"resnet.{name}"
        for name, _ in copy.resnet.named_parameters()
        if name.startswith(("layer4.", "fc."))
    }


NAMES = ["stem", "layer1", "layer2", "layer3", "layer4"]


def test_a_forward_hook_sees_what_features_gives_by_name_while_it_is_registered():
    network, x = _random(build("dual_pooling_resnet18", classes=3))
    seen = {}
    handles = [
        getattr(network.backbone, "maxpool" if name == "stem" else name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.update({name: output})
        )
        for name in NAMES
    ]
    scores = network(x)
    assert list(seen) == NAMES  # in the order in which they run
    hooked = dict(seen)
    maps = network.features(x, NAMES)
    assert all(torch.equal(hooked[name], maps[name]) for name in NAMES)
    assert torch.equal(network.classifier(hooked["layer4"]), scores)
    seen.clear()
    network.features(x, ["layer2"])
    assert list(seen) == NAMES[:3]  # what stands behind the last wanted map does not run
    seen.clear()
    for handle in handles:
        handle.remove()
    network(x)
    assert not seen


def test_a_hook_before_an_activation_in_place_keeps_the_tensor_that_it_changes():
    network, x = _random(build("dual_pooling_resnet18", classes=3))
    kept, copied = [], []
    network.backbone.bn1.register_forward_hook(lambda *a: kept.append(a[2]))
    network.backbone.bn1.register_forward_hook(lambda *a: copied.append(a[2].clone()))
    network(x)
    assert copied[0].min() < 0
    assert torch.equal(kept[0], copied[0].relu())


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

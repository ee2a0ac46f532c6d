"""The small ResNet has the parts, the names and the order of ResNet-18."""

import pytest
import torch
from torch import nn

from course_lib.networks import build
from course_lib.networks.small_resnet import SmallResNet, halving_stage


def test_its_children_are_those_of_resnet18():
    small = SmallResNet((3, 5, 7, 9), classes=4)
    with torch.device("meta"):
        large = build("resnet18")
    assert [n for n, _ in small.named_children()] == [n for n, _ in large.named_children()]


def test_the_last_map_is_the_children_but_two_and_the_scores_follow_from_it():
    torch.manual_seed(0)
    network = SmallResNet((3, 5, 7, 9), classes=4, channels_in=2).double().eval()
    x = torch.randn(2, 2, 32, 48, dtype=torch.float64)
    last = torch.nn.Sequential(*list(network.children())[:-2])(x)
    assert last.shape == (2, 9, 2, 3)
    scores = last.mean((2, 3)) @ network.fc.weight.T + network.fc.bias
    assert torch.allclose(network(x), scores)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="four numbers"):
        SmallResNet((3, 5, 7), classes=4)
    with pytest.raises(ValueError, match="classes=0"):
        SmallResNet((3, 5, 7, 9), classes=0)


def test_a_halving_stage_halves_once_and_widens():
    stage = halving_stage(3, 5, 2)
    assert stage(torch.randn(2, 3, 7, 10)).shape == (2, 5, 4, 5)
    strided = [m for m in stage.modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
    assert [m.kernel_size for m in strided] == [(1, 1), (3, 3)]


@pytest.mark.parametrize(("channels", "blocks"), [(3, 2), (5, 0)])
def test_a_halving_stage_refuses_what_it_cannot_be(channels, blocks):
    with pytest.raises(ValueError, match="a stage changes the number of channels"):
        halving_stage(3, channels, blocks)

"""ResNet: published parameter counts, torchvision's names, and where the mechanism stands."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.attention import create
from course_lib.networks.resnet import ResNet
from course_lib.networks.small import SmallBlock, SmallNetwork


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032), (101, 44_549_160)],
)
def test_published_counts_of_plain_networks(depth, parameters):
    with torch.device("meta"):
        assert count(ResNet(depth)) == parameters


@pytest.mark.parametrize(("bias", "parameters"), [(True, 28_088_024), (False, 28_071_976)])
def test_published_counts_with_se(bias, parameters):
    with torch.device("meta"):
        assert count(ResNet(50, lambda c: create("se", c, bias=bias))) == parameters


def test_se_resnet101_count():
    with torch.device("meta"):
        assert count(ResNet(101, lambda c: create("se", c))) == 49_326_872


@pytest.mark.parametrize(
    ("depth", "name", "shape"),
    [
        (18, "conv1.weight", (64, 3, 7, 7)),
        (18, "layer2.0.downsample.0.weight", (128, 64, 1, 1)),
        (18, "layer2.0.downsample.1.running_var", (128,)),
        (18, "layer4.1.bn2.weight", (512,)),
        (50, "layer1.0.downsample.0.weight", (256, 64, 1, 1)),
        (50, "layer3.5.conv2.weight", (256, 256, 3, 3)),
        (50, "layer4.2.bn3.num_batches_tracked", ()),
        (50, "fc.weight", (1000, 2048)),
    ],
)
def test_names_and_shapes_are_torchvisions(depth, name, shape):
    with torch.device("meta"):
        assert ResNet(depth).state_dict()[name].shape == shape


def published_keys(depth):
    """The keys of torchvision's checkpoints, by the rule of their names."""
    blocks = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[depth]

    def norm(name):
        parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        return [f"{name}.{part}" for part in parts]

    keys = ["conv1.weight", *norm("bn1"), "fc.weight", "fc.bias"]
    for stage, count in enumerate(blocks, 1):
        for place in range(count):
            block = f"layer{stage}.{place}"
            for i in range(1, 3 if depth < 50 else 4):
                keys += [f"{block}.conv{i}.weight", *norm(f"{block}.bn{i}")]
            if place == 0 and (stage > 1 or depth >= 50):
                keys += [f"{block}.downsample.0.weight", *norm(f"{block}.downsample.1")]
    return keys


@pytest.mark.parametrize(("depth", "entries"), [(18, 122), (34, 218), (50, 320), (101, 626)])
def test_the_keys_are_those_of_torchvisions_checkpoints(depth, entries):
    with torch.device("meta"):
        keys = list(ResNet(depth).state_dict())
    assert len(keys) == entries
    assert sorted(keys) == sorted(published_keys(depth))


@pytest.mark.parametrize("depth", [18, 50])
def test_a_plain_checkpoint_has_no_keys_of_the_slot(depth):
    with torch.device("meta"):
        assert not [k for k in ResNet(depth).state_dict() if "attention" in k]


@pytest.mark.parametrize("depth", [18, 50])
def test_forward_of_a_picture_that_is_not_square(depth):
    network = ResNet(depth, lambda c: create("se", c), classes=7).eval()
    assert network(torch.randn(2, 3, 65, 97)).shape == (2, 7)


def test_the_mechanism_scales_the_branch_and_not_the_shortcut():
    torch.manual_seed(0)

    class Triple(nn.Module):
        def forward(self, x):
            return 3 * x

    x = torch.randn(2, 64, 9, 7).relu()
    with_slot = ResNet(18, lambda c: Triple()).eval().layer1[0]
    bn1, bn2 = with_slot.bn1, with_slot.bn2
    inner = F.relu(bn1(F.conv2d(x, with_slot.conv1.weight, padding=1)))
    branch = bn2(F.conv2d(inner, with_slot.conv2.weight, padding=1))
    assert torch.allclose(with_slot(x), F.relu(x + 3 * branch), atol=1e-5)
    assert not torch.allclose(with_slot(x), F.relu(3 * (x + branch)), atol=1e-2)


def test_small_network_decides_for_every_cell_and_has_its_count():
    network = SmallNetwork(lambda c: nn.Identity(), classes=4)
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 4, 16, 16)
    assert count(SmallNetwork(lambda c: nn.Identity())) == 8_354
    assert count(SmallNetwork(lambda c: nn.Identity(), channels=32)) == 32_066


def test_small_block_scales_the_branch():
    block = SmallBlock(8, lambda c: create("se", c, reduction=2)).eval()
    x = torch.randn(2, 8, 5, 6)
    expected = (x + block.attention(block.branch(x))).relu()
    assert torch.equal(block(x), expected)


def test_an_unknown_depth_is_refused():
    with pytest.raises(ValueError, match="18, 34, 50, 101"):
        ResNet(42)

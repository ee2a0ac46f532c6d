"""SENet-154: shapes, the place of SE, refusals; its counts stand in test_build_by_name."""

import pytest
import torch

from course_lib.attention.squeeze_excitation import SqueezeExcitation
from course_lib.networks.senet import SENet154, _Block


def test_a_picture_gives_scores_and_every_block_has_se():
    with torch.device("meta"):
        network = SENet154(classes=7)
        scores = network(torch.empty(2, 3, 97, 65))
    assert scores.shape == (2, 7)
    blocks = [m for m in network.modules() if isinstance(m, _Block)]
    assert len(blocks) == 3 + 8 + 36 + 3
    assert all(isinstance(block.branch[-1], SqueezeExcitation) for block in blocks)
    # 97×65 -> 49×33 -> 24×16 by the stem, then three stages halve it: 12×8, 6×4, 3×2.
    with torch.device("meta"):
        assert network.stages(network.stem(torch.empty(2, 3, 97, 65))).shape == (2, 2048, 3, 2)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_block_adds_branch_and_shortcut(stride):
    torch.manual_seed(0)
    block = _Block(128, 256, stride).double().eval()
    x = torch.randn(2, 128, 6, 5, dtype=torch.double)
    expected = (block.branch(x) + block.shortcut(x)).clamp(min=0)
    torch.testing.assert_close(block(x), expected)
    assert block.shortcut[0].kernel_size == ((1, 1) if stride == 1 else (3, 3))


@pytest.mark.parametrize(
    ("options", "told"), [({"classes": 0}, "classes"), ({"dropout": 1.0}, "dropout=1.0")]
)
def test_refusals(options, told):
    with pytest.raises(ValueError, match=told):
        SENet154(**options)

"""Weights that the authors of a network have published, under the names that it has here.

ResNet and MobileNetV2 have torchvision's names and need none of this.
"""

import re
from collections.abc import Mapping

from torch import Tensor

#: For each family, patterns of the authors' names and what takes their place, all of them applied.
_RENAMED: Mapping[str, tuple[tuple[str, str], ...]] = {
    # https://github.com/Visual-Attention-Network/VAN-Classification, models/van.py
    "van": (
        (r"^patch_embed(\d)\.proj\.", r"stage\1.embed.0."),
        (r"^patch_embed(\d)\.norm\.", r"stage\1.embed.1."),
        (r"^norm(\d)\.", r"stage\1.norm."),
        (r"^block(\d)\.", r"stage\1.blocks."),
        (r"\.attn\.proj_1\.", ".attention.before."),
        (r"\.attn\.proj_2\.", ".attention.after."),
        (r"\.attn\.spatial_gating_unit\.conv0\.", ".attention.attend.near."),
        (r"\.attn\.spatial_gating_unit\.conv_spatial\.", ".attention.attend.far."),
        (r"\.attn\.spatial_gating_unit\.conv1\.", ".attention.attend.mix."),
        (r"\.mlp\.fc1\.", ".mlp.expand."),
        (r"\.mlp\.dwconv\.dwconv\.", ".mlp.mix."),
        (r"\.mlp\.fc2\.", ".mlp.project."),
        (r"\.layer_scale_(\d)$", r".scale\1"),
    ),
    # https://github.com/MCG-NKU/SCNet, scnet.py
    "scnet": (
        (r"^conv1\.", "stem.0."),
        (r"^bn1\.", "stem.1."),
        (r"\.conv1_a\.", ".reduce_plain.0."),
        (r"\.bn1_a\.", ".reduce_plain.1."),
        (r"\.k1\.", ".plain."),
        (r"\.conv1_b\.", ".reduce_calibrated.0."),
        (r"\.bn1_b\.", ".reduce_calibrated.1."),
        (r"\.scconv\.k2\.1\.", ".calibrated.context.0."),
        (r"\.scconv\.k2\.2\.", ".calibrated.context.1."),
        (r"\.scconv\.k3\.", ".calibrated.before."),
        (r"\.scconv\.k4\.", ".calibrated.after."),
        (r"\.conv3\.", ".expand.0."),
        (r"\.bn3\.", ".expand.1."),
    ),
    # https://github.com/junfu1115/DANet, encoding/models/sseg/danet.py and encoding/nn/da_att.py
    "danet": (
        (r"^head\.conv5a\.", "head.before_position."),
        (r"^head\.sa\.(\w+)_conv\.", r"head.position.\1."),
        (r"^head\.sa\.gamma$", "head.position.gamma"),
        (r"^head\.conv51\.", "head.after_position."),
        (r"^head\.conv5c\.", "head.before_channel."),
        (r"^head\.sc\.", "head.channel."),
        (r"^head\.conv52\.", "head.after_channel."),
        (r"^head\.conv6\.", "head.classify_position."),
        (r"^head\.conv7\.", "head.classify_channel."),
        (r"^head\.conv8\.", "head.classify."),
    ),
}


def from_authors(family: str, state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names that a network has here: for its ``load_state_dict``.

    Args:
        family: ``"van"``, ``"scnet"`` (variant v1b) or ``"danet"``. Of a DANet only the head fits;
            the names of the authors' backbone (``pretrained.…``) stay, so load with
            ``strict=False``.
        state_dict: the authors' weights by their names.

    Raises:
        ValueError: if there is no such family.
    """
    if family not in _RENAMED:
        families = ", ".join(_RENAMED)
        raise ValueError(f"no authors' names are known for {family!r}; there are: {families}")
    renamed = {}
    for name, value in state_dict.items():
        for pattern, ours in _RENAMED[family]:
            name = re.sub(pattern, ours, name)
        renamed[name] = value
    return renamed

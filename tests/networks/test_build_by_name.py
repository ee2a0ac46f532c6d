"""Networks by name: published counts, places of the mechanisms, output stride, refusals."""

import pytest
import torch
from torch import nn

from course_lib.attention import create
from course_lib.costs import count_macs, count_parameters
from course_lib.networks import build, names
from course_lib.networks.resnet import ResNet


def on_meta(name, **options):
    with torch.device("meta"):
        return build(name, **options)


COUNTS = [
    ("resnet18", {}, 11_689_512, 1.814),
    ("resnet34", {}, 21_797_672, None),
    ("resnet50", {}, 25_557_032, 4.089),
    ("resnet101", {}, 44_549_160, 7.801),
    ("resnet50", {"attention": "se"}, 28_088_024, 4.092),
    ("resnet50", {"attention": "se", "attention_options": {"bias": False}}, 28_071_976, 4.092),
    # The SE authors' files are for Caffe, where the stride stands in the first 1×1 convolution.
    ("resnet50", {"attention": "se", "stride_first": True}, 28_088_024, 3.860),
    ("resnet101", {"attention": "se", "stride_first": True}, 49_326_872, 7.575),
    ("resnet152", {"attention": "se", "stride_first": True}, 66_821_848, 11.289),
    ("senet154", {}, 115_088_984, 20.688),
    ("resnet50", {"groups": 32, "group_width": 4}, 25_028_904, None),
    (
        "resnet50",
        {"attention": "se", "groups": 32, "group_width": 4},
        27_559_896,
        4.233,
    ),
    ("resnet18", {"attention": "cbam"}, 11_779_392, None),
    ("resnet50", {"attention": "cbam"}, 28_089_624, 4.096),
    ("resnet101", {"attention": "cbam"}, 49_330_172, None),
    ("resnet18", {"attention": "bam"}, 11_712_503, None),
    ("resnet50", {"attention": "bam"}, 25_915_099, 4.171),
    ("resnet101", {"attention": "bam"}, 44_907_227, None),
    # The counter sees C N more than in the authors' SGE, whose similarities are no matrix product.
    ("resnet50", {"attention": "sge"}, 25_559_080, None),
    ("resnet101", {"attention": "sge"}, 44_553_384, None),
    ("resnet18", {"attention": "simam"}, 11_689_512, None),
    ("resnet50", {"attention": "simam"}, 25_557_032, 4.089),
    ("resnet18", {"attention": "triplet"}, 11_691_912, None),
    ("resnet50", {"attention": "triplet"}, 25_561_832, 4.136),
    ("resnet50", {"attention": "gc"}, 28_105_032, 4.103),
    ("resnet50", {"attention": "gc", "stages": (2, 3, 4)}, 28_078_773, 4.098),
    (
        "resnet50",
        {"attention": "gc", "stages": (2, 3, 4), "attention_options": {"reduction": 4}},
        35_557_941,
        None,
    ),
    ("resnet50", {"attention": "gc", "attention_options": {"reduction": 4}}, 35_658_360, None),
]


@pytest.mark.parametrize(("name", "options", "parameters", "giga"), COUNTS)
def test_published_counts(name, options, parameters, giga):
    network = on_meta(name, **options)
    assert count_parameters(network) == parameters
    if giga is not None:
        assert round(count_macs(network, (1, 3, 224, 224)) / 1e9, 3) == giga


def test_sge_costs_what_it_did_but_for_its_similarities():
    sizes = zip([256, 512, 1024, 2048], [56, 28, 14, 7], [3, 4, 6, 3], strict=True)
    similarities = sum(channels * side**2 * blocks for channels, side, blocks in sizes)
    counted = count_macs(on_meta("resnet50", attention="sge"), (1, 3, 224, 224))
    assert round((counted - similarities) / 1e9, 3) == 4.089


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        # the blog's CBAM: no biases, no BatchNorm
        ({"bias": False, "norm": False}, 28_073_544),
    ],
)
def test_count_of_the_blogs_cbam(options, parameters):
    network = on_meta("resnet50", attention="cbam", attention_options=options)
    assert count_parameters(network) == parameters


def shapes_of_slots(network):
    return [m.channels for m in network.modules() if isinstance(m, Noted)]


class Noted(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.seen = None

    def forward(self, x):
        assert x.shape[1] == self.channels
        self.seen = x
        return x


@pytest.mark.parametrize(
    ("depth", "place", "channels"),
    [
        (18, "branch", [64, 64, 128, 128, 256, 256, 512, 512]),
        (18, "conv2", [64, 64, 128, 128, 256, 256, 512, 512]),
        (18, "stage", [64, 128, 256]),
        (50, "branch", [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3),
        (50, "conv2", [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3),
        (18, "inner", [64, 64, 128, 128, 256, 256, 512, 512]),
        (50, "inner", [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3),
        (50, "stage", [256, 512, 1024]),
    ],
)
def test_every_place_has_its_slots_and_width(depth, place, channels):
    with torch.device("meta"):
        network = ResNet(depth, Noted, place=place)
        assert network.eval()(torch.empty(2, 3, 64, 96)).shape == (2, 1000)
    assert sorted(shapes_of_slots(network)) == channels
    assert all(m.seen is not None for m in network.modules() if isinstance(m, Noted))


@pytest.mark.parametrize(
    ("depth", "place", "before", "after"),
    [
        (18, "conv2", "conv2", "bn2"),
        (18, "inner", "relu", "conv2"),
        (18, "branch", "bn2", None),
        (50, "conv2", "conv2", "bn2"),
        (50, "inner", "relu", "conv3"),
        (50, "branch", "bn3", None),
    ],
)
def test_the_slot_stands_between_its_neighbours(depth, place, before, after):
    block = ResNet(depth, Noted, place=place).eval().layer2[0]
    order = []
    for name, module in block.named_children():
        module.register_forward_hook(lambda *_, name=name: order.append(name))
    block(torch.randn(1, block.conv1.in_channels, 9, 6))
    here = order.index("attention")
    assert order[here - 1 - (order[here - 1] == "downsample")] == before
    if after:
        assert order[here + 1] == after
    else:
        assert order[here + 1 :] == ["relu"]


def test_simam_strips_and_bam_stand_where_their_authors_put_them():
    simam = on_meta("resnet50", attention="simam")
    assert simam.layer1[0].place == "conv2"
    assert simam.layer1[0].attention.e_lambda == 0.1
    assert on_meta("resnet50", attention="spm").layer1[0].place == "inner"
    bam = on_meta("resnet50", attention="bam")
    assert isinstance(bam.layer1[0].attention, nn.Identity)
    assert [n for n, _ in bam.named_children() if "attention" in n] == [
        "attention1",
        "attention2",
        "attention3",
    ]


def test_a_new_cbam_resnet_has_a_spatial_gate_of_one_half():
    network = build("resnet18", attention="cbam", classes=3).eval()
    x = torch.randn(2, 64, 5, 7)
    gate = network.layer1[0].attention.explain(x)
    spatial = [v for v in gate.values() if v.shape == (2, 1, 5, 7)]
    assert spatial
    assert all(torch.equal(v, torch.full_like(v, 0.5)) for v in spatial)


def test_stages_limit_the_slots():
    network = on_meta("resnet50", attention="gc", stages=(2, 4))
    filled = [
        stage
        for stage in range(1, 5)
        if not isinstance(getattr(network, f"layer{stage}")[0].attention, nn.Identity)
    ]
    assert filled == [2, 4]


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("size", [(64, 96), (65, 87)])
def test_a_dilated_network_computes_the_strided_one_on_a_finer_grid(depth, output_stride, size):
    torch.manual_seed(1)
    strided = ResNet(depth, classes=2).double().eval()
    dilated = ResNet(depth, classes=2, output_stride=output_stride).double().eval()
    dilated.load_state_dict(strided.state_dict())
    x = torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        coarse, fine = (n.features(x)["layer4"] for n in (strided, dilated))
    step = 32 // output_stride
    assert fine.shape[2:] == tuple(-(-s // output_stride) for s in size)
    assert torch.allclose(fine[..., ::step, ::step], coarse, atol=1e-9)


def test_multi_grid_sets_the_dilations_of_the_last_stage():
    network = on_meta("resnet50", output_stride=8, multi_grid=(1, 2, 4))
    assert [b.conv2.dilation[0] for b in network.layer4] == [4, 8, 16]
    plain = on_meta("resnet50", output_stride=8)
    assert [b.conv2.dilation[0] for b in plain.layer3] == [1] + [2] * 5
    assert [b.conv2.dilation[0] for b in plain.layer4] == [2, 4, 4]


def test_features_by_name_have_their_shapes_and_stop_early():
    network = on_meta("resnet18", attention="bam").eval()
    x = torch.empty(2, 3, 64, 96, device="meta")
    maps = network.features(x, ("layer3", "stem"))
    assert {k: tuple(v.shape) for k, v in maps.items()} == {
        "stem": (2, 64, 16, 24),
        "layer3": (2, 256, 4, 6),
    }
    network.layer4 = None  # so that it cannot have been computed
    network.features(x, ["layer3"])


def test_the_feature_of_a_stage_is_behind_its_mechanism():
    network = ResNet(18, lambda c: create("bam", c), place="stage", classes=2).eval()
    x = torch.randn(1, 3, 40, 56)
    before = network.layer1(network.features(x, ["stem"])["stem"])
    assert torch.equal(network.features(x, ["layer1"])["layer1"], network.attention1(before))


def test_small_stem_keeps_small_pictures():
    network = on_meta("resnet18", stem="small", classes=10).eval()
    maps = network.features(torch.empty(1, 3, 32, 24, device="meta"), ("stem", "layer4"))
    assert maps["stem"].shape == (1, 64, 32, 24)
    assert maps["layer4"].shape == (1, 512, 4, 3)
    assert count_parameters(network) == 11_173_962  # the well-known count of CIFAR's ResNet-18


@pytest.mark.parametrize("name", ["eca", "coordinate", "pam", "lka", "residual", "scse"])
def test_any_mechanism_by_name_takes_a_picture_that_is_not_square(name):
    network = on_meta("resnet18", attention=name, classes=5).eval()
    assert network(torch.empty(2, 3, 64, 96, device="meta")).shape == (2, 5)


def test_names_are_sorted_and_all_can_be_built():
    assert names() == sorted(names())
    for name in names():
        assert isinstance(on_meta(name), nn.Module)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet7", {}, "no network is called 'resnet7'; there are: .*resnet18"),
        ("resnet18", {"breadth": 3}, "'resnet18' has no option 'breadth'; it has: .*attention"),
        ("resnet18", {"depth": 50}, "has no option 'depth'"),
        ("resnet18", {"attention": "sea"}, "attention='sea' is unknown; there are: .*se,"),
        ("resnet18", {"attention": "rga"}, "attention='rga' is unknown"),
        ("resnet18", {"attention": "se", "attention_options": {"r": 4}}, "no option 'r'"),
        ("resnet18", {"attention_options": {"r": 4}}, "need a mechanism"),
        ("resnet18", {"output_stride": 4}, "output_stride=4 is unknown; there are: 32, 16, 8"),
        ("resnet18", {"stem": "tiny"}, "stem='tiny' is unknown; there are: large, small"),
        ("resnet18", {"stages": (0, 1)}, "must be some of 1, 2, 3, 4"),
        ("resnet18", {"place": "head"}, "place='head' is unknown"),
        ("resnet18", {"classes": 0}, "classes=0 must be a positive whole number"),
        ("resnet50", {"multi_grid": (1, 2)}, "must have 3 factors"),
        ("resnet50", {"multi_grid": (0, 1, 2)}, "must be positive factors"),
        ("resnet18", {"attention": "bam", "stages": (4,)}, "has no slot in stages="),
        ("resnet34", {"stride_first": True}, "depth=34 has no 1×1 convolution"),
        ("resnet18", {"groups": 32, "group_width": 4}, "depth=18 has no groups"),
        ("resnet50", {"groups": 0}, "groups=0 of group_width=64 hold no channels"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        on_meta(name, **options)
    assert "\n" not in str(caught.value)


def test_an_unknown_feature_is_refused():
    network = on_meta("resnet18")
    with pytest.raises(ValueError, match="feature='layer5' is unknown; there are: stem, layer1"):
        network.features(torch.empty(1, 3, 32, 32, device="meta"), ["layer5"])
    with pytest.raises(ValueError, match=r"names=\[\] must be a list of some of stem, layer1"):
        network.features(torch.empty(1, 3, 32, 32, device="meta"), [])


@pytest.mark.parametrize(
    "name", ["mobilenet_v2_coordinate", "residual_attention_56", "scnet50_v1d", "van_b0"]
)
def test_a_training_step_reaches_every_parameter_and_a_state_can_be_loaded(name):
    torch.manual_seed(0)
    network = build(name, classes=3)
    x = torch.randn(2, 3, 97, 128)
    network(x).square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in network.parameters())
    twin = build(name, classes=3)
    twin.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert torch.equal(network.eval()(x), twin.eval()(x))

"""What is special in the mechanisms of the survey: published counts, structure, refusals."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_lib.attention import create
from course_lib.benchmarks.straightforward import FORMS

from . import truth_survey as truth
from .machinery import distance, feature_map, noise, randomise, state


def made(name, channels=64, seed=31, **options):
    """A module in float64 with random parameters, in eval mode."""
    return randomise(create(name, channels, dtype=torch.float64, **options), seed=seed).eval()


def count(module):
    return sum(p.numel() for p in module.parameters())


def macs(call, shape):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call(torch.empty(shape, device="meta"))
    return counter.get_total_flops() // 2


# ---- the numbers of the papers, the repositories and the course's notes --------------------------

COUNTS = [
    ("residual", 64, {}, 62_976),
    ("residual", 512, {}, 3_887_104),
    ("csra", 64, {"classes": 20}, 1_280),
    ("spm", 64, {}, 28_992),
    ("spm", 512, {}, 1_837_568),
    ("mpm", 64, {}, 17_568),
    ("mpm", 512, {}, 1_101_056),
    ("scconv", 64, {}, 110_976),
    ("scconv", 512, {}, 7_080_960),
    ("lka", 64, {}, 9_024),
    ("lka", 512, {}, 301_568),
    ("van", 64, {}, 17_344),
    ("van", 512, {}, 826_880),
    ("bam", 64, {}, 1_173),
    ("bam", 512, {}, 68_513),
    ("scse", 64, {}, 4_257),
    ("scse", 512, {}, 263_425),
    ("scse", 64, {"reduction": 16, "fusion": "sum"}, 645),
    ("scse", 512, {"reduction": 16, "fusion": "sum"}, 33_825),
    ("polarized_parallel", 64, {}, 8_256),
    ("polarized_parallel", 512, {}, 524_800),
    ("polarized_sequential", 64, {}, 7_064),
    ("polarized_sequential", 512, {}, 443_584),
    ("triplet", 64, {}, 300),
    ("triplet", 512, {}, 300),
    ("triplet", 64, {"spatial": False}, 200),
    ("gc", 64, {}, 653),
    ("gc", 512, {}, 33_889),
    ("gc", 64, {"reduction": 4}, 2_225),
    ("gc", 512, {"reduction": 4}, 132_481),
    ("coordinate", 64, {}, 1_688),
    ("coordinate", 512, {}, 25_648),
    ("rga", 64, {"size": (12, 10)}, 11_798),
    ("rga", 512, {"size": (32, 16)}, 329_796),
    ("rga", 256, {"size": (64, 32)}, 2_673_172),
]


@pytest.mark.parametrize(("name", "channels", "options", "number"), COUNTS)
def test_published_parameter_counts(name, channels, options, number):
    assert count(create(name, channels, device="meta", **options)) == number


def test_the_residual_module_has_no_dead_projection():
    """The port counts 33/16 C^2 in each of 12 units, of which C^2 is never used."""
    for channels, with_dead in ((64, 112_128), (512, 7_032_832)):
        assert count(create("residual", channels, device="meta")) == with_dead - 12 * channels**2
    last_stage = 6 * (17 * 64**2 // 16 + 3 * 64) + 2 * 64**2 + 4 * 64
    assert count(create("residual", 64, scales=1, device="meta")) == last_stage
    assert last_stage == 60_288 - 6 * 64**2


def plain_macs(name, channels, height, width):
    options = {"size": (height, width)} if name == "rga" else {}
    module = create(name, channels, device="meta", **options).eval()
    shape = (1, channels, height, width)
    return macs(lambda x: FORMS[name](module, x), shape), macs(module, shape)


@pytest.mark.parametrize(("c", "h", "w"), [(64, 12, 10), (128, 16, 8), (256, 16, 16)])
def test_what_re_ordering_saves(c, h, w):
    """The formulas of the authors' forms, and those of the modules, which must not cost more."""
    n, half, q = h * w, c // 2, c // 8
    found, less = plain_macs("polarized_parallel", c, h, w)
    assert found == n * (c + 3 * c * half + 2 * half) + c * half
    assert less == 3 * c * n + 4 * c * half
    found, less = plain_macs("polarized_sequential", c, h, w)
    assert found == n * (c + 3 * c * half + 2 * half) + half * q + q * c
    assert less == 3 * c * n + 3 * c * half + half * q + q * c
    narrow, short = c // 8, n // 8
    k_s, k_c = (1 + short) // 8, (1 + narrow) // 8
    found, less = plain_macs("rga", c, h, w)
    spatial = 3 * n * c * narrow + n * n * narrow + 2 * n * n * short + n * k_s * (2 + short)
    channel = 3 * c * n * short + c * c * short + 2 * c * c * narrow + c * k_c * (2 + narrow)
    assert found == spatial + channel
    assert less < found


# ---- structure -----------------------------------------------------------------------------------


def test_residual_amplifies_the_trunk_by_one_to_two():
    module = made("residual", 16)
    parts = module.explain(feature_map(2, 16, 9, 7))
    factor = ((1 + parts["mask"]) * parts["trunk"]) / parts["trunk"]
    assert factor.min() > 1
    assert factor.max() < 2
    assert parts["mask"].std((2, 3)).min() > 0  # one value for each position
    assert parts["mask"].std(1).min() > 0  # and for each channel


def test_residual_with_an_empty_mask_is_the_trunk():
    module = made("residual", 16)
    x = feature_map(2, 16, 9, 7)
    module.tail.append(nn.Threshold(torch.inf, -torch.inf))  # sigmoid(-inf) = 0
    trunk = module.explain(x)["trunk"]
    assert distance(module(x), module.last(trunk)) < 1e-12


def test_csra_does_not_see_lengths_or_positions():
    module = made("csra", 16, classes=5, temperature=2.0)
    x = feature_map(2, 16, 6, 5)
    scores = module(x)
    assert scores.shape == (2, 5)
    shuffled = x.flatten(2)[:, :, torch.randperm(30)].reshape(x.shape)
    assert distance(module(shuffled), scores) < 1e-12
    with torch.no_grad():
        module.head.weight *= torch.tensor([3.0, 0.5, 7, 2, 1]).reshape(-1, 1, 1, 1)
    assert distance(module(x), scores) < 1e-12


def test_csra_at_99_is_the_maximum_and_near_its_limit():
    x = feature_map(2, 16, 6, 5)
    sharp = made("csra", 16, temperature=99, attention_weight=1.0)
    pixels = sharp.explain(x)["pixel_scores"].flatten(2)
    assert distance(sharp(x), pixels.mean(2) + pixels.amax(2)) < 1e-12
    near = made("csra", 16, temperature=98.9, attention_weight=1.0)
    assert distance(near(x), sharp(x)) < 0.05


@pytest.mark.parametrize("name", ["csra", "gc", "polarized_parallel", "polarized_sequential"])
def test_pixel_weights_sum_to_one(name):
    weights = made(name).explain(feature_map(2, 64, 6, 5))["pixel_weights"]
    assert weights.min() >= 0
    assert distance(weights.sum((2, 3)), torch.ones_like(weights[:, :, 0, 0])) < 1e-12


def test_spm_sees_a_row_only_through_its_mean():
    """Permuting the pixels of one row changes the strip of the columns and nothing else."""
    module = made("spm", 16)
    x = feature_map(1, 16, 6, 5)
    moved = x.clone()
    moved[:, :, 2] = x[:, :, 2].flip(2)
    assert distance(module.rows(x.mean(3, True)), module.rows(moved.mean(3, True))) < 1e-12
    difference = module.columns(x.mean(2, True)) - module.columns(moved.mean(2, True))
    assert difference.abs().max() > 1e-3
    flat = x.mean((3,), keepdim=True).expand(x.shape)  # every row constant
    gate = module.explain(flat)["gate"]
    assert gate[..., 1:-1].std(3).max() < 1e-12  # the ends of the strip see the padding


def test_mpm_is_no_gate():
    module = made("mpm", 16)
    x = feature_map(2, 16, 6, 5)
    y = module(x)
    assert y.min() == 0
    assert ((y / x)[x.abs() > 0.1]).abs().max() > 1
    assert module(feature_map(1, 16, 1, 1)).isfinite().all()


def test_mpm_repeats_strips_as_bilinear_up_sampling_does():
    strip = noise(2, 3, 1, 5)
    enlarged = nn.functional.interpolate(strip, (4, 5), mode="bilinear", align_corners=True)
    assert torch.equal(enlarged, strip.expand(-1, -1, 4, -1))


def test_scconv_without_context_is_gated_by_itself():
    module = made("scconv", 16)
    with torch.no_grad():
        module.context[1].weight.zero_()
        module.context[1].bias.zero_()
    x = feature_map(2, 16, 9, 10)
    assert distance(module.explain(x)["gate"], torch.sigmoid(x)) < 1e-15


def test_scconv_does_not_pool_what_is_left_over():
    """Of 10 columns the pooled branch of cells of 4 sees the first 8."""
    module = made("scconv", 16)
    x = feature_map(1, 16, 9, 10).requires_grad_()
    module.context(nn.functional.avg_pool2d(x, module.pooling)).sum().backward()
    assert not x.grad[..., 8:].any()
    assert not x.grad[:, :, 8:].any()
    assert x.grad[:, :, :8, :8].abs().min() > 0


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_scconv_stride(stride):
    module = made("scconv", 16, stride=stride)
    x = feature_map(2, 16, 9, 10)
    y = module(x)
    assert y.shape == (2, 16, -(-9 // stride), -(-10 // stride))
    assert distance(y, truth.scconv(state(module), x, False, stride=stride)["y"]) < 1e-10


def test_lka_reaches_23_pixels():
    module = create("lka", 1, dtype=torch.float64)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1.0)
    x = torch.zeros(1, 1, 41, 41, dtype=torch.float64, requires_grad=True)
    module.attention(x)[0, 0, 20, 20].backward()
    seen = x.grad[0, 0].nonzero()
    assert len(seen) == 23 * 23
    assert seen.min() == 9
    assert seen.max() == 31


def test_lka_can_be_the_identity_and_is_of_degree_two():
    module = made("lka", 8)
    x = feature_map(2, 8, 12, 13)
    with torch.no_grad():
        for layer in (module.near, module.far, module.mix):
            layer.bias.zero_()
    assert distance(module(3 * x), 9 * module(x)) < 1e-10
    assert not module(0 * x).any()
    with torch.no_grad():
        module.mix.weight.zero_()
        module.mix.bias.fill_(1.0)
    assert torch.equal(module(x), x)


def test_lka_moves_with_its_input_away_from_the_border():
    module = made("lka", 4)
    x = feature_map(1, 4, 40, 44)
    rolled = module(x.roll((3, 2), (2, 3)))
    inside = (..., slice(11 + 3, -11), slice(11 + 2, -11))
    assert distance(rolled[inside], module(x).roll((3, 2), (2, 3))[inside]) < 1e-12
    assert distance(rolled, module(x).roll((3, 2), (2, 3))) > 1e-3


def test_bam_sees_all_pixels_of_any_rectangle():
    module = made("bam")
    for shape in ((12, 10), (10, 12), (4, 19), (1, 1)):
        x = feature_map(2, 64, *shape).requires_grad_()
        module.explain(x)["channel_score"].sum().backward()
        assert x.grad.abs().min() > 0


def test_bam_without_a_branch_is_one_and_a_half():
    module = made("bam")
    with torch.no_grad():
        module.channel[3].weight.zero_()
        module.channel[3].bias.zero_()
    x = feature_map(2, 64, 7, 6)
    assert distance(module(x), 1.5 * x) < 1e-14
    fresh = create("bam", 64).eval()
    x = torch.randn(2, 64, 12, 12)
    factor = (fresh(x) / x)[x.abs() > 1e-2]
    assert 1.4 < factor.min() < factor.max() < 1.6


def test_scse_keeps_the_larger_product_not_the_larger_gate():
    module = made("scse")
    x = feature_map(2, 64, 7, 6)
    gates = module.explain(x)
    c, s = (gates[key].expand_as(x) for key in ("channel_gate", "spatial_gate"))
    y = module(x)
    assert distance(y, torch.where(x > 0, torch.maximum(c, s), torch.minimum(c, s)) * x) < 1e-14
    assert (y - x * torch.maximum(c, s)).abs().max() > 0.5


def test_scse_sum_lies_between_zero_and_two():
    module = made("scse", fusion="sum", reduction=16)
    x = feature_map(2, 64, 7, 6)
    factor = (module(x) / x)[x.abs() > 1e-2]
    assert factor.min() > 0
    assert 1 < factor.max() < 2


@pytest.mark.parametrize("name", ["polarized_parallel", "polarized_sequential"])
def test_the_released_order_leaves_a_constant_pixel_gate(name):
    """Both by construction: a softmax over N = 4096 pixels is about 1 / N everywhere."""
    torch.manual_seed(0)
    x = torch.randn(2, 64, 64, 64)
    released = create(name, 64, softmax_order="released").eval()
    gate = released.explain(x)["spatial_gate"]
    assert (gate - 0.5).abs().max() < 1e-2
    paper = create(name, 64).eval()
    paper.load_state_dict(released.state_dict())
    assert paper.explain(x)["spatial_gate"].std() > 20 * gate.std()


def test_polarized_parallel_released_factor():
    module = made("polarized_parallel", softmax_order="released")
    x = feature_map(2, 64, 7, 6)
    factor = (module(x) / x)[x.abs() > 1e-2]
    assert factor.min() > 0.5
    assert factor.max() < 1 + torch.sigmoid(torch.tensor(1.0))


def test_triplet_transposed_is_its_branches_exchanged():
    module, twin = made("triplet"), made("triplet")
    with torch.no_grad():
        twin.channel_column.load_state_dict(module.row_channel.state_dict())
        twin.row_channel.load_state_dict(module.channel_column.state_dict())
        for part in (twin.channel_column, twin.row_channel, twin.row_column):
            part.conv.weight.copy_(part.conv.weight.mT.clone())
    x = feature_map(2, 64, 7, 6)
    assert distance(twin(x.mT), module(x).mT) < 1e-12


def test_triplet_rotation_is_permutation_for_one_direction():
    """A quarter turn in the plane of C and H, gate, turn back: pooling forgets the flipped axis."""
    module = made("triplet")
    x = feature_map(2, 64, 7, 6)
    turned = torch.rot90(x, 1, (1, 2))
    pooled = torch.stack((turned.amax(1), turned.mean(1)), 1)
    back = torch.rot90(turned * module.channel_column(pooled), -1, (1, 2))
    assert distance(back, x * module.explain(x)["channel_column_gate"]) < 1e-12
    turned = torch.rot90(x, -1, (1, 2))
    pooled = torch.stack((turned.amax(1), turned.mean(1)), 1)
    flipped = module.channel_column
    other = torch.rot90(turned * flipped(pooled), 1, (1, 2))
    assert distance(other, x * module.explain(x)["channel_column_gate"]) > 1e-2
    with torch.no_grad():
        flipped.conv.weight.copy_(flipped.conv.weight.flip(2))
    other = torch.rot90(turned * flipped(pooled), 1, (1, 2))
    flipped.conv.weight.data.copy_(flipped.conv.weight.data.flip(2))
    assert distance(other, x * module.explain(x)["channel_column_gate"]) < 1e-12


@settings(max_examples=30, deadline=None, derandomize=True)
@given(shape=st.tuples(*[st.integers(1, 9)] * 2), c=st.integers(1, 9), axis=st.integers(1, 3))
def test_triplet_maximum_by_halves(shape, c, axis):
    from course_lib.attention.triplet import _maximum

    x = noise(2, c, *shape)
    with torch.no_grad():
        assert torch.equal(_maximum(x, axis), x.amax(axis))
    assert torch.equal(_maximum(x, axis), x.amax(axis))


def test_gc_adds_the_same_everywhere():
    module = made("gc")
    x = feature_map(2, 64, 7, 6)
    assert (module(x) - x).std((2, 3)).max() < 1e-14
    assert (module(x) - x).abs().min() > 0


def test_gc_starts_as_the_identity_and_mul_as_one_half():
    x = feature_map(2, 64, 7, 6, dtype=torch.float32)
    assert torch.equal(create("gc", 64)(x), x)
    assert torch.equal(create("gc", 64, fusion="mul")(x), x / 2)
    assert torch.equal(create("gc", 64, fusion="both")(x), x / 2)
    module = create("gc", 64)
    module(x).square().sum().backward()
    moved = {name for name, p in module.named_parameters() if p.grad.any()}
    assert moved == {"add.3.weight", "add.3.bias"}


def test_gc_with_one_hidden_unit_adds_the_same_to_every_image():
    module = made("gc", 16)
    x = feature_map(3, 16, 7, 6)
    added = module(x) - x
    assert distance(added[0], added[1]) < 1e-12
    many = made("gc", 16, reduction=4)
    added = many(x) - x
    assert distance(added[0], added[1]) > 1e-3


def test_coordinate_is_separable_and_shares_its_statistics():
    module = made("coordinate")
    x = feature_map(2, 64, 7, 6)
    log = (module(x) / x).log()
    residue = log - log.mean(2, keepdim=True) - log.mean(3, keepdim=True)
    assert distance(residue + log.mean((2, 3), keepdim=True), torch.zeros_like(log)) < 1e-12
    constant = module(torch.full_like(x, 3.0)) / 3.0
    assert constant.std((2, 3)).max() < 1e-14
    twin = made("coordinate")
    twin.expand_rows.load_state_dict(module.expand_columns.state_dict())
    twin.expand_columns.load_state_dict(module.expand_rows.state_dict())
    assert distance(twin(x.mT), module(x).mT) < 1e-12
    columns = torch.randperm(6)
    assert distance(module(x[..., columns]), module(x)[..., columns]) < 1e-12


def test_rga_needs_no_relation_matrix():
    """Its memory does not grow with N x N: nothing of that size is made in forward."""
    module = create("rga", 64, size=(32, 32))
    sizes = []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            out = function(*arguments, **(keywords or {}))
            sizes.extend(t.numel() for t in (out if isinstance(out, tuple) else (out,))
                         if isinstance(t, torch.Tensor))  # fmt: skip
            return out

    x = torch.randn(1, 64, 32, 32)
    with torch.no_grad(), Sizes():
        module(x)
    assert max(sizes) < 1024**2 / 2  # the largest are the three embeddings' weights, joined


# ---- refusals ------------------------------------------------------------------------------------

REFUSED = [
    ("residual", 3, {}, "channels=3 is less than reduction=4"),
    ("residual", 16, {"scales": 0}, "scales=0"),
    ("residual", 16, {"wiring": "caffe"}, "wiring='caffe' is unknown; there are: authors, port"),
    ("csra", 16, {"classes": 0}, "classes=0"),
    ("csra", 16, {"temperature": 0}, "temperature=0"),
    ("csra", 16, {"temperature": float("nan")}, "temperature=nan"),
    ("spm", 1.5, {}, "channels=1.5"),
    ("mpm", 3, {}, "channels=3 is less than reduction=4"),
    ("mpm", 16, {"pool_sizes": (3,)}, "pool_sizes="),
    ("mpm", 16, {"pool_sizes": (3, 0)}, "pool_sizes=0"),
    ("scconv", 16, {"groups": 3}, "channels=16 is not divisible by groups=3"),
    ("scconv", 16, {"pooling": 0}, "pooling=0"),
    ("scconv", 16, {"upsampling": "cubic"}, "there are: nearest, bilinear"),
    ("lka", 16, {"kernel_size": 4}, "kernel_size=4 must be odd"),
    ("van", 16, {"dilated_kernel_size": 6}, "dilated_kernel_size=6 must be odd"),
    ("van", 16, {"dilation": 0}, "dilation=0"),
    ("bam", 8, {}, "channels=8 is less than reduction=16"),
    ("bam", 16, {"fusion": "max"}, "there are: product, sum"),
    ("cse", 1, {}, "channels=1 is less than reduction=2"),
    ("sse", 0, {}, "channels=0"),
    ("scse", 16, {"fusion": "mean"}, "there are: max, sum"),
    ("scse", 8, {"reduction": 16}, "channels=8 is less than reduction=16"),
    ("polarized_parallel", 1, {}, "use at least 2"),
    ("polarized_parallel", 16, {"softmax_order": "code"}, "there are: paper, released"),
    ("polarized_sequential", 7, {}, "use at least 8"),
    ("triplet", 16, {"kernel_size": 2}, "kernel_size=2 must be odd"),
    ("gc", 8, {}, "channels=8 is less than reduction=16"),
    ("gc", 16, {"pooling": "max"}, "there are: attention, average"),
    ("gc", 16, {"fusion": "scale"}, "there are: add, mul, both"),
    ("coordinate", 16, {"reduction": 0}, "reduction=0"),
    ("coordinate", 16, {"activation": "gelu"}, "there are: hardswish, relu, silu, sigmoid"),
    ("mpm", 16, {"pool_sizes": 20}, "pool_sizes=20 must be two whole numbers"),
    ("mpm", 16, {"pool_sizes": "ab"}, "pool_sizes='ab' must be two whole numbers"),
    ("csra", 16, {"temperature": "a"}, "temperature='a' must be positive"),
    ("csra", 16, {"temperature": None}, "temperature=None must be positive"),
    ("simam", 16, {"e_lambda": None}, "e_lambda=None must be positive"),
    ("simam", 16, {"e_lambda": True}, "e_lambda=True must be positive"),
    ("cbam", 16, {"pools": 3}, "pools=3 must be a list of some of avg, max, lp, lse"),
    ("se", 16, {"reduction": True}, "reduction=True must be a positive whole number"),
    ("nonlocal", 16, {"value_reduction": 0}, "value_reduction=0 must be a positive whole number"),
    ("residual", 16, {"pool": "max"}, "pool='max' is unknown; there are: port, caffe"),
    ("rga", 64, {"size": 12}, "size=12 must be two whole numbers"),
    ("rga", 64, {}, "give size="),
    ("rga", 64, {"size": (0, 3)}, "height=0"),
    ("rga", 64, {"size": (2, 3)}, "fewer pixels than spatial_reduction=8"),
    ("rga", 16, {"size": (12, 10)}, "hidden_reduction=8 leaves the channel gate no hidden units"),
    ("rga", 64, {"size": (4, 4)}, "hidden_reduction=8 leaves the spatial gate no hidden units"),
    ("rga", 4, {"size": (12, 10)}, "channels=4 is less than reduction=8"),
    ("rga", 64, {"size": (12, 10), "branches": "none"}, "there are: both, spatial, channel"),
]


@pytest.mark.parametrize(("name", "channels", "options", "message"), REFUSED)
def test_wrong_arguments_are_refused_in_one_line(name, channels, options, message):
    with pytest.raises(ValueError, match=r".") as error:
        create(name, channels, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(10, 12), (12, 11), (1, 1)])
def test_rga_refuses_another_size(shape):
    module = create("rga", 64, size=(12, 10))
    with pytest.raises(ValueError, match="does not fit size=") as error:
        module(torch.randn(1, 64, *shape))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(3, 9), (9, 3), (1, 1)])
def test_scconv_refuses_a_map_smaller_than_its_pool(shape):
    module = create("scconv", 16)
    with pytest.raises(ValueError, match="smaller than pooling=4"):
        module(torch.randn(1, 16, *shape))
    assert create("scconv", 16, pooling=1)(torch.randn(2, 16, *shape)).shape == (2, 16, *shape)


def test_relations_in_half_precision_are_float32():
    """theta^T phi of these features is far beyond 65504."""
    module = create("rga", 64, size=(6, 7), hidden_reduction=2)
    with torch.autocast("cpu", dtype=torch.float16):
        y = module(300 * torch.randn(2, 64, 6, 7))
    assert y.isfinite().all()


@pytest.mark.parametrize("name", ["polarized_sequential", "rga", "residual"])
def test_exports_for_any_batch(name):
    options = {"size": (6, 7), "hidden_reduction": 2} if name == "rga" else {}
    module = randomise(create(name, 64, **options)).eval()
    batch = {0: torch.export.Dim("batch", min=2, max=64)}
    program = torch.export.export(module, (torch.randn(3, 64, 6, 7),), dynamic_shapes=(batch,))
    x = torch.randn(5, 64, 6, 7)
    assert distance(program.module()(x), module(x)) < 1e-6


@pytest.mark.parametrize("scale", [1, 20, 300])
@pytest.mark.parametrize("branches", ["both", "spatial", "channel"])
def test_rga_in_float16_is_near_float64(scale, branches):
    module = create("rga", 64, size=(6, 7), hidden_reduction=2, branches=branches)
    module = randomise(module, seed=2).eval().half()
    x = (scale * noise(2, 64, 6, 7, seed=3)).half()
    found, maps = module(x), module.explain(x)
    assert found.dtype == torch.float16
    module.double()
    truth, true_maps = module(x.double()), module.explain(x.double())
    for a, b in ((found, truth), *((maps[key], true_maps[key]) for key in true_maps)):
        assert a.isfinite().all()
        assert (a.double() - b).abs().max() < 2e-2 * b.abs().max()


def test_rga_trains_in_bfloat16():
    module = (
        randomise(create("rga", 64, size=(6, 7), hidden_reduction=2), seed=2).bfloat16().train()
    )
    twin = copy.deepcopy(module).double()
    x = noise(4, 64, 6, 7, seed=3).bfloat16().requires_grad_()
    y = module(x)
    truth = twin(x.double())
    assert (y.double() - truth).abs().max() < 2e-2 * truth.abs().max()
    y.sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters())
    for (name, found), true in zip(module.named_buffers(), twin.buffers(), strict=True):
        assert (found.double() - true).abs().max() <= 2e-2 * true.abs().max(), name


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8, 56, 57])
def test_residual_pools(side):
    """The sizes of Caffe are ceil((side - 3) / 2) + 1; each window begins at an even place."""
    x = feature_map(1, 4, side, side)
    port = create("residual", 4, device="meta")._halved(x)
    caffe = create("residual", 4, pool="caffe", device="meta")._halved(x)
    assert port.shape[2:] == ((side + 1) // 2,) * 2
    assert caffe.shape[2:] == (max(1, -(-(side - 3) // 2) + 1),) * 2
    for i in range(caffe.shape[2]):
        for j in range(caffe.shape[3]):
            window = x[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            assert torch.equal(caffe[:, :, i, j], window.amax((2, 3)))
    module = made("residual", 16, pool="caffe")
    assert module(feature_map(2, 16, side, side)).shape == (2, 16, side, side)


FITTING = ["cam", "cbam_spatial", "eca", "simam", "triplet", "sge", "gc", "sse", "rga",
           "polarized_parallel", "polarized_sequential"]  # fmt: skip


@pytest.mark.parametrize("method", ["forward", "explain"])
@pytest.mark.parametrize("name", FITTING)
def test_another_number_of_channels_is_refused_in_one_line(name, method):
    module = create(name, 64, **({"size": (12, 10)} if name == "rga" else {})).eval()
    for channels in (32, 65, 128):
        with pytest.raises(ValueError, match="does not fit channels=64") as error:
            getattr(module, method)(torch.randn(2, channels, 12, 10))
        assert "\n" not in str(error.value)


def test_whole_numbers_of_numpy_are_accepted():
    n = np.int64
    made_of = [
        ("mpm", {"reduction": n(4), "pool_sizes": (n(4), n(2))}),
        ("rga", {"size": (n(12), n(10)), "spatial_reduction": n(4)}),
        ("cbam", {"reduction": n(4), "kernel_size": n(3)}),
        ("csra", {"classes": n(5), "temperature": np.float32(2)}),
        ("simam", {"e_lambda": np.float64(0.1)}),
        ("sge", {"groups": n(8)}),
        ("nonlocal", {"value_reduction": n(4)}),
        ("residual", {"scales": n(2)}),
    ]
    for name, options in made_of:
        y = create(name, n(64), **options)(torch.randn(2, 64, 12, 10))
        assert y.isfinite().all(), name

"""DANet: counts, sizes of the outputs, the head against its equation, its losses."""

import pytest
import torch
from torch.nn import functional as F

from course_lib.costs import count_macs, count_parameters
from course_lib.networks import build
from course_lib.networks.danet import DANet, DANetHead, SingleOutputHead, weighted_loss


def on_meta(name, **options):
    with torch.device("meta"):
        return build(name, **options).eval()


@pytest.mark.parametrize(
    ("channels", "parameters"), [(64, 24_479), (512, 1_503_579), (2048, 23_954_619)]
)
def test_count_of_the_authors_head(channels, parameters):
    with torch.device("meta"):
        assert count_parameters(DANetHead(channels, 19)) == parameters


def test_cost_of_the_authors_head():
    with torch.device("meta"):
        head = DANetHead(2048, 33)
    assert round(count_macs(head, (1, 2048, 28, 28)) / 1e9, 2) == 19.56


@pytest.mark.parametrize(("classes", "parameters"), [(3, 46_718_274), (33, 46_787_394)])
def test_count_of_the_blogs_network(classes, parameters):
    network = on_meta("danet_resnet50", head="single", classes=classes)
    assert count_parameters(network) == parameters


def test_the_backbone_has_no_classifier():
    network = on_meta("danet_resnet101", classes=5)
    head = count_parameters(network.head)
    assert count_parameters(network) - head == 44_549_160 - 2_049_000
    assert not [k for k in network.state_dict() if "fc" in k]


@pytest.mark.parametrize(("head", "outputs"), [("dual", 3), ("single", 1)])
@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("size", [(65, 97), (64, 120)])
def test_scores_have_the_size_of_the_picture(head, outputs, output_stride, size):
    network = on_meta("danet_resnet50", classes=7, head=head, output_stride=output_stride)
    x = torch.empty(2, 3, *size, device="meta")
    assert [y.shape for y in network(x)] == [(2, 7, *size)] * outputs
    cells = tuple(-(-s // output_stride) for s in size)
    assert network.features(x)["layer4"].shape[2:] == cells


def test_the_authors_multi_grid():
    network = on_meta("danet_resnet50", multi_grid=(1, 2, 4))
    assert [b.conv2.dilation[0] for b in network.backbone.layer4] == [4, 8, 16]


def test_every_parameter_is_trained():
    torch.manual_seed(0)
    network = DANet(18, 4, output_stride=16)
    with torch.no_grad():
        network.head.position.gamma.fill_(0.5)
        network.head.channel.gamma.fill_(0.5)
    sum(y.square().mean() for y in network(torch.randn(2, 3, 49, 65))).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def test_the_head_is_two_branches_and_their_sum():
    torch.manual_seed(0)
    head = DANetHead(32, 3).double().eval()
    with torch.no_grad():
        head.position.gamma.fill_(0.7)
        head.channel.gamma.fill_(-0.4)
    x = torch.randn(2, 32, 5, 7, dtype=torch.float64)
    root = (1 + 1e-5) ** 0.5  # a fresh BatchNorm in eval mode divides by this

    def convolve(layer, t):
        return (F.conv2d(t, layer[0].weight, padding=1) / root).relu()

    a = convolve(head.before_position, x)
    q, k, v = (
        (F.conv2d(a, f.weight, f.bias)).flatten(2)
        for f in (head.position.query, head.position.key, head.position.value)
    )
    attention = torch.einsum("bci,bcj->bij", q, k).softmax(2)
    mixed = torch.einsum("bij,bcj->bci", attention, v).unflatten(2, (5, 7))
    position = convolve(head.after_position, a + 0.7 * mixed)
    c = convolve(head.before_channel, x)
    gram = torch.einsum("bci,bdi->bcd", c.flatten(2), c.flatten(2))
    mixed = torch.einsum("bcd,bdi->bci", (-gram).softmax(2), c.flatten(2)).unflatten(2, (5, 7))
    channel = convolve(head.after_channel, c - 0.4 * mixed)

    def classify(layer, t):
        return F.conv2d(t, layer[1].weight, layer[1].bias)

    expected = (
        classify(head.classify, position + channel),
        classify(head.classify_position, position),
        classify(head.classify_channel, channel),
    )
    for got, want in zip(head(x), expected, strict=True):
        assert torch.allclose(got, want, atol=1e-10)
    maps = head.explain(x, [3, 11])
    assert torch.allclose(maps["position"], attention[:, [3, 11]], atol=1e-10)
    assert torch.allclose(maps["channel"], (-gram).softmax(2), atol=1e-10)


def test_the_single_head_has_full_queries_and_the_papers_softmax():
    head = SingleOutputHead(64, 5)
    assert head.position.query.weight.shape == (16, 16, 1, 1)
    assert head.position.key.bias is None
    assert head.channel.plain
    x = torch.randn(2, 64, 6, 5)
    assert head.explain(x)["position"].shape == (2, 30, 30)


def test_the_network_explains_itself():
    network = on_meta("danet_resnet50", classes=2)
    maps = network.explain(torch.empty(1, 3, 64, 96, device="meta"), [5])
    assert maps["position"].shape == (1, 1, 96)
    assert maps["channel"].shape == (1, 512, 512)


def test_the_loss_is_the_weighted_sum_and_ignores_what_it_is_told():
    torch.manual_seed(0)
    outputs = [torch.randn(2, 3, 4, 5) for _ in range(3)]
    labels = torch.randint(3, (2, 4, 5))
    labels[0, 0] = 255

    def plain(scores):
        log = scores.log_softmax(1)
        kept = [
            -log[b, labels[b, i, j], i, j]
            for b in range(2)
            for i in range(4)
            for j in range(5)
            if labels[b, i, j] != 255
        ]
        return torch.stack(kept).mean()

    got = weighted_loss(outputs, labels, weights=(1, 0.5, 0.25), ignore_index=255)
    want = sum(w * plain(o) for w, o in zip((1, 0.5, 0.25), outputs, strict=True))
    assert torch.allclose(got, want)
    assert torch.allclose(
        weighted_loss(outputs, labels, ignore_index=255), sum(map(plain, outputs))
    )
    with pytest.raises(ValueError, match="must have 3 numbers"):
        weighted_loss(outputs, labels, weights=(1, 0.4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DANetHead(16, 3), "channels=16 leave no query channels"),
        (lambda: DANetHead(64, 0), "classes=0 must be a positive whole number"),
        (lambda: DANetHead(64, 3, dropout=1.5), "dropout=1.5 must be a probability"),
        (
            lambda: DANet(18, head="triple"),
            "head='triple' is unknown; there are: dual, plain, single",
        ),
        (lambda: DANet(18, output_stride=4), "output_stride=4 is unknown"),
        (lambda: build("danet_resnet50", depth=18), "has no option 'depth'"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        make()


def test_the_small_network_is_the_large_one_made_narrow():
    network = on_meta("danet_resnet10", classes=8)
    layers = [getattr(network.backbone, f"layer{s}") for s in range(1, 5)]
    assert [len(layer) for layer in layers] == [1, 1, 1, 1]
    assert [layer[0].conv2.out_channels for layer in layers] == [12, 24, 48, 96]
    assert network.head.position.value.weight.shape == (48, 48, 1, 1)
    assert network.head.position.query.weight.shape == (6, 48, 1, 1)
    x = torch.empty(2, 3, 96, 128, device="meta")
    assert network.features(x)["layer4"].shape == (2, 96, 12, 16)
    assert [y.shape for y in network(x)] == [(2, 8, 96, 128)] * 3


@pytest.mark.parametrize("inner", [8, 13, 48])
def test_the_plain_head_has_more_parameters_than_attention(inner):
    with torch.device("meta"):
        dual, plain = (
            DANet(10, 5, head=head, width=16, inner=inner).head for head in ("dual", "plain")
        )
    # A 1×1 convolution and a BatchNorm a branch, for PAM's three convolutions and two scales.
    attention = 2 * (inner + 1) * (inner // 8) + (inner + 1) * inner + 2
    assert count_parameters(plain) - count_parameters(dual) == 2 * inner * (inner + 2) - attention
    assert count_parameters(plain) > count_parameters(dual)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inner": 7}, "inner=7 leaves no query channels"),
        ({"inner": 16, "head": "single"}, "inner=16 is for the heads 'dual' and 'plain'"),
        ({"width": 0}, "width=0 leaves no channels"),
    ],
)
def test_wrong_widths_are_refused(options, message):
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        DANet(10, 5, **options)

"""What every mechanism must do, whatever it computes."""

import copy
import inspect

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_lib.attention import create

from .cases import ALL, CASES, FORMS, HEIGHT, WIDTH, built, example
from .machinery import distance, feature_map, generator

NUMBERS = [(name, number) for name in ALL for number in range(len(CASES[name].forms))]
BFLOAT = (torch.bfloat16, 1)


# ---- creation ------------------------------------------------------------------------------------


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ValueError, match="no mechanism is called 'nonsense'") as error:
        create("nonsense", 64)
    assert all(name in str(error.value) for name in ALL)


@pytest.mark.parametrize("name", ALL)
def test_an_unknown_option_lists_what_there_is(name):
    with pytest.raises(ValueError, match="has no option 'nonsense'") as error:
        create(name, 64, nonsense=1)
    assert "device" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ALL)
def test_the_signature_is_the_house_s(name):
    module, _ = built(name)
    parameters = inspect.signature(type(module)).parameters
    order = list(parameters)
    assert order[0] == "channels"
    assert "reduction" not in order or order[1] == "reduction"
    assert order[-2:] == ["device", "dtype"]
    for option in order[2 if "reduction" in order else 1 :]:
        assert parameters[option].kind is inspect.Parameter.KEYWORD_ONLY or (
            parameters[option].default is inspect.Parameter.empty
        ), option


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("channels", [0, -3])
def test_channels_must_be_positive(name, channels):
    with pytest.raises(ValueError, match=r"channels=") as error:
        CASES[name].make(name, channels, HEIGHT, WIDTH)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", [n for n in ALL if "reduction" in inspect.signature(type(built(n)[0])).parameters]
)
@pytest.mark.parametrize("reduction", [0, -1])
def test_the_reduction_must_be_positive(name, reduction):
    with pytest.raises(ValueError, match=r"reduction="):
        CASES[name].make(name, 64, HEIGHT, WIDTH, reduction=reduction)


@pytest.mark.parametrize("name", ALL)
def test_dtype_and_device_at_construction(name):
    case = CASES[name]
    module = case.make(
        name,
        max(case.channels),
        HEIGHT,
        WIDTH,
        device="meta",
        dtype=torch.bfloat16,
        **case.forms[0],
    )
    for tensor in module.state_dict().values():
        assert tensor.device.type == "meta"
        assert tensor.dtype in (torch.bfloat16, torch.int64)
    x = torch.empty(2, max(case.channels), HEIGHT, WIDTH, device="meta", dtype=torch.bfloat16)
    y = module(x)
    assert y.device.type == "meta"
    assert y.dtype == torch.bfloat16
    assert case.scores or y.shape == x.shape
    for found in module.explain(x).values():
        assert found.device.type == "meta"


@pytest.mark.parametrize("name", ALL)
def test_modules_can_be_copied_and_saved(name, tmp_path):
    module, _ = built(name)
    x = example(name)
    torch.save(module.state_dict(), tmp_path / "weights")
    twin = copy.deepcopy(module)
    twin.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    assert torch.equal(twin(x), module(x))


# ---- counts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_state_has_the_shapes_of_the_authors_in_their_order(name, form):
    case = CASES[name]
    for channels in case.channels:
        module = case.make(name, channels, HEIGHT, WIDTH, device="meta", **form)
        shapes = [tuple(t.shape) for t in module.state_dict().values()]
        assert shapes == case.layout(channels, **(case.sized(HEIGHT, WIDTH) | form))


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_parameter_formula(name, form):
    case = CASES[name]
    for channels in (64, 72, 80, 96, 128, 144, 256, 512, 1024, 2048):
        for height, width in ((12, 10), (16, 32)):
            module = case.make(name, channels, height, width, device="meta", **form)
            options = case.sized(height, width) | form
            found = sum(p.numel() for p in module.parameters())
            assert found == case.parameters(channels, **options)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_macs_formula(name, form):
    case = CASES[name]
    if case.macs is None:
        return
    for channels, height, width in ((64, 12, 10), (96, 7, 9), (256, 16, 16)):
        module = case.make(name, channels, height, width, device="meta", **form).eval()
        x = torch.empty(3, channels, height, width, device="meta")
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(x)
        options = case.sized(height, width) | form
        assert counter.get_total_flops() == 3 * 2 * case.macs(channels, height, width, **options)


# ---- inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(("name", "form"), FORMS)
def test_shape_dtype_and_input_are_kept(name, form, train):
    module, channels = built(name, form=form)
    module.train(train)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=3, dtype=torch.float32)
    before = x.clone()
    y = module(x)
    assert y.dtype == x.dtype
    assert CASES[name].scores or y.shape == x.shape
    assert torch.equal(x, before)
    module.explain(x)
    with torch.no_grad():
        module(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_empty_batch(name, form):
    module, channels = built(name, form=form)
    x = torch.empty(0, channels, HEIGHT, WIDTH, requires_grad=True)
    y = module(x)
    assert y.shape[0] == 0
    assert CASES[name].scores or y.shape == x.shape
    y.sum().backward()
    with torch.no_grad():
        assert module(x).shape == y.shape
    assert all(len(found) == 0 for found in module.explain(x).values())


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_smallest_map_of_one_image(name, form):
    side = CASES[name].smallest
    module, channels = built(name, side, side, form=form)
    x = feature_map(1, channels, side, side, seed=3, dtype=torch.float32).requires_grad_()
    y = module(x)
    assert y.isfinite().all()
    y.sum().backward()
    assert x.grad.isfinite().all()
    assert all(found.isfinite().all() for found in module.explain(x).values())


@pytest.mark.parametrize("name", ALL)
def test_one_pixel_of_one_image_in_train_mode(name):
    case = CASES[name]
    if case.smallest > 1:
        return
    module, channels = built(name, 1, 1)
    module.train()
    x = feature_map(1, channels, 1, 1, seed=3, dtype=torch.float32)
    if case.trains_on_one_pixel:
        assert module(x).isfinite().all()
    else:
        with pytest.raises(ValueError, match="Expected more than 1 value"):
            module(x)


@pytest.mark.parametrize("name", ALL)
def test_one_image_in_train_mode(name):
    module, _ = built(name)
    module.train()
    if CASES[name].trains_on_one_image:
        assert module(example(name, batch=1)).isfinite().all()
    else:
        with pytest.raises(ValueError, match="Expected more than 1 value"):
            module(example(name, batch=1))


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_memory_layouts(name, form):
    module, channels = built(name, form=form, dtype=torch.float64)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=8)
    y = module(x)
    wide = torch.cat([x, x], 3)
    for other in (
        x.to(memory_format=torch.channels_last),
        x.transpose(2, 3).contiguous().transpose(2, 3),
        x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
        wide[..., :WIDTH],
        x.expand(2, -1, -1, -1),
    ):
        assert torch.equal(other, x)
        assert distance(module(other), y) < 1e-12
        leaf = other.detach().requires_grad_()
        module(leaf).sum().backward()


@pytest.mark.parametrize("value", [0.0, 3.0])
@pytest.mark.parametrize(("name", "form"), FORMS)
def test_constant_input(name, form, value):
    module, channels = built(name, form=form)
    for mode in (False, True):
        module.train(mode)
        x = torch.full((2, channels, HEIGHT, WIDTH), value, requires_grad=True)
        y = module(x)
        assert y.isfinite().all()
        y.sum().backward()
        assert x.grad.isfinite().all()
        assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


# ---- precision -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("name", "form"), FORMS)
def test_half_precision(name, form, dtype):
    module, channels = built(name, form=form)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=8, dtype=dtype)
    module.to(dtype)
    y = module(x)
    assert y.dtype == dtype
    with torch.no_grad():
        assert distance(module(x), y) < 4 * torch.finfo(dtype).eps
    for key, found in module.explain(x).items():
        assert found.isfinite().all(), key
        assert found.dtype == (torch.float32 if key in CASES[name].wide else dtype), key


@torch.no_grad()
def sensitivity(module, x, truth, unit):
    """The most that the output moves when every number moves by its rounding error `unit`."""
    source, most = generator(1), 0.0
    for _ in range(4):
        twin = copy.deepcopy(module)
        moved = x.clone()
        for tensor in (moved, *twin.state_dict().values()):
            if tensor.is_floating_point():
                tensor *= 1 + unit * torch.randn(tensor.shape, generator=source, dtype=tensor.dtype)
        most = max(most, (twin(moved) - truth).abs().max().item())
    return most


@pytest.mark.parametrize(
    ("dtype", "scale"), [(torch.float16, 1), (torch.float16, 20), (torch.float16, 300), BFLOAT]
)
@pytest.mark.parametrize(("name", "number"), NUMBERS)
def test_half_precision_by_value(name, number, dtype, scale):
    """Half precision must be no worse than the rounding of its inputs and weights.

    How steep a softmax is, and so how many digits a half precision number can keep, depends on the
    weights and the scale. So the bound is no constant: it is three times what the float64 module
    shows when inputs and weights move by one rounding error (measured: up to 1.6 times; each layer
    rounds its result once more).
    """
    case = CASES[name]
    module, channels = built(name, form=case.forms[number])
    module.to(dtype)
    twin = copy.deepcopy(module).double()
    x = (scale * feature_map(2, channels, HEIGHT, WIDTH, seed=8)).to(dtype)
    with torch.no_grad():
        y, truth = module(x), twin(x.double())
    if dtype == torch.float16 and (number, scale) in case.overflows:
        assert not y.isfinite().all()
        return
    assert truth.abs().max() < torch.finfo(dtype).max
    bound = 3 * sensitivity(twin, x.double(), truth, torch.finfo(dtype).eps / 2)
    assert (y.double() - truth).abs().max() <= bound


@pytest.mark.parametrize("name", [name for name in ALL if CASES[name].keeps_autocast_out])
def test_autocast_is_kept_out(name):
    module, _ = built(name)
    x = example(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = module(x)
        with torch.no_grad():
            quiet = module(x)
    assert y.dtype == torch.float32
    assert distance(y, module(x)) < 1e-6
    assert distance(quiet, module(x)) < 1e-6


@pytest.mark.parametrize("inputs", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("name", "form"), FORMS)
def test_autocast(name, form, inputs):
    module, channels = built(name, form=form)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=8, dtype=inputs)
    truth = module(x.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = module(x)
        with torch.no_grad():
            quiet = module(x)
        maps = module.explain(x)
    assert y.dtype in (x.dtype, torch.bfloat16)  # the latter where a convolution comes last
    bound = 0.16 * truth.abs().max()
    assert (y.float() - truth).abs().max() <= bound
    assert (quiet.float() - truth).abs().max() <= bound
    assert all(found.isfinite().all() for found in maps.values())
    y.float().sum().backward() if y.requires_grad else None


# ---- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_gradcheck(name):
    case = CASES[name]
    side = max(3, case.smallest)
    options = case.forms[0] if case.tiny_options is None else case.tiny_options
    module, _ = built(name, side, side, channels=case.tiny, form=options, dtype=torch.float64)
    x = feature_map(2, case.tiny, side, side, seed=4).requires_grad_()
    for mode in (False, True):
        module.train(mode)
        assert torch.autograd.gradcheck(module, (x,), fast_mode=True, nondet_tol=1e-12)


# ---- explain -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_attention_maps_have_rows_that_sum_to_one(name, form):
    module, channels = built(name, form=form)
    x = feature_map(2, channels, HEIGHT, WIDTH, seed=8, dtype=torch.float32)
    maps = module.explain(x)
    assert maps
    assert all(isinstance(key, str) and found.shape[0] == 2 for key, found in maps.items())
    if "attention" in maps:
        rows = maps["attention"].sum(-1)
        assert distance(rows, torch.ones_like(rows)) < 1e-5


@pytest.mark.parametrize("name", ALL)
def test_explain_changes_nothing(name):
    module, _ = built(name)
    module.eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    module.explain(example(name))
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


@pytest.mark.parametrize("name", ALL)
def test_forward_runs_without_hooks_or_stored_maps(name):
    module, _ = built(name)
    x = example(name)
    before = set(vars(module))
    module(x)
    module.explain(x)
    assert set(vars(module)) == before
    for part in module.modules():
        assert isinstance(part, nn.Module)
        assert not part._forward_hooks
        assert not [v for v in vars(part).values() if isinstance(v, torch.Tensor)]

import pytest
import torch
from torch.nn import functional

from course_lib.checks.metered import metered


def test_what_is_computed_from_a_metered_tensor_is_equal_to_what_is_computed_without():
    x, y = torch.randn(2, 5, 3, requires_grad=True), torch.randn(2, 3, 4)
    got = torch.bmm(metered(x, 40), y)
    assert torch.equal(got.as_subclass(torch.Tensor), torch.bmm(x, y))
    got.square().sum().backward()
    assert torch.allclose(x.grad, 2 * torch.bmm(torch.bmm(x, y), y.transpose(1, 2)).detach())


@pytest.mark.parametrize(
    "enlarge",
    [
        lambda x: x.transpose(0, 1) @ x,
        lambda x: torch.mm(x.T, x, out=torch.empty(7, 7)),
        lambda x: x.new_zeros(7, 7),
        lambda x: x.clone().detach().repeat(2, 1),
        lambda x: (x + 1).unsqueeze(2) * x.unsqueeze(1),
    ],
)
def test_a_larger_result_is_refused_wherever_it_comes_from(enlarge):
    x = torch.randn(3, 7)
    enlarge(x)
    with pytest.raises(MemoryError, match=r"more than the 21 that may be held here; make fewer"):
        enlarge(metered(x, 21))


def test_an_attention_that_hides_its_map_is_refused():
    x = torch.randn(2, 7, 3)
    with pytest.raises(TypeError, match="hides how much it holds"):
        functional.scaled_dot_product_attention(metered(x, 98), x, x)


def test_a_limit_below_the_tensor_itself_is_refused():
    with pytest.raises(ValueError, match="limit=20 is less than the 21 numbers"):
        metered(torch.randn(3, 7), 20)

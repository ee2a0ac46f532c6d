r"""Class-specific residual attention (CSRA): every class looks at its own pixels.

.. math::
    s_{k,i} = \frac{w_k^\top x_i}{\lVert w_k\rVert}, \qquad
    a_{k,i} = \mathrm{softmax}_i(T s_{k,i}), \qquad
    \ell_k = \tfrac1N\sum_i s_{k,i} + \lambda \sum_i a_{k,i}\, s_{k,i}

==================  ==============  =====================================================
symbol              shape           meaning
==================  ==============  =====================================================
:math:`x`           (B, C, H, W)    feature map, N = HW pixels
:math:`w`           (K, C, 1, 1)    classifier without bias, used with unit length
:math:`s`           (B, K, H, W)    score of every class at every pixel
:math:`a`           (B, K, H, W)    attention map of every class, sums to 1
:math:`\ell`        (B, K)          scores of the classes: what the module returns
==================  ==============  =====================================================

Source: K. Zhu, J. Wu, *Residual Attention: A Simple but Effective Method for Multi-Label
Recognition*, ICCV 2021, https://arxiv.org/abs/2108.02456; authors' code:
https://github.com/Kevinz-code/CSRA.

It is a classifier head, not a map: the output is (B, K). In the code T = 99 stands for the maximum
instead of the softmax, as here for every T from 99 on. A widely copied re-implementation leaves out
the normalisation of the classifier. It shares nothing but the words with the Residual Attention
Network (``residual_attention.py``).
"""

import torch
from torch import Tensor, nn

from course_lib.attention._arguments import at_least_float32, require_above_zero, require_positive


class ClassSpecificResidualAttention(nn.Module):
    """Score the classes by the mean of their scores plus the mean under their own attention.

    Args:
        channels: number of input channels C.
        classes: number of classes K.
        temperature: T, how sharply a class looks at its best pixels; from 99 on, at the best only.
        attention_weight: λ, the share of the attended score.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if ``channels``, ``classes`` or the temperature is not positive.
    """

    def __init__(
        self,
        channels: int,
        *,
        classes: int = 20,
        temperature: float = 1.0,
        attention_weight: float = 0.1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        require_positive(channels=channels, classes=classes)
        require_above_zero("temperature", temperature, "99 means the maximum")
        self.temperature = temperature
        self.attention_weight = attention_weight
        self.head = nn.Conv2d(channels, classes, 1, bias=False, device=device, dtype=dtype)

    def scores(self, x: Tensor) -> Tensor:
        """Score of every class at every pixel: (B, C, H, W) -> (B, K, N), at least float32."""
        classifier = at_least_float32(self.head.weight.flatten(1))
        # The length is divided out of K × C numbers instead of K × N for every image.
        classifier = classifier / classifier.norm(dim=1, keepdim=True)
        return at_least_float32(torch.matmul(classifier.to(x.dtype), x.flatten(2)))

    def attention(self, scores: Tensor) -> Tensor:
        """Weights of the pixels for every class: (B, K, N) -> (B, K, N), sums to 1 over N."""
        if self.temperature < 99:
            return (scores * self.temperature).softmax(2)
        best = scores.argmax(2, keepdim=True)
        return torch.zeros_like(scores).scatter(2, best, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the classes: (B, C, H, W) -> (B, K)."""
        scores = self.scores(x)
        if self.temperature < 99:
            attended = (scores * self.attention(scores)).sum(2)
        else:
            attended = scores.amax(2)
        return (scores.mean(2) + self.attention_weight * attended).to(x.dtype)

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """``pixel_scores`` and ``pixel_weights``, both (B, K, H, W)."""
        scores = self.scores(x)
        shape = (*scores.shape[:2], *x.shape[2:])
        return {
            "pixel_scores": scores.reshape(shape),
            "pixel_weights": self.attention(scores).reshape(shape),
        }

r"""Relation-aware global attention (RGA): gates that see how every node relates to all others.

.. math::
    R_{ij} = \psi_\theta(x_i)^\top \psi_\phi(x_j), \qquad
    y_i = \big[\mathrm{mean}\,\psi_x(x_i);\ \psi_g([R_{i,:}; R_{:,i}])\big], \qquad
    a_i = \sigma\big(\mathrm{BN}(w_2\,\delta\,\mathrm{BN}(W_1 y_i))\big)

with :math:`\psi = \delta \circ \mathrm{BN} \circ W`. The nodes are the N = HW pixels (features:
their C channels), then, on the map scaled by the pixel gate, the C channels (features: their N
pixels).

==================  ==============================  ==========================================
symbol              shape                           meaning
==================  ==============================  ==========================================
:math:`X, Y`        (B, C, H, W)                    feature map before and after, H × W fixed
:math:`R`           (B, N, N), then (B, C, C)       relations between the nodes
:math:`\theta, …`   (C // r, C), (N // s, N)        three embeddings of the features
:math:`\psi_g`      (N // s, 2N), (C // r, 2C)      embedding of both rows of relations
:math:`W_1, w_2`    (k, 1 + N // s), (1, k), …      k = (1 + N // s) // d, or with C // r
:math:`a`           (B, 1, H, W), (B, C, 1, 1)      gate of every pixel, of every channel
==================  ==============================  ==========================================

Source: Z. Zhang, C. Lan, W. Zeng, X. Jin, Z. Chen, *Relation-Aware Global Attention for Person
Re-identification*, CVPR 2020, https://arxiv.org/abs/1904.02998; authors' code:
https://github.com/microsoft/Relation-Aware-Global-Attention-Networks.

Paper and code disagree: the code has a BatchNorm before the sigmoid that the paper's formula leaves
out. The weights are indexed by position, so that a module fits one H × W only; the code also
accepts a map of the same N and another shape, whose positions it scrambles, this one refuses it.

The code makes R, its transpose and both joined: 3N² numbers and about N³ / 4 multiplications. But
R enters through a linear layer, and R itself is a product of narrow matrices, so that

.. math::
    [A, B]\,[R_{i,:}; R_{:,i}] = \big(A\,\Phi^\top\big)\Theta + \big(B\,\Theta^\top\big)\Phi,
    \qquad R = \Theta^\top \Phi

needs neither R nor anything of its size: 4 N (N // s) (C // r) multiplications. Only ``explain``
makes R.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention._arguments import (
    at_least_float32,
    bottleneck,
    require_channels,
    require_one_of,
    require_pair,
    require_positive,
)
from course_lib.attention._functional import without_autocast


class RelationAwareAttention(nn.Module):
    """Gate the pixels, then the channels, by their relations to all pixels and all channels.

    Half-precision maps are gated in float32, and only the result is narrowed: relations grow with
    the square of the map's scale, their variances with its fourth power. Under autocast only the
    products that make the embeddings are narrow. To train in float16, use autocast, not a float16
    module, whose running variances end at 65504.

    Args:
        channels: number of input channels C.
        reduction: ratio r; channel features are embedded in C // r dimensions.
        size: height and width of the maps, which the module is built for.
        spatial_reduction: ratio s; pixel features are embedded in N // s dimensions.
        hidden_reduction: ratio d of the layer before the gate.
        branches: ``"both"``, ``"spatial"`` only or ``"channel"`` only.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        ValueError: if there is no size, a number is not positive, or a layer would have no units;
            in ``forward`` if the map has another size or other channels.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 8,
        *,
        size: tuple[int, int] | None = None,
        spatial_reduction: int = 8,
        hidden_reduction: int = 8,
        branches: str = "both",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if size is None:
            raise ValueError("size=None: the weights belong to positions; give size=(H, W)")
        require_pair("size", size, "(12, 10)")
        require_positive(height=size[0], width=size[1], hidden_reduction=hidden_reduction)
        require_one_of("branches", branches, ("both", "spatial", "channel"))
        self.channels = channels
        self.size = (int(size[0]), int(size[1]))
        pixels = size[0] * size[1]
        narrow = bottleneck(channels, reduction)
        require_positive(spatial_reduction=spatial_reduction)
        if pixels < spatial_reduction:
            raise ValueError(
                f"size={size} has fewer pixels than spatial_reduction={spatial_reduction}, so "
                f"their embedding would have no units; use spatial_reduction <= {pixels}"
            )
        short = pixels // spatial_reduction
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        # Feature and node counts of each branch, in the authors' order of layers.
        kinds = {
            "spatial": (channels, narrow, pixels, short),
            "channel": (pixels, short, channels, narrow),
        }
        if branches != "both":
            kinds = {branches: kinds[branches]}
        self.kinds = tuple(kinds)
        layers = nn.ModuleDict()
        for kind, (features, embedded, _, _) in kinds.items():
            layers[f"theta_{kind}"] = _embedding(features, embedded, **factory)
            layers[f"phi_{kind}"] = _embedding(features, embedded, **factory)
        for kind, (features, embedded, _, _) in kinds.items():
            layers[f"own_{kind}"] = _embedding(features, embedded, **factory)
        for kind, (_, _, nodes, related) in kinds.items():
            layers[f"relation_{kind}"] = _embedding(2 * nodes, related, **factory)
        for kind, (_, _, _, related) in kinds.items():
            hidden = (1 + related) // hidden_reduction
            if hidden == 0:
                raise ValueError(
                    f"hidden_reduction={hidden_reduction} leaves the {kind} gate no hidden units; "
                    f"use hidden_reduction <= {1 + related}, or less reduction"
                )
            layers[f"score_{kind}"] = nn.Sequential(
                _embedding(1 + related, hidden, **factory),
                nn.ReLU(),
                _embedding(hidden, 1, **factory),
            )
        self.layers = layers

    def _embedded(self, kind: str, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """θ, φ (B, e, nodes) and the mean of ψ_x (B, 1, nodes) of (B, features, nodes)."""
        layers = [self.layers[f"{name}_{kind}"] for name in ("theta", "phi", "own")]
        # One product for the three embeddings reads x once.
        weights = [convolution.weight.flatten(1) for convolution, _ in layers]
        weight = at_least_float32(torch.cat(weights))
        products = torch.bmm(weight.expand(x.shape[0], -1, -1), x).unsqueeze(3).chunk(3, 1)
        with without_autocast(x):
            theta, phi, own = (
                _batch_norm(norm, at_least_float32(product)).relu().squeeze(3)
                for (_, norm), product in zip(layers, products, strict=True)
            )
        return theta, phi, own.mean(1, keepdim=True)

    def _gate(self, kind: str, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gate (B, 1, nodes, 1) in (0, 1) of (B, features, nodes), and the embeddings θ and φ."""
        theta, phi, own = self._embedded(kind, x)
        convolution, norm = self.layers[f"relation_{kind}"]
        hidden, _, score = self.layers[f"score_{kind}"]
        with without_autocast(x):  # energies in float32 at least, and what they lead to
            rows, columns = at_least_float32(convolution.weight.flatten(1)).chunk(2, 1)
            related = (rows @ phi.mT) @ theta + (columns @ theta.mT) @ phi
            related = _batch_norm(norm, related.unsqueeze(3)).relu()
            joined = torch.cat((own.unsqueeze(3), related), 1)
            gate = _embed(score, _embed(hidden, joined).relu()).sigmoid()
        return gate, theta, phi

    def _branches(self, x: Tensor) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor, Tensor]]]:
        """The result, and of each branch the gate, (B, 1, H, W) or (B, C, 1, 1), θ and φ."""
        require_channels(x, self.channels)
        if tuple(x.shape[2:]) != self.size:
            height, width = x.shape[2:]
            raise ValueError(
                f"a map of {height}x{width} does not fit size={self.size}, for which this module "
                f"was made; make one with size=({height}, {width})"
            )
        parts, dtype = {}, x.dtype
        x = at_least_float32(x)
        for kind in self.kinds:
            pixels = x.flatten(2)
            if kind == "spatial":
                gate, theta, phi = self._gate(kind, pixels)
                gate = gate.reshape(x.shape[0], 1, *self.size)
            else:
                gate, theta, phi = self._gate(kind, pixels.transpose(1, 2))
                gate = gate.transpose(1, 2)
            parts[kind] = (gate.to(dtype), theta, phi)
            x = x * gate
        return x.to(dtype), parts

    def forward(self, x: Tensor) -> Tensor:
        """Scale the pixels, then the channels: (B, C, H, W) -> (B, C, H, W)."""
        return self._branches(x)[0]

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Gates and relations of the branches that the module has.

        ``spatial_gate`` (B, 1, H, W), ``spatial_relation`` (B, N, N), ``channel_gate``
        (B, C, 1, 1) and ``channel_relation`` (B, C, C); row i holds the products of θ of node i,
        in float32 at least.
        """
        explained = {}
        for kind, (gate, theta, phi) in self._branches(x)[1].items():
            explained[f"{kind}_gate"] = gate
            with without_autocast(x):
                explained[f"{kind}_relation"] = torch.bmm(theta.mT, phi)
        return explained


def _embedding(inputs: int, outputs: int, **factory: Any) -> nn.Sequential:
    """1 × 1 convolution without bias, and BatchNorm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False, **factory),
        nn.BatchNorm2d(outputs, **factory),
    )


def _embed(layer: nn.Sequential, x: Tensor) -> Tensor:
    """What an `_embedding` computes, in the dtype of x: (B, inputs, M, 1) -> (B, outputs, M, 1)."""
    convolution, norm = layer
    return _batch_norm(norm, F.conv2d(x, convolution.weight.to(x.dtype)))


def _batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """BatchNorm in the dtype of x, where its parameters and statistics may be narrower."""
    if norm.weight.dtype == x.dtype:
        return norm(x)
    mean, variance = norm.running_mean.to(x.dtype), norm.running_var.to(x.dtype)
    weight, bias = norm.weight.to(x.dtype), norm.bias.to(x.dtype)
    y = F.batch_norm(x, mean, variance, weight, bias, norm.training, norm.momentum, norm.eps)
    if norm.training:
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.num_batches_tracked.add_(1)
    return y

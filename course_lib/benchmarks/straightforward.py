# ruff: noqa: D103 -- the names are those of the mechanisms
"""Each mechanism as one writes it down first, with the parameters of the module that it is given.

These are the forms that blog posts show: adaptive pooling to one number, flatten and expand, one
full-size temporary for every sign of the formula, permuted copies, the whole attention map in
memory. They compute exactly what the modules of ``course_lib.attention`` compute in their default
form, and are what the benchmark compares them with.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _gap(x: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(x, 1)


def se(m: nn.Module, x: Tensor) -> Tensor:
    gate = torch.sigmoid(m.expand(F.relu(m.reduce(_gap(x)))))
    return x * gate.expand_as(x)


def eca(m: nn.Module, x: Tensor) -> Tensor:
    gate = m.conv(_gap(x).squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
    return x * torch.sigmoid(gate).expand_as(x)


def cbam_channel(m: nn.Module, x: Tensor) -> Tensor:
    mean = F.adaptive_avg_pool2d(x, 1).flatten(1)
    largest = F.adaptive_max_pool2d(x, 1).flatten(1)
    logits = m.expand(F.relu(m.reduce(mean))) + m.expand(F.relu(m.reduce(largest)))
    return x * torch.sigmoid(logits)[:, :, None, None].expand_as(x)


def cbam_spatial(m: nn.Module, x: Tensor) -> Tensor:
    mean = torch.mean(x, dim=1, keepdim=True)
    largest, _ = torch.max(x, dim=1, keepdim=True)
    return x * torch.sigmoid(m.norm(m.conv(torch.cat([largest, mean], dim=1))))


def cbam(m: nn.Module, x: Tensor) -> Tensor:
    return cbam_spatial(m.spatial, cbam_channel(m.channel, x))


def pam(m: nn.Module, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    query = m.query(x).view(b, -1, h * w).permute(0, 2, 1)
    key = m.key(x).view(b, -1, h * w)
    attention = torch.softmax(torch.bmm(query, key), dim=-1)
    value = m.value(x).view(b, -1, h * w)
    out = torch.bmm(value, attention.permute(0, 2, 1)).view(b, c, h, w)
    return m.gamma * out + x


def cam(m: nn.Module, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    query = x.view(b, c, -1)
    key = x.view(b, c, -1).permute(0, 2, 1)
    energy = torch.bmm(query, key)
    energy = torch.max(energy, -1, keepdim=True)[0].expand_as(energy) - energy
    out = torch.bmm(torch.softmax(energy, dim=-1), x.view(b, c, -1)).view(b, c, h, w)
    return m.gamma * out + x


def nonlocal_(m: nn.Module, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    pooled = F.max_pool2d(x, 2)
    theta = m.theta(x).view(b, -1, h * w).permute(0, 2, 1)
    phi = m.phi(pooled).flatten(2)
    g = m.g(pooled).flatten(2).permute(0, 2, 1)
    attention = torch.softmax(torch.matmul(theta, phi) * m.scale, dim=-1)
    out = torch.matmul(attention, g).permute(0, 2, 1).contiguous().view(b, -1, h, w)
    return m.norm(m.out(out)) + x


def sge(m: nn.Module, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    x = x.view(b * m.groups, -1, h, w)
    likeness = (x * _gap(x)).sum(dim=1, keepdim=True)
    t = likeness.view(b * m.groups, -1)
    t = t - t.mean(dim=1, keepdim=True)
    t = t / (t.std(dim=1, keepdim=True) + m.epsilon)
    t = t.view(b, m.groups, h, w) * m.weight + m.bias
    x = x * torch.sigmoid(t.view(b * m.groups, 1, h, w))
    return x.view(b, c, h, w)


def simam(m: nn.Module, x: Tensor) -> Tensor:
    n = x.shape[2] * x.shape[3] - 1
    squared = (x - x.mean(dim=[2, 3], keepdim=True)).pow(2)
    variance = squared.sum(dim=[2, 3], keepdim=True) / n
    return x * torch.sigmoid(squared / (4 * (variance + m.e_lambda)) + 0.5)


def bam(m: nn.Module, x: Tensor) -> Tensor:
    pooled = F.avg_pool2d(x, x.shape[2:]).flatten(1)
    channel = m.channel(pooled)[:, :, None, None].expand_as(x)
    spatial = m.spatial(x).expand_as(x)
    return (1 + torch.sigmoid(channel * spatial)) * x


def cse(m: nn.Module, x: Tensor) -> Tensor:
    gate = torch.sigmoid(m.expand(F.relu(m.reduce(_gap(x).flatten(1)))))
    return x * gate[:, :, None, None].expand_as(x)


def sse(m: nn.Module, x: Tensor) -> Tensor:
    return x * torch.sigmoid(m.score(x))


def scse(m: nn.Module, x: Tensor) -> Tensor:
    return torch.max(cse(m.channel, x), sse(m.spatial, x))


def _polarized_channel(m: nn.Module, x: Tensor) -> Tensor:
    b = x.shape[0]
    value = m.channel_value(x).flatten(2)
    query = torch.softmax(m.channel_query(x).view(b, -1, 1), dim=1)
    return torch.sigmoid(m.expand(torch.matmul(value, query).unsqueeze(-1)))


def _polarized_spatial(m: nn.Module, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    query = torch.softmax(_gap(m.spatial_query(x)).view(b, 1, -1), dim=-1)
    value = m.spatial_value(x).flatten(2)
    return torch.sigmoid(torch.matmul(query, value).view(b, 1, h, w))


def polarized_parallel(m: nn.Module, x: Tensor) -> Tensor:
    return x * _polarized_channel(m, x) + x * _polarized_spatial(m, x)


def polarized_sequential(m: nn.Module, x: Tensor) -> Tensor:
    x = x * _polarized_channel(m, x)
    return x * _polarized_spatial(m, x)


def _permuted_gate(m: nn.Module, x: Tensor) -> Tensor:
    pooled = torch.cat([x.max(1)[0].unsqueeze(1), x.mean(1).unsqueeze(1)], dim=1)
    return x * torch.sigmoid(m.norm(m.conv(pooled)))


def triplet(m: nn.Module, x: Tensor) -> Tensor:
    first = _permuted_gate(m.channel_column, x.permute(0, 2, 1, 3).contiguous())
    second = _permuted_gate(m.row_channel, x.permute(0, 3, 2, 1).contiguous())
    third = _permuted_gate(m.row_column, x)
    first, second = first.permute(0, 2, 1, 3).contiguous(), second.permute(0, 3, 2, 1).contiguous()
    return 1 / 3 * (third + first + second)


def gc(m: nn.Module, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    mask = torch.softmax(m.score(x).view(b, 1, h * w), dim=2).unsqueeze(-1)
    context = torch.matmul(x.view(b, c, h * w).unsqueeze(1), mask).view(b, c, 1, 1)
    return x + m.add(context)


def coordinate(m: nn.Module, x: Tensor) -> Tensor:
    _, _, h, w = x.shape
    rows = F.adaptive_avg_pool2d(x, (None, 1))
    columns = F.adaptive_avg_pool2d(x, (1, None)).permute(0, 1, 3, 2)
    y = F.hardswish(m.norm(m.reduce(torch.cat([rows, columns], dim=2))))
    rows, columns = torch.split(y, [h, w], dim=2)
    columns = columns.permute(0, 1, 3, 2)
    return x * torch.sigmoid(m.expand_columns(columns)) * torch.sigmoid(m.expand_rows(rows))


def spm(m: nn.Module, x: Tensor) -> Tensor:
    _, _, h, w = x.shape
    rows = m.rows(F.adaptive_avg_pool2d(x, (None, 1))).expand(-1, -1, h, w)
    columns = m.columns(F.adaptive_avg_pool2d(x, (1, None))).expand(-1, -1, h, w)
    return x * torch.sigmoid(m.mix(F.relu(rows + columns)))


def mpm(m: nn.Module, x: Tensor) -> Tensor:
    size = x.shape[2:]

    def enlarge(t: Tensor) -> Tensor:
        return F.interpolate(t, size, mode="bilinear", align_corners=True)

    first, second = F.relu(m.reduce_square(x)), F.relu(m.reduce_strip(x))
    fine = enlarge(m.fine(F.adaptive_avg_pool2d(first, m.pool_sizes[0])))
    coarse = enlarge(m.coarse(F.adaptive_avg_pool2d(first, m.pool_sizes[1])))
    rows = enlarge(m.rows(F.adaptive_avg_pool2d(second, (None, 1))))
    columns = enlarge(m.columns(F.adaptive_avg_pool2d(second, (1, None))))
    first = F.relu(m.join_square(F.relu(m.full(first) + fine + coarse)))
    second = F.relu(m.join_strip(F.relu(columns + rows)))
    return F.relu(x + m.expand(torch.cat([first, second], dim=1)))


def scconv(m: nn.Module, x: Tensor) -> Tensor:
    context = F.interpolate(m.context(F.avg_pool2d(x, m.pooling)), x.shape[2:])
    out = torch.mul(m.before(x), torch.sigmoid(torch.add(x, context)))
    return m.after(out)


def lka(m: nn.Module, x: Tensor) -> Tensor:
    u = x.clone()
    return u * m.mix(m.far(m.near(x)))


def van(m: nn.Module, x: Tensor) -> Tensor:
    shortcut = x.clone()
    return m.after(lka(m.attend, F.gelu(m.before(x)))) + shortcut


def _related(m: nn.Module, kind: str, x: Tensor) -> Tensor:
    """Gate of RGA over the nodes of (B, features, nodes, 1)."""
    layers, b, nodes = m.layers, x.shape[0], x.shape[2]
    theta = F.relu(layers[f"theta_{kind}"](x)).view(b, -1, nodes).permute(0, 2, 1)
    phi = F.relu(layers[f"phi_{kind}"](x)).view(b, -1, nodes)
    relation = torch.matmul(theta, phi)
    incoming = relation.permute(0, 2, 1).view(b, nodes, nodes, 1)
    joined = torch.cat([incoming, relation.view(b, nodes, nodes, 1)], dim=1)
    joined = F.relu(layers[f"relation_{kind}"](joined))
    own = F.relu(layers[f"own_{kind}"](x)).mean(dim=1, keepdim=True)
    return torch.sigmoid(layers[f"score_{kind}"](torch.cat([own, joined], dim=1)))


def rga(m: nn.Module, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    x = _related(m, "spatial", x.view(b, c, h * w, 1)).view(b, 1, h, w).expand_as(x) * x
    nodes = x.view(b, c, h * w).permute(0, 2, 1).unsqueeze(-1).contiguous()
    return _related(m, "channel", nodes).transpose(1, 2).expand_as(x) * x


#: The straightforward form of each mechanism, by its name in `course_lib.attention`.
FORMS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "bam": bam,
    "cam": cam,
    "cbam": cbam,
    "cbam_channel": cbam_channel,
    "cbam_spatial": cbam_spatial,
    "coordinate": coordinate,
    "cse": cse,
    "eca": eca,
    "gc": gc,
    "lka": lka,
    "mpm": mpm,
    "nonlocal": nonlocal_,
    "pam": pam,
    "polarized_parallel": polarized_parallel,
    "polarized_sequential": polarized_sequential,
    "rga": rga,
    "scconv": scconv,
    "scse": scse,
    "se": se,
    "sge": sge,
    "simam": simam,
    "spm": spm,
    "sse": sse,
    "triplet": triplet,
    "van": van,
}

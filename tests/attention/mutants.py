"""Known wrong forms of the mechanisms of `truth.py`, as edits of its functions.

The codes in brackets are those of the list of deviations that the course keeps.
"""

from .machinery import Mutant

SE = (
    Mutant("channels summed, not averaged", "squeeze(x)", "squeeze(x) * x.shape[2] * x.shape[3]"),
    Mutant("maximum in place of mean", "squeeze(x)", "x.amax((2, 3))"),
    Mutant("mean over the batch too", "squeeze(x)", "squeeze(x) * 0 + squeeze(x).mean(0)"),
    Mutant("mean over the rows only", "squeeze(x)", "x.mean(2)[:, :, 0]"),
    Mutant("no ReLU", "relu(", "("),
    Mutant("ReLU last", "sigmoid(", "relu("),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant("softmax over the channels", "gate = sigmoid(", "gate = softmax(axis=1, x="),
    Mutant("gate added", "x * gate", "x + gate"),
    Mutant("identity added", "x * gate", "x + x * gate"),
    Mutant("gate returned alone", '"y": x * gate', '"y": 0 * x + gate'),
    Mutant(
        "first bias forgotten [SE-1]",
        'relu(pointwise(p, "reduce"',
        'relu(pointwise({k: v for k, v in p.items() if k != "reduce.bias"}, "reduce"',
    ),
    Mutant("empty bottleneck: one half for ever [SE-2]", "x * gate", "x * 0.5"),
)

ECA = (
    Mutant("kernel turned round (convolution proper)", "shift = tap - half", "shift = half - tap"),
    Mutant(
        "channels wrap round",
        "if 0 <= c + shift < x.shape[1]:\n                seen[:, c] = squeezed[:, c + shift]",
        "seen[:, c] = squeezed[:, (c + shift) % x.shape[1]]",
    ),
    Mutant("shifted by one channel", "shift = tap - half", "shift = tap - half + 1"),
    Mutant("maximum in place of mean", "squeeze(x)", "x.amax((2, 3))"),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant("residual", "x * gate", "x + x * gate"),
)

CBAM_CHANNEL = (
    Mutant("mean only", "for pool in pools", "for pool in pools[:1]"),
    Mutant("maximum only", "for pool in pools", "for pool in pools[1:]"),
    Mutant(
        "pools averaged before the network",
        "summaries[pool]",
        "sum(summaries[q] for q in pools) / len(pools)",
    ),
    Mutant(
        "mean of the branches, not their sum", "sigmoid(logits)", "sigmoid(logits / len(pools))"
    ),
    Mutant("no ReLU", "relu(", "("),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant(
        "second bias once, not twice",
        'logits + pointwise(p, prefix + "expand", hidden)',
        'logits + pointwise(p, prefix + "expand", hidden) - p[prefix + "expand.bias"] / 2',
    ),
    Mutant(
        "norm by the mean square",
        "(flat * flat).sum(2)",
        "(flat * flat).mean(2)",
        {"pools": ("lp",)},
    ),
    Mutant("log-mean-exp", ".exp().sum(2)", ".exp().mean(2)", {"pools": ("lse",)}),
    Mutant("identity added", "x * gate", "x + x * gate"),
)

CBAM_SPATIAL = (
    Mutant("planes exchanged [CB-4]", "else [largest, mean]", "else [mean, largest]"),
    Mutant("no BatchNorm [CB-5]", "if norm:", "if False:"),
    Mutant("sum in place of mean", "x.sum(1) / x.shape[1]", "x.sum(1)"),
    Mutant("mean twice", "x.amax(1)", "x.mean(1)"),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant("running statistics while training", "logits, train)", "logits, False)", train=True),
    Mutant("batch statistics while evaluating", "logits, train)", "logits, True)"),
    Mutant(
        "H and W exchanged",
        'convolution(p, prefix + "conv", planes)',
        'convolution(p, prefix + "conv", planes.transpose(2, 3)).transpose(2, 3)',
    ),
    Mutant("gate returned alone", '"y": x * gate', '"y": 0 * x + gate'),
)

CBAM = (
    Mutant("spatial gate sees the input", 'cbam_spatial(p, first["y"]', "cbam_spatial(p, x"),
    Mutant(
        "parallel, not in sequence",
        '{"y": second["y"], ',
        '{"y": x * first["gate"] * cbam_spatial(p, x, train, kernel_size, norm, mean_first,'
        ' "spatial.")["gate"], ',
    ),
    Mutant("parallel sum", '{"y": second["y"], ', '{"y": first["y"] + x * second["gate"], '),
    Mutant(
        "spatial first",
        '{"y": second["y"], ',
        '{"y": cbam_channel(p, cbam_spatial(p, x, train, kernel_size, norm, mean_first,'
        ' "spatial.")["y"], train, reduction, bias, pools, "channel.")["y"], ',
    ),
    Mutant("no spatial gate", "if not spatial:", "if spatial:"),
    Mutant(
        "spatial gate applied to the input", '{"y": second["y"], ', '{"y": x * second["gate"], '
    ),
)

PAM = (
    Mutant("softmax over the queries", "softmax(energy, 2)", "softmax(energy, 1)"),
    Mutant("map transposed [DA-4]", '"bij,bcj->bci", attention', '"bji,bcj->bci", attention'),
    Mutant("scaled without being asked", "if scaled:", "if True:"),
    Mutant("scale forgotten", "if scaled:", "if False:", {"scaled": True}),
    Mutant("scaled by the width, not its root", "** 0.5", "", {"scaled": True}),
    Mutant(
        "one projection for all three [DA-5]",
        'for name in ("query", "key", "value")',
        'for name in ("query", "query", "value")',
    ),
    Mutant("query and key exchanged", '("query", "key", "value")', '("key", "query", "value")'),
    Mutant(
        "no values, the map itself is mixed",
        '"bij,bcj->bci", attention, value',
        '"bij,bcj->bci", attention, flat',
    ),
    Mutant("no residual", '"y": x + ', '"y": '),
    Mutant("gamma forgotten", 'p["gamma"] * ', ""),
    Mutant(
        "gamma on the residual",
        '"y": x + p["gamma"] * mixed.reshape(x.shape)',
        '"y": p["gamma"] * x + mixed.reshape(x.shape)',
    ),
    Mutant("affinities negated", "softmax(energy, 2)", "softmax(-energy, 2)"),
    Mutant("no softmax", "softmax(energy, 2)", "energy / energy.shape[2]"),
    Mutant(
        "columns before rows",
        "mixed.reshape(x.shape)",
        "mixed.reshape(*x.shape[:2], x.shape[3], x.shape[2]).transpose(2, 3)",
    ),
)

CAM = (
    Mutant("the paper's sign [DA-1]", "else -gram", "else gram"),
    Mutant(
        "the code's sign where the paper's is asked",
        "gram if plain",
        "-gram if plain",
        {"plain": True},
    ),
    Mutant("softmax over the other axis", ", 2)\n    mixed", ", 1)\n    mixed"),
    Mutant("map transposed [DA-3]", '"bij,bjn->bin", attention', '"bji,bjn->bin", attention'),
    Mutant("no residual", '"y": x + ', '"y": '),
    Mutant("gamma forgotten", 'p["gamma"] * ', ""),
    Mutant(
        "energies divided by N",
        "flat, flat)\n    attention",
        "flat, flat) / flat.shape[2]\n    attention",
    ),
    Mutant(
        "residual inside gamma",
        '"y": x + p["gamma"] * mixed.reshape(x.shape)',
        '"y": p["gamma"] * (x + mixed.reshape(x.shape))',
    ),
)

NONLOCAL = (
    Mutant("scale forgotten", "if scaled:", "if False:"),
    Mutant("scaled by the width, not its root", "** 0.5", ""),
    Mutant(
        "mean pooling",
        "halve if pooled",
        "(lambda t: torch.nn.functional.avg_pool2d(t, 2)) if pooled",
    ),
    Mutant("no pooling", "halve if pooled", "(lambda t: t) if pooled"),
    Mutant(
        "queries and keys from one layer",
        'pointwise(p, "phi", keep(x))',
        'pointwise(p, "theta", keep(x))',
    ),
    Mutant(
        "values from the key layer", 'pointwise(p, "g", keep(x))', 'pointwise(p, "phi", keep(x))'
    ),
    Mutant(
        "map transposed",
        '"bij,bcj->bci", attention',
        '"bji,bcj->bci", attention',
        {"pooled": False},
    ),
    Mutant("softmax over the queries", "softmax(energy, 2)", "softmax(energy, 1)"),
    Mutant(
        "divided by M in place of the softmax", "softmax(energy, 2)", "energy / energy.shape[2]"
    ),
    Mutant("no residual", '"y": x + ', '"y": '),
    Mutant("no BatchNorm", 'batch_norm(p, "norm", branch, train) if norm', "branch if norm"),
    Mutant("running statistics while training", "branch, train)", "branch, False)", train=True),
    Mutant("gamma forgotten", 'p["gamma"] * ', "", {"norm": False}),
    Mutant(
        "pooled before the projection",
        'keep(pointwise(p, "phi", x)), keep',
        'pointwise(p, "phi", keep(x)), keep',
        {"norm": False},
    ),
)

SGE = (
    Mutant("divided by the variance [SG-2]", "spread.sqrt()", "spread"),
    Mutant("biased deviation [SG-10]", "max(1, h * w - 1)", "(h * w)"),
    Mutant("mean not subtracted", "likeness - likeness.mean(2, keepdim=True)", "likeness"),
    Mutant("deviation ignored", "centred / (spread.sqrt() + 1e-5)", "centred"),
    Mutant("not standardised", "centred / (spread.sqrt() + 1e-5)", "likeness"),
    Mutant(
        "statistics over the batch [SG-3]",
        "likeness.mean(2, keepdim=True)",
        "likeness.mean((0, 2), keepdim=True)",
    ),
    Mutant(
        "statistics over the groups",
        "likeness.mean(2, keepdim=True)",
        "likeness.mean((1, 2), keepdim=True)",
    ),
    Mutant(
        "channels dealt out to the groups in turn",
        "grouped = x.reshape(b, groups, c // groups, h * w)",
        "grouped = x.reshape(b, c // groups, groups, h * w).transpose(1, 2)",
    ),
    Mutant("bias forgotten", ' + p["bias"]', ""),
    Mutant("weight forgotten", 'p["weight"] * ', ""),
    Mutant("sum in place of mean of the group", "grouped.sum(3) / (h * w)", "grouped.amax(3)"),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant("residual", '{"y": y.reshape(x.shape)', '{"y": x + y.reshape(x.shape)'),
    Mutant(
        "one group",
        'torch.einsum("bgm,bgmn->bgn", vector, grouped)',
        'torch.einsum("bgm,bgmn->bgn", vector, grouped).mean(1, keepdim=True)'
        ".expand(b, groups, h * w)",
    ),
)

SIMAM = (
    Mutant("variance over N [SI-1]", "(max(1, n - 1) if unbiased else n)", "n"),
    Mutant(
        "variance over N - 1 where N is asked",
        "(max(1, n - 1) if unbiased else n)",
        "(n - 1)",
        {"unbiased": False},
    ),
    Mutant("another regulariser [SI-3]", "variance + e_lambda", "variance + 0.1"),
    Mutant("no one half", " + 0.5", ""),
    Mutant("factor 4 forgotten", "4 * (variance", "(variance"),
    Mutant(
        "4 times the variance, once the regulariser",
        "4 * (variance + e_lambda)",
        "4 * variance + e_lambda",
        {"e_lambda": 0.1},
    ),
    Mutant(
        "statistics of the image, not the channel",
        "x.sum((2, 3), keepdim=True) / n",
        "x.mean((1, 2, 3), keepdim=True)",
    ),
    Mutant(
        "statistics of the batch",
        "squared.sum((2, 3), keepdim=True)",
        "squared.mean(0, keepdim=True).sum((2, 3), keepdim=True)",
    ),
    Mutant("distance not squared", "sigmoid(squared /", "sigmoid(squared.sqrt() /"),
    Mutant(
        "energy in place of its inverse",
        "sigmoid(squared / (4 * (variance + e_lambda)) + 0.5)",
        "sigmoid(1 / (squared / (4 * (variance + e_lambda)) + 0.5))",
    ),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant("deviation in place of variance", "variance + e_lambda", "variance.sqrt() + e_lambda"),
    Mutant("variance not divided [SI-4]", " / (max(1, n - 1) if unbiased else n)", ""),
)

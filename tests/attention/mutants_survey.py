# ruff: noqa: E501
"""Known wrong forms of the mechanisms of `truth_survey.py`, as edits of its functions.

The codes in brackets are those of the list of deviations that the course keeps.
"""

from .machinery import Mutant

RESIDUAL = (
    Mutant(
        "the port's additions [RA-4]",
        'if wiring == "port":\n            mask',
        "if True:\n            mask",
    ),
    Mutant(
        "the port's last addition [RA-4]",
        'if wiring == "port":\n        mask',
        "if True:\n        mask",
    ),
    Mutant(
        "corners not aligned [RA-7]",
        "mask = resample(mask, *x.shape[2:])",
        "mask = resample(mask, *x.shape[2:], half_pixel_rows)",
    ),
    Mutant(
        "nearest cells",
        "mask = resample(mask, *x.shape[2:])",
        "mask = resample(mask, *x.shape[2:], nearest_rows)",
    ),
    Mutant("no identity: mask * trunk", "(1 + mask) * trunk", "mask * trunk"),
    Mutant("mask added", "(1 + mask) * trunk", "mask + trunk"),
    Mutant(
        "no BatchNorm and ReLU before the first layer [RA-2]",
        'relu(batch_norm(p, "tail.0", mask, train))',
        "mask",
    ),
    Mutant(
        "no BatchNorm and ReLU before the last layer [RA-2]",
        'relu(batch_norm(p, "tail.3", mask, train))',
        "mask",
    ),
    Mutant(
        "no last unit [RA-2]", 'unit(p, "last", (1 + mask) * trunk, train)', "(1 + mask) * trunk"
    ),
    Mutant(
        "no skip units [RA-2]",
        'mask = mask + unit(p, f"descent.{level - 1}.skip", target, train)',
        "mask = mask + target",
    ),
    Mutant(
        "one trunk unit",
        'unit(p, "trunk.1", unit(p, "trunk.0", start, train), train)',
        'unit(p, "trunk.0", start, train)',
    ),
    Mutant("mask of the trunk", "down = [start]", "down = [trunk]"),
    Mutant("no sigmoid", "mask = sigmoid(mask)", "mask = mask"),
    Mutant("softmax over the channels", "mask = sigmoid(mask)", "mask = softmax(mask, 1)"),
    Mutant(
        "one scale less",
        "for k in range(scales - 1):\n        level",
        "for k in range(1, scales - 1):\n        level",
    ),
)

CSRA = (
    Mutant("classifier not normalised [CSRA]", " / length", ""),
    Mutant("maximum for the softmax [CSRA]", "temperature >= 99", "True"),
    Mutant("temperature forgotten", "temperature * flat", "flat", {"temperature": 3.0}),
    Mutant(
        "softmax over the classes",
        "softmax(temperature * flat, 2)",
        "softmax(temperature * flat, 1)",
    ),
    Mutant("sum in place of mean", " / flat.shape[2]", ""),
    Mutant("no residual", "flat.sum(2) / flat.shape[2] + ", ""),
    Mutant("attended score not weighted", "attention_weight * attended", "attended"),
    Mutant("divided by the squared length", ".sum(1).sqrt()", ".sum(1)"),
    Mutant(
        "99 taken for a temperature",
        "temperature >= 99",
        "False",
        {"temperature": 99, "attention_weight": 1.0},
    ),
)

SPM = (
    Mutant("no ReLU [SP-7]", "relu(total)", "total"),
    Mutant(
        "kernel across the strip [SP-3]",
        'convolution(p, "rows.0", row_means)',
        'convolution(p, "rows.0", row_means.mT).mT',
    ),
    Mutant(
        "strips multiplied",
        "rows.repeat(1, 1, 1, w) + columns",
        "rows.repeat(1, 1, 1, w) * columns",
    ),
    Mutant("rows only", " + columns.repeat(1, 1, h, 1)", ""),
    Mutant("columns only", "rows.repeat(1, 1, 1, w) + ", ""),
    Mutant(
        "no BatchNorm of the rows",
        'batch_norm(p, "rows.1", convolution(p, "rows.0", row_means), train)',
        'convolution(p, "rows.0", row_means)',
    ),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant("residual", "gate * x", "x + gate * x"),
    Mutant("gate returned alone", '"y": gate * x', '"y": gate'),
    Mutant("sums in place of means", "[..., None] / w", "[..., None]"),
    Mutant("batch statistics while evaluating", "column_means), train)", "column_means), True)"),
    Mutant(
        "running statistics while training",
        "column_means), train)",
        "column_means), False)",
        train=True,
    ),
)

MPM = (
    Mutant("a gate in place of the sum [SP-1]", "relu(x + layer", "(x * layer"),
    Mutant("no residual", "relu(x + layer", "relu(layer"),
    Mutant(
        "no last ReLU",
        '"y": relu(x + layer("expand", torch.cat(parts, 1)))',
        '"y": x + layer("expand", torch.cat(parts, 1))',
    ),
    Mutant(
        "pooled sizes exchanged",
        'fine = resample(layer("fine", window_means(x1, pool_sizes[0])), *size)\n',
        'fine = resample(layer("fine", window_means(x1, pool_sizes[1])), *size)\n',
    ),
    Mutant(
        "strips exchanged [SP-3]",
        'columns = resample(layer("columns", x2.mean(2, keepdim=True)), *size)',
        'columns = resample(layer("columns", x2.mean(3, keepdim=True).mT).mT, *size)',
    ),
    Mutant(
        "no ReLU after F5",
        'parts = [relu(layer("join_square", square))',
        'parts = [(layer("join_square", square))',
    ),
    Mutant("no ReLU of the sum", "square = relu(", "square = ("),
    Mutant(
        "branches exchanged in the last layer", "torch.cat(parts, 1)", "torch.cat(parts[::-1], 1)"
    ),
    Mutant(
        "both branches of one reduction",
        'relu(layer("reduce_strip", x))',
        'relu(layer("reduce_square", x))',
    ),
    Mutant(
        "corners not aligned",
        'fine = resample(layer("fine", window_means(x1, pool_sizes[0])), *size)',
        'fine = resample(layer("fine", window_means(x1, pool_sizes[0])), *size, half_pixel_rows)',
    ),
    Mutant(
        "no square branch", 'relu(layer("full", x1) + fine + coarse)', 'relu(layer("full", x1))'
    ),
    Mutant("running statistics while training", "t), train)", "t), False)", train=True),
)

SCCONV = (
    Mutant(
        "bilinear, not nearest [SC-1]",
        'if upsampling == "nearest"',
        "if False",
        {"pooling": 2},
    ),
    Mutant(
        "nearest, not bilinear [SC-1]",
        'if upsampling == "nearest"',
        "if True",
        {"upsampling": "bilinear", "pooling": 2},
    ),
    Mutant(
        "bilinear without aligned corners",
        "else linear_rows",
        "else half_pixel_rows",
        {"upsampling": "bilinear", "pooling": 2},
    ),
    Mutant(
        "windows over all of the map [SC-2]",
        "cell_means(x, pooling)",
        "window_means(x, x.shape[3] // pooling)",
    ),
    Mutant("no identity in the gate", "x + resample", "resample"),
    Mutant("gate of the input alone", "x + resample(context, x.shape[2], x.shape[3], rows)", "x"),
    Mutant(
        "gate after K4",
        'layer("after", layer("before", x) * gate, stride)',
        'layer("after", layer("before", x)) * gate',
    ),
    Mutant("gate on the input", 'layer("before", x) * gate', "x * gate"),
    Mutant("ReLU inside", 'layer("before", x) * gate', 'relu(layer("before", x)) * gate'),
    Mutant("K3 for K2", 'layer("context", cell', 'layer("before", cell'),
    Mutant(
        "maximum pooling", "cell_means(x, pooling)", "torch.nn.functional.max_pool2d(x, pooling)"
    ),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant("dilation forgotten", "t, dilation, groups", "t, 1, groups", {"dilation": 2}),
    Mutant("running statistics while training", "step), train", "step), False", train=True),
)

LKA = (
    Mutant("no dilation", "near, dilation=dilation,", "near,"),
    Mutant("dilated by two", "near, dilation=dilation,", "near, dilation=2,"),
    Mutant("convolutions in parallel", '"far", near', '"far", x'),
    Mutant("no pointwise layer", 'pointwise(p, "mix", far)', "far"),
    Mutant("sigmoid [VA-3]", '"y": attention * x', '"y": sigmoid(attention) * x'),
    Mutant("attention returned alone [VA-1]", '"y": attention * x', '"y": attention'),
    Mutant("residual", '"y": attention * x', '"y": attention * x + x'),
    Mutant(
        "softmax over the pixels",
        '"y": attention * x',
        '"y": softmax(attention.flatten(2), 2).reshape(x.shape) * x',
    ),
    Mutant("no near convolution", 'convolution(p, "near", x, groups=channels)', "x"),
    Mutant(
        "kernel transposed",
        'convolution(p, "near", x, groups=channels)',
        'convolution(p, "near", x.mT, groups=channels).mT',
    ),
)

VAN = (
    Mutant("no shortcut [VA-1]", "y = x + ", "y = "),
    Mutant("no GELU", "z = z * (1 + torch.erf(z / 2**0.5)) / 2", ""),
    Mutant("ReLU for GELU", "z * (1 + torch.erf(z / 2**0.5)) / 2", "relu(z)"),
    Mutant(
        "sigmoid approximation of GELU",
        "z * (1 + torch.erf(z / 2**0.5)) / 2",
        "z * sigmoid(1.702 * z)",
    ),
    Mutant("shortcut from the projection [VA-4]", "y = x + ", "y = z + "),
    Mutant("no projection before", 'pointwise(p, "before", x)', "x"),
    Mutant("no projection after", 'pointwise(p, "after", attended["y"])', 'attended["y"]'),
    Mutant("shortcut twice", "y = x + ", "y = 2 * x + "),
)

BAM = (
    Mutant("the paper's sum [BA-2]", 'c * s if fusion == "product" else c + s', "c + s"),
    Mutant(
        "product where the sum is asked [BA-2]",
        'c * s if fusion == "product" else c + s',
        "c * s",
        {"fusion": "sum"},
    ),
    Mutant("left square only [BA-4]", "squeeze(x)", "squeeze(x[..., :5])"),
    Mutant("no residual [BA-5]", "x + x * gate", "x * gate"),
    Mutant(
        "gates joined, not scores",
        'sigmoid(c * s if fusion == "product" else c + s)',
        "sigmoid(c) * sigmoid(s)",
    ),
    Mutant("no ReLU in the bottleneck [BA-5]", "c = relu(batch_norm(", "c = (batch_norm("),
    Mutant(
        "no dilation", 'convolution(p, "spatial.3", s, dilation)', 'convolution(p, "spatial.3", s)'
    ),
    Mutant(
        "dilated by two [BA-8]",
        'convolution(p, "spatial.6", s, dilation)',
        'convolution(p, "spatial.6", s, 2)',
    ),
    Mutant(
        "no BatchNorm in the bottleneck [BA-3]",
        'c = relu(batch_norm(p, "channel.1", pointwise(p, "channel.0", squeeze(x)), train))',
        'c = relu(pointwise(p, "channel.0", squeeze(x)))',
    ),
    Mutant("channel scores only", "sigmoid(c * s", "sigmoid(c"),
    Mutant("pixel scores only", "sigmoid(c * s", "sigmoid(s"),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant(
        "running statistics while training",
        'pointwise(p, "spatial.0", x), train',
        'pointwise(p, "spatial.0", x), False',
        train=True,
    ),
)

CSE = (
    Mutant("maximum in place of mean", "squeeze(x)", "x.amax((2, 3))"),
    Mutant("no ReLU", "relu(", "("),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant(
        "one matrix, no second layer [SS-3]",
        'pointwise(p, "expand", hidden)',
        'torch.einsum("hc,bh->bc", p["reduce.weight"], hidden)',
    ),
    Mutant(
        "second bias forgotten",
        'pointwise(p, "expand", hidden)',
        'torch.einsum("ch,bh->bc", p["expand.weight"], hidden)',
    ),
    Mutant("residual", "x * gate", "x + x * gate"),
)

SSE = (
    Mutant("mean of the channels", 'pointwise(p, "score", x)', "x.mean(1, keepdim=True)"),
    Mutant(
        "bias forgotten", 'pointwise(p, "score", x)', '(pointwise(p, "score", x) - p["score.bias"])'
    ),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant(
        "softmax over the pixels",
        'sigmoid(pointwise(p, "score", x))',
        'softmax(pointwise(p, "score", x).flatten(2), 2).reshape(x[:, :1].shape)',
    ),
    Mutant("residual", "x * gate", "x + x * gate"),
)

SCSE = (
    Mutant("the sum of segmentation_models [SS-1]", 'if fusion == "max"', "if False"),
    Mutant(
        "the maximum where the sum is asked [SS-1]",
        'if fusion == "max"',
        "if True",
        {"fusion": "sum"},
    ),
    Mutant(
        "maximum of the gates [SS-2]",
        "torch.stack((x * c, x * s)).amax(0)",
        "x * torch.maximum(c, s)",
    ),
    Mutant("minimum", ".amax(0)", ".amin(0)"),
    Mutant("mean of the products", "torch.stack((x * c, x * s)).amax(0)", "(x * c + x * s) / 2"),
    Mutant("one gate after the other", "torch.stack((x * c, x * s)).amax(0)", "x * c * s"),
    Mutant("channel gate only", "torch.stack((x * c, x * s)).amax(0)", "x * c"),
    Mutant("pixel gate only", "torch.stack((x * c, x * s)).amax(0)", "x * s"),
    Mutant("no ReLU", "relu(", "("),
)

POLARIZED_PARALLEL = (
    Mutant("released order of the softmax [PS-1]", 'if softmax_order == "paper"', "if False"),
    Mutant(
        "paper's order where the released is asked [PS-1]",
        'if softmax_order == "paper"',
        "if True",
        {"softmax_order": "released"},
    ),
    Mutant(
        "softmax over the pixels of the value [PS-2]",
        "softmax(query, 1), theta)",
        "query, softmax(theta, 2))",
    ),
    Mutant("no softmax of the query", "softmax(query, 1)", "query"),
    Mutant("one after the other [PS-4]", "a * flat + m * flat", "m * (a * flat)"),
    Mutant(
        "means of the pixels, no attention",
        "attention[:, 0])",
        "attention[:, 0] * 0 + 1 / flat.shape[2])",
    ),
    Mutant(
        "attention over the channels",
        'torch.einsum("bhn,bn->bh", value, attention[:, 0])',
        "softmax(value, 1).mean(2)",
    ),
    Mutant(
        "query and value exchanged",
        '"spatial_query", flat).mean(2)',
        '"spatial_value", flat).mean(2)',
    ),
    Mutant("maximum for the query", ".mean(2)", ".amax(2)"),
    Mutant("residual", "(a * flat + m * flat)", "(flat + a * flat + m * flat)"),
    Mutant("no sigmoid of the pixel gate", "m = sigmoid(scores)", "m = (scores)"),
)

POLARIZED_SEQUENTIAL = (
    Mutant("released order of the softmax [PS-2]", 'if softmax_order == "paper"', "if False"),
    Mutant(
        "paper's order where the released is asked [PS-2]",
        'if softmax_order == "paper"',
        "if True",
        {"softmax_order": "released"},
    ),
    Mutant(
        "softmax after the product [PS-1]",
        'scores = torch.einsum("bh,bhn->bn", softmax(query, 1), theta)',
        'scores = softmax(torch.einsum("bh,bhn->bn", query, theta), 1)',
    ),
    Mutant("pixel gate sees the input", "z = a * flat\n", "z = flat\n"),
    Mutant("parallel sum [PS-4]", '"y": (m * z)', '"y": (m * flat + z)'),
    Mutant(
        "no LayerNorm [PS-4]",
        'layer_norm(p, "expand.1", pointwise(p, "expand.0", attended))',
        'pointwise(p, "expand.0", attended)',
    ),
    Mutant(
        "ReLU before the LayerNorm",
        'relu(layer_norm(p, "expand.1", pointwise(p, "expand.0", attended)))',
        'layer_norm(p, "expand.1", relu(pointwise(p, "expand.0", attended)))',
    ),
    Mutant("no ReLU", "relu(", "("),
    Mutant(
        "means of the pixels, no attention",
        "attention[:, 0])",
        "attention[:, 0] * 0 + 1 / flat.shape[2])",
    ),
    Mutant(
        "query of the input, not of the scaled map", '"spatial_query", z)', '"spatial_query", flat)'
    ),
    Mutant("no sigmoid of the channel gate", "a = sigmoid(", "a = ("),
)

TRIPLET = (
    Mutant(
        "mean before maximum",
        "(t.amax(1), t.sum(1) / t.shape[1])",
        "(t.sum(1) / t.shape[1], t.amax(1))",
    ),
    Mutant("sum of the branches", "(x * cw + x * hc + x * hw) / 3", "(x * cw + x * hc + x * hw)"),
    Mutant(
        "rotated the other way [TR-2]",
        'gate("channel_column", x.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)',
        'gate("channel_column", x.flip(1).permute(0, 2, 1, 3)).permute(0, 2, 1, 3).flip(1)',
    ),
    Mutant(
        "kernel over channels and rows transposed",
        'gate("row_channel", x.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)',
        'gate("row_channel", x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)',
    ),
    Mutant("the two channel branches exchanged", 'gate("channel_column"', 'gate("row_channel"'),
    Mutant("one kernel for all [TR-5]", 'gate("row_column"', 'gate("channel_column"'),
    Mutant(
        "without the branch of the pixels",
        "(x * cw + x * hc + x * hw) / 3",
        "(x * cw + x * hc) / 2",
    ),
    Mutant("product of the gates", "(x * cw + x * hc + x * hw) / 3", "x * cw * hc * hw"),
    Mutant(
        "no BatchNorm",
        'batch_norm(p, f"{name}.norm", convolution(p, f"{name}.conv", pooled), train)',
        'convolution(p, f"{name}.conv", pooled)',
    ),
    Mutant("no sigmoid", "sigmoid(", "("),
    Mutant("residual", "(x * cw + x * hc + x * hw) / 3", "x + (x * cw + x * hc + x * hw) / 3"),
    Mutant("running statistics while training", "pooled), train)", "pooled), False)", train=True),
)

GC = (
    Mutant(
        "squeeze-and-excitation [GC-1]", 'y = y + maps["added"]', 'y = y * sigmoid(maps["added"])'
    ),
    Mutant("means, no attention [GC-1]", 'if pooling == "attention"', "if False"),
    Mutant(
        "attention where means are asked",
        'if pooling == "attention"',
        'if "score.weight" in p or not p.update({"score.weight": p["add.0.weight"][:1]})',
        {"pooling": "average"},
    ),
    Mutant(
        "no LayerNorm [GC-1]",
        'relu(layer_norm(p, "add.1", pointwise(p, "add.0", context)))',
        'relu(pointwise(p, "add.0", context))',
    ),
    Mutant(
        "ReLU before the LayerNorm",
        'relu(layer_norm(p, "add.1", pointwise(p, "add.0", context)))',
        'layer_norm(p, "add.1", relu(pointwise(p, "add.0", context)))',
    ),
    Mutant("no ReLU", "bottleneck = relu(", "bottleneck = ("),
    Mutant(
        "softmax over the channels",
        'torch.einsum("bcn,bn->bc", flat, attention[:, 0])',
        "softmax(flat, 1).mean(2)",
    ),
    Mutant(
        "sigmoid for the softmax",
        'softmax(pointwise(p, "score", flat), 2)',
        'sigmoid(pointwise(p, "score", flat))',
    ),
    Mutant("no residual", 'y = y + maps["added"]', 'y = 0 * y + maps["added"]'),
    Mutant(
        "gate where addition is asked [GC-5]",
        'y = y + maps["added"]',
        'y = y * sigmoid(maps["added"]) + maps["added"]',
    ),
    Mutant(
        "added first, then multiplied",
        'y = y + maps["added"]',
        'y = y + maps["added"] * maps["gate"]',
        {"fusion": "both"},
    ),
)

COORDINATE = (
    Mutant("sigmoid for the non-linearity [CO-2]", "functions[activation]", "sigmoid"),
    Mutant("ReLU for h-swish [CO-2]", "functions[activation]", "relu"),
    Mutant("swish for h-swish", "functions[activation]", 'functions["silu"]'),
    Mutant("strips exchanged [CO-3]", "f[:, :, :h]", "f[:, :, -h:]"),
    Mutant("expansions exchanged", '"expand_rows", f', '"expand_columns", f'),
    Mutant("sum of the gates", "x * g_rows * g_columns", "x * (g_rows + g_columns)"),
    Mutant("rows only", "x * g_rows * g_columns", "x * g_rows"),
    Mutant("columns only", "x * g_rows * g_columns", "x * g_columns"),
    Mutant(
        "no BatchNorm",
        'batch_norm(p, "norm", pointwise(p, "reduce", strips), train)',
        'pointwise(p, "reduce", strips)',
    ),
    Mutant(
        "own statistics for rows [CO-6]",
        'batch_norm(p, "norm", pointwise(p, "reduce", strips), train)',
        'torch.cat([batch_norm(p, "norm", pointwise(p, "reduce", t), train) for t in (rows, columns)], 2)',
        train=True,
    ),
    Mutant(
        "sums in place of means", 'torch.einsum("bchw->bcw", x) / h', 'torch.einsum("bchw->bcw", x)'
    ),
    Mutant("maximum in place of mean", 'torch.einsum("bchw->bch", x) / w', "x.amax(3)"),
    Mutant("residual", "x * g_rows * g_columns", "x + x * g_rows * g_columns"),
    Mutant("running statistics while training", "strips), train)", "strips), False)", train=True),
)

RGA = (
    Mutant("no pixel gate", 'branches in ("both", "spatial")', 'branches == "spatial"'),
    Mutant("no channel gate", 'branches in ("both", "channel")', 'branches == "channel"'),
    Mutant(
        "channel gate sees the input",
        'relation_gate(p, "channel", y.transpose(1, 2), train)',
        'relation_gate(p, "channel", x.reshape(*x.shape[:2], -1).transpose(1, 2), train)',
    ),
    Mutant("pixel gate squared", "y = y * gate[:, None]", "y = y * gate[:, None] ** 2"),
    Mutant(
        "columns before rows [RG-2]",
        "y = x.reshape(*x.shape[:2], -1)\n",
        "y = x.transpose(2, 3).reshape(*x.shape[:2], -1)\n",
    ),
    Mutant("residual", "y = y * gate[:, :, None]", "y = y + y * gate[:, :, None]"),
    Mutant(
        "relations transposed [RG-1]",
        "maps = {}",
        "maps, relation_gate = {}, wrong_relation_gate('(relations.transpose(1, 2), relations)', '(relations, relations.transpose(1, 2))')",
    ),
    Mutant(
        "no BatchNorm before the sigmoid [RG-1]",
        "maps = {}",
        "maps, relation_gate = {}, wrong_relation_gate('layer(f\"score_{kind}.2\", hidden)', 'pointwise(p, f\"layers.score_{kind}.2.0\", hidden)')",
    ),
    Mutant(
        "no BatchNorm in the embeddings [RG-1]",
        "maps = {}",
        "maps, relation_gate = {}, wrong_relation_gate('layer(f\"own_{kind}\", x)', 'pointwise(p, f\"layers.own_{kind}.0\", x)')",
    ),
    Mutant(
        "no ReLU of theta",
        "maps = {}",
        "maps, relation_gate = {}, wrong_relation_gate('relu(layer(f\"theta_{kind}\", x))', 'layer(f\"theta_{kind}\", x)')",
    ),
    Mutant(
        "own features after the relations",
        "maps = {}",
        "maps, relation_gate = {}, wrong_relation_gate('torch.cat((own, related), 1)', 'torch.cat((related, own), 1)')",
    ),
    Mutant(
        "softmax of the relations",
        "maps = {}",
        "maps, relation_gate = {}, wrong_relation_gate('torch.einsum(\"bei,bej->bij\", theta, phi)', 'softmax(torch.einsum(\"bei,bej->bij\", theta, phi), 2)')",
    ),
    Mutant(
        "theta twice",
        "maps = {}",
        "maps, relation_gate = {}, wrong_relation_gate('relu(layer(f\"phi_{kind}\", x))', 'relu(layer(f\"theta_{kind}\", x))')",
    ),
)

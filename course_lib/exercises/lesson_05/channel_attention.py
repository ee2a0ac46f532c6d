"""Exercise cam-module: the module."""

import math

import torch

from course_lib.checks import Alternate, Exercise, Mutant, Text
from course_lib.exercises.lesson_05.channel_attention_answers import (
    ChannelAttention,
    ModuleBroadcast,
    ModuleUnregistered,
    cam_module,
    module_case,
    released_by_hand,
    released_form,
)
from course_lib.exercises.lesson_05.shared import LARGE, draw_hundredfold, draw_transposed

CAM_MODULE = Exercise(
    id="cam-module",
    kind="implement",
    title=Text("模块", "The module"),
    difficulty=2,
    minutes=7,
    points=4,
    reference=ChannelAttention,
    cases=(
        module_case(Text("默认：代码的形式", "by default, the code's form"), None),
        module_case(Text("`plain=True`：论文的形式", "`plain=True`, the paper's form"), True),
        module_case(Text("转置过的特征图", "a transposed feature map"), False, draw_transposed),
        module_case(Text("双精度", "double precision"), None, dtype=torch.float64),
        module_case(LARGE, None, draw_hundredfold, dtype=torch.float64),
        module_case(
            Text("刚造好的模块，`gamma` 没有动过", "a fresh module, `gamma` as it was made"),
            None,
            initial=True,
        ),
    ),
    mutants=(
        Mutant(
            "always-plain",
            cam_module(attention=lambda self, a: (a @ a.mT).softmax(-1)),
            Text(
                "`plain` 没有作用，总是论文的形式。默认是发布的代码：softmax(−G)。",
                "`plain` has no effect, this is always the paper's form. The default is the "
                "released code: softmax(−G).",
            ),
        ),
        Mutant(
            "always-negated",
            cam_module(attention=lambda self, a: (-a @ a.mT).softmax(-1)),
            Text(
                "`plain` 没有作用，总是代码的形式。`plain=True` 是 softmax(G)。",
                "`plain` has no effect, this is always the code's form. `plain=True` is "
                "softmax(G).",
            ),
        ),
        Mutant(
            "switched",
            cam_module(attention=lambda self, a: (-self.sign * a @ a.mT).softmax(-1)),
            Text(
                "两种形式对调了：`plain=True` 才是 softmax(G)。",
                "The two forms are exchanged: `plain=True` is softmax(G).",
            ),
        ),
        Mutant(
            "transposed",
            cam_module(attention=lambda self, a: (self.sign * a @ a.mT).softmax(-1).mT),
            Text(
                "用的是图的列：softmax 取错了轴，或者相乘时转置了。第 `i` 行才是通道 `i` 的权重。",
                "The columns of the map are used: its softmax runs along the wrong axis, or the "
                "product transposes it. The weights of channel `i` are row `i`.",
            ),
        ),
        Mutant(
            "gamma-left-out",
            cam_module(together=lambda self, mixed, x: mixed + x),
            Text(
                "没有乘 `gamma`。它为零时，输出应当等于输入。",
                "`gamma` multiplies nothing. Where it is zero, the output must equal the input.",
            ),
        ),
        Mutant(
            "positional",
            cam_module(mixture=lambda self, a: a @ (self.sign * a.mT @ a).softmax(-1)),
            Text(
                "这是位置之间的图，形状 `(B, N, N)`：混合的是位置，不是通道。",
                "This is a map between positions, of shape `(B, N, N)`: it mixes positions, not "
                "channels.",
            ),
        ),
        Mutant(
            "minus-outside",
            cam_module(attention=lambda self, a: self.sign * (a @ a.mT).softmax(-1)),
            Text(
                "负号在 softmax 外面：权重还是 softmax(G)，只是变成了减。"
                "默认要的是 softmax(−G)，看的是别的通道。",
                "The minus stands outside the softmax: the weights are still softmax(G), only "
                "subtracted. The default is softmax(−G), which attends to other channels.",
            ),
        ),
        Mutant(
            "overflows",
            cam_module(attention=released_by_hand),
            Text(
                "`exp` 溢出了：特征大时有 nan。这是练习 3 里的错；"
                "PyTorch 的 `softmax` 自己防溢出。",
                "`exp` overflows: large features give nan. That is the bug of exercise 3; "
                "PyTorch's `softmax` guards itself.",
            ),
        ),
        Mutant(
            "gamma-starts-at-one",
            cam_module(start=lambda self, channels: torch.ones(1)),
            Text(
                "`gamma` 从一开始。它应当从零开始，这样新加的模块先不改变网络。",
                "`gamma` starts at one. It is to start at zero, so that a module newly added "
                "leaves the network as it is at first.",
            ),
        ),
        Mutant(
            "gamma-not-registered",
            ModuleUnregistered,
            Text(
                "`gamma` 是普通的张量或数，训练不会动它。用 `nn.Parameter` 包起来，"
                "存成 `self` 的属性。",
                "`gamma` is a plain tensor or number, which no training moves. Wrap it in "
                "`nn.Parameter` and store it as an attribute of `self`.",
            ),
        ),
        Mutant(
            "one-gamma-per-channel",
            cam_module(
                start=lambda self, channels: torch.zeros(channels),
                together=lambda self, mixed, x: self.scale[:, None, None] * mixed + x,
            ),
            Text(
                "每个通道各有一个 `gamma`。这里整个模块只有一个参数。",
                "Every channel has a `gamma` of its own. The whole module has one parameter here.",
            ),
        ),
        Mutant(
            "no-residual",
            cam_module(together=lambda self, mixed, x: self.scale * mixed),
            Text(
                "没有加上输入。`gamma` 从零开始，这样网络一开始什么也传不下去。",
                "The input is not added. `gamma` starts at zero, so at first the network would "
                "pass on nothing.",
            ),
        ),
        Mutant(
            "gamma-before-softmax",
            cam_module(
                attention=lambda self, a: (self.scale * self.sign * a @ a.mT).softmax(-1),
                together=lambda self, mixed, x: mixed + x,
            ),
            Text(
                "`gamma` 乘在了能量上。它应当乘以混合，为零时输出才等于输入。",
                "`gamma` multiplies the energies. It belongs on the mixture, so that at zero the "
                "output equals the input.",
            ),
        ),
        Mutant(
            "divided-by-root",
            cam_module(
                attention=lambda self, a: (self.sign * a @ a.mT / math.sqrt(a.shape[2])).softmax(-1)
            ),
            Text(
                "能量除以了位置个数的平方根。论文与代码都没有这一步。",
                "The energies are divided by the root of the number of positions. Neither paper "
                "nor code does that.",
            ),
        ),
        Mutant(
            "view-only",
            cam_module(flat=lambda self, x: x.view(x.shape[0], x.shape[1], -1)),
            Text(
                "转置过的图用不了 `view`，发布的代码正是在这里出错。换成 `flatten`。",
                "A transposed map cannot take `view`, and the released code fails right here. Use "
                "`flatten`.",
            ),
        ),
    ),
    alternates=(
        Alternate("guarded", cam_module(attention=released_form)),
        Alternate("broadcast", ModuleBroadcast),
        Alternate(
            "one-product",
            cam_module(
                forward=lambda self, x: (
                    x + (self.scale * self.attention(self.flat(x)) @ self.flat(x)).view_as(x)
                )
            ),
        ),
    ),
)

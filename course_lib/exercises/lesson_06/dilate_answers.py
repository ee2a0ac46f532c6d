"""The answers of `dilate`: the reference, right and wrong ones, its cases."""

from collections.abc import Callable
from functools import partial
from itertools import product

from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.checks import Call, Case, Draw, Fresh, Text
from course_lib.networks.resnet import BasicBlock
from course_lib.networks.small_resnet import halving_stage


class DilatedStage(nn.Module):
    """The reference of exercise 3: a stage whose stride is gone, its dilations in its place."""

    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        self.stage = stage
        for layer in stage.modules():
            if isinstance(layer, nn.Conv2d):
                rate = before if layer.stride == (2, 2) else 2 * before
                layer.stride = (1, 1)
                if layer.kernel_size == (3, 3):
                    layer.dilation = layer.padding = (rate, rate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        return self.stage(x)


def stage_mutant(
    rate: Callable[[int, int, bool], int],
    stride: int | None = 1,
    padding: Callable[[int], int] = lambda rate: rate,
) -> type[nn.Module]:
    """Rates from (before, number of the block, whether the stride stood here)."""

    class Stage(nn.Module):
        def __init__(self, stage: nn.Module, before: int) -> None:
            super().__init__()
            self.stage = stage
            for number, block in enumerate(stage):
                for layer in block.modules():
                    if isinstance(layer, nn.Conv2d):
                        r = rate(before, number, layer.stride == (2, 2))
                        if stride:
                            layer.stride = (stride, stride)
                        if layer.kernel_size == (3, 3):
                            layer.dilation, layer.padding = (r, r), (padding(r), padding(r))

        def forward(self, x: Tensor) -> Tensor:
            return self.stage(x)

    return Stage


class EnlargedAfter(nn.Module):
    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.stage(x), x.shape[2:], mode="nearest")


class StageRebuilt(nn.Module):
    """New blocks with the rates, which take over the weights."""

    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        blocks, rates = [], (before, 2 * before)
        for block in stage:
            planes, channels = block.conv1.weight.shape[:2]
            made = BasicBlock(channels, planes, 1, None, rates)
            made.load_state_dict(block.state_dict())
            blocks.append(made)
            rates = (2 * before, 2 * before)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class StageByName(nn.Module):
    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        after = 2 * before
        for name, layer in stage.named_modules():
            if name.endswith(("conv1", "conv2")):
                rate = before if name == "0.conv1" else after
                layer.dilation = layer.padding = (rate, rate)
        stage[0].conv1.stride = stage[0].downsample[0].stride = (1, 1)
        self.layers = stage

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class StageByPhases(nn.Module):
    """The strided stage on every shifted part of the grid, put together again."""

    def __init__(self, stage: nn.Module, before: int) -> None:
        super().__init__()
        self.stage, self.step = stage, before
        for layer in stage.modules():
            if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2):
                layer.stride = (1, 1)
            elif isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                layer.dilation = layer.padding = (2, 2)
        # Train mode would take the statistics of a part only.

    def forward(self, x: Tensor) -> Tensor:
        step = self.step
        parts = [[self.stage(x[:, :, i::step, j::step]) for j in range(step)] for i in range(step)]
        y = x.new_zeros(len(x), parts[0][0].shape[1], *x.shape[2:])
        for i, j in product(range(step), range(step)):
            y[:, :, i::step, j::step] = parts[i][j]
        return y


def stage_case(text: Text, before: int, blocks: int, **options: object) -> Case:
    def make(draw: Draw) -> Call:
        channels, planes = draw.integer(2, 3), draw.integer(4, 5)
        stage = Fresh(
            partial(halving_stage, channels, planes, blocks),
            f"stage({channels} → {planes}, blocks={blocks})",
        )
        x = draw.normal(2, channels, draw.integer(10, 12), draw.integer(13, 15))
        return Call((x,), {"stage": stage, "before": before})

    return Case(text, make, **options)

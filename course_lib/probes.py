"""Probe experiments: the same small network with and without a mechanism, on the same scenes.

Every network of a comparison sees exactly the same scenes in the same order, is initialised from
the same seed and is trained by the same recipe: AdamW, one cycle of the learning rate, fresh scenes
at every step, so that there is nothing to overfit.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.bilingual import Text, show
from course_lib.data import scenes
from course_lib.networks.slot import Slot
from course_lib.networks.small import SmallNetwork

_BATCH = 16
_CHUNK = 25  # steps for which scenes are drawn at once
_TEST_SEED = 999_000
_SHORTENED = Text(
    "这是为评分缩短的运行：网络几乎没有训练，下面的数没有意义。",
    "This run is shortened for grading: the networks are hardly trained, and the numbers below "
    "mean nothing.",
)


@dataclass(frozen=True)
class Contestant:
    """One network of a comparison.

    Attributes:
        mechanism: makes the module in the slot of every block; None leaves the slot empty.
        channels: width of the network.
        blocks: number of residual blocks.
    """

    mechanism: Slot | None = None
    channels: int = 16
    blocks: int = 2

    def build(self, seed: int) -> SmallNetwork:
        """A new network, initialised from the seed."""
        make = self.mechanism or (lambda channels: nn.Identity())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return SmallNetwork(make, self.channels, self.blocks)


@dataclass(frozen=True)
class Comparison:
    """Results of a comparison.

    Attributes:
        accuracy: balanced accuracy in per cent; one row a network, one column a seed.
        parameters: number of parameters of each network.
        networks: the trained networks, by name and seed.
        shortened: whether the experiment was cut short, as it is while a grader runs the notebook.
    """

    accuracy: pd.DataFrame
    parameters: Mapping[str, int]
    networks: Mapping[tuple[str, int], nn.Module]
    shortened: bool = False

    def table(self) -> pd.DataFrame:
        """Parameters, then mean, standard deviation and every seed of the accuracy in per cent."""
        table = self.accuracy.round(1)
        table.insert(0, "std", self.accuracy.std(axis=1, ddof=1).round(1))
        table.insert(0, "mean", self.accuracy.mean(axis=1).round(1))
        table.insert(0, "parameters", pd.Series(self.parameters))
        return table

    def by_network(self) -> dict[str, list[float]]:
        """The accuracies of every network, one number a seed."""
        return {name: list(row) for name, row in self.accuracy.iterrows()}

    def confirm_above(self, name: str, others: Sequence[str]) -> str:
        """A sentence that says that a network beats all the others with every seed.

        Raises:
            AssertionError: if it does not. A shortened run is not judged.
        """
        if self.shortened:
            return "a shortened run is not judged"
        least = self.accuracy.loc[name].min()
        best = self.accuracy.loc[list(others)].max().max()
        if least <= best:
            raise AssertionError(f"{name} has {least:.1f} % with a seed, another has {best:.1f} %")
        return f"{name} is above {' and '.join(others)} with every seed"


def shortened() -> bool:
    """Whether experiments run for a few steps only: nbgrader sets this while it runs a notebook.

    Experiments are not graded, so a grader need not wait for them.
    """
    return "NBGRADER_EXECUTION" in os.environ


def compare(
    rule: str,
    contestants: Mapping[str, Contestant],
    seeds: Sequence[int] = (0, 1, 2),
    steps: int = 500,
    device: torch.device | str = "cpu",
) -> Comparison:
    """Train every contestant on the scenes of a rule, once per seed, and test it on unseen scenes.

    Args:
        rule: one of ``scenes.rules()``.
        contestants: by name.
        seeds: one run per seed; it decides initial parameters and scenes.
        steps: training steps of 16 scenes each.
        device: where to train.

    Raises:
        ValueError: if there is no such rule, no contestant, no seed, or fewer than two steps.
    """
    if rule not in scenes.rules():
        raise ValueError(f"no rule is called {rule!r}; there are: {', '.join(scenes.rules())}")
    if not contestants or not seeds:
        raise ValueError("nothing to compare; give at least one contestant and one seed")
    if steps < 2:
        raise ValueError(f"steps={steps} is too few for a schedule; use at least 2")
    steps = 2 if shortened() else steps
    # Built before any thread starts: initialisation uses torch's global random numbers.
    networks = {(n, s): c.build(s).to(device) for s in seeds for n, c in contestants.items()}

    def run(seed: int) -> list[float]:
        of_seed = [networks[name, seed] for name in contestants]
        _train(of_seed, rule, seed, steps, device)
        test = scenes.make(rule, 64 if shortened() else 384, _TEST_SEED + seed)
        return [
            balanced_accuracy(predict(network.eval(), test.images), test.labels)
            for network in of_seed
        ]

    # Torch lets go of Python's lock in its kernels, so seeds run side by side on several cores.
    with ThreadPoolExecutor(min(len(seeds), os.cpu_count() or 1)) as pool:
        columns = dict(zip(seeds, pool.map(run, seeds), strict=True))
    accuracy = pd.DataFrame(columns, index=list(contestants))
    if shortened():
        show(_SHORTENED)
    parameters = {
        name: sum(p.numel() for p in networks[name, seeds[0]].parameters()) for name in contestants
    }
    return Comparison(accuracy, parameters, networks, shortened())


def _train(
    networks: Sequence[SmallNetwork],
    rule: str,
    seed: int,
    steps: int,
    device: torch.device | str,
) -> None:
    _optimise(networks, _batches(rule, seed, steps), steps, 3e-3, device)


def _optimise(
    networks: Sequence[nn.Module],
    batches: Iterable[tuple[Tensor, Tensor]],
    steps: int,
    learning_rate: float,
    device: torch.device | str,
    rising: float = 0.15,
) -> None:
    """Train all networks on the same batches; the rate rises for that share of the steps."""
    # Fused: one update a step instead of one a parameter.
    optimisers = [
        torch.optim.AdamW(n.parameters(), lr=learning_rate, weight_decay=1e-4, fused=True)
        for n in networks
    ]
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(o, learning_rate, total_steps=steps, pct_start=rising)
        for o in optimisers
    ]
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)
        for network, optimiser, schedule in zip(networks, optimisers, schedules, strict=True):
            loss = F.cross_entropy(network(images), labels, ignore_index=scenes.IGNORE)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def _batches(rule: str, seed: int, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, steps, _CHUNK):
        count = min(_CHUNK, steps - start)
        drawn = scenes.make(rule, count * _BATCH, seed * 100_003 + start)
        yield from zip(drawn.images.split(_BATCH), drawn.labels.split(_BATCH), strict=True)


@torch.no_grad()
def predict(network: nn.Module, images: Tensor) -> Tensor:
    """The class of every cell: (B, 3, 64, 64) -> (B, 16, 16), int64, on the CPU."""
    device = next(network.parameters()).device
    parts = [network(part.to(device)).argmax(1).cpu() for part in images.split(64)]
    return torch.cat(parts)


def balanced_accuracy(predicted: Tensor, labels: Tensor) -> float:
    """Mean over the classes of the share of right cells, in per cent; labels of 255 do not count.

    Args:
        predicted: class of every cell, any shape.
        labels: class of every cell, same shape.

    Raises:
        ValueError: if the shapes differ or no cell has a label.
    """
    if predicted.shape != labels.shape:
        raise ValueError(
            f"predicted {tuple(predicted.shape)} and labels {tuple(labels.shape)} differ in shape"
        )
    classes = labels[labels != scenes.IGNORE].unique()
    if not len(classes):
        raise ValueError("no cell has a label, so there is no accuracy; give scenes with labels")
    shares = [(predicted[labels == c] == c).double().mean().item() for c in classes]
    return 100 * sum(shares) / len(shares)


def compare_classifiers(
    contestants: Mapping[str, Callable[[], nn.Module]],
    batches: Callable[[int, int], Iterable[tuple[Tensor, Tensor]]],
    test: Callable[[int], tuple[Tensor, Tensor]],
    seeds: Sequence[int] = (0, 1, 2),
    steps: int = 300,
    learning_rate: float = 4e-3,
) -> Comparison:
    """Train classifiers of whole pictures, each once per seed, and test them on unseen pictures.

    Args:
        contestants: by name, what makes the network; torch's random numbers start from the seed.
        batches: from a seed and a number of steps to so many batches of images and labels.
        test: from a seed to images and labels that no batch holds.
        seeds: one run per seed.
        steps: training steps.
        learning_rate: its greatest value, reached after three tenths of the steps.

    Raises:
        ValueError: if there is no contestant, no seed, or fewer than two steps.
    """
    if not contestants or not seeds:
        raise ValueError("nothing to compare; give at least one contestant and one seed")
    if steps < 2:
        raise ValueError(f"steps={steps} is too few for a schedule; use at least 2")
    steps = 2 if shortened() else steps
    networks = {}
    for seed in seeds:
        for name, build in contestants.items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                networks[name, seed] = build()

    def run(seed: int) -> list[float]:
        of_seed = [networks[name, seed] for name in contestants]
        _optimise(of_seed, batches(seed, steps), steps, learning_rate, "cpu", rising=0.3)
        images, labels = test(seed)
        return [balanced_accuracy(classify(n.eval(), images), labels) for n in of_seed]

    with ThreadPoolExecutor(min(len(seeds), os.cpu_count() or 1)) as pool:
        columns = dict(zip(seeds, pool.map(run, seeds), strict=True))
    if shortened():
        show(_SHORTENED)
    parameters = {
        name: sum(p.numel() for p in networks[name, seeds[0]].parameters()) for name in contestants
    }
    accuracy = pd.DataFrame(columns, index=list(contestants))
    return Comparison(accuracy, parameters, networks, shortened())


@torch.no_grad()
def classify(network: nn.Module, images: Tensor) -> Tensor:
    """The class of every picture: (B, C, H, W) -> (B,), int64."""
    return torch.cat([network(part).argmax(1) for part in images.split(64)])

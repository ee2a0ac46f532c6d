"""Probe experiments: the same small network with and without a mechanism, on the same scenes.

Every network of a comparison sees exactly the same scenes in the same order, is initialised from
the same seed and is trained by the same recipe: AdamW, one cycle of the learning rate, fresh scenes
at every step, so that there is nothing to overfit.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib import attention
from course_lib.bilingual import Text, show
from course_lib.costs import count_parameters
from course_lib.data import scenes
from course_lib.networks.slot import Slot
from course_lib.networks.small import ConvolutionGate, SmallNetwork

_BATCH = 16
_CHUNK = 25  # steps for which scenes are drawn at once
_TEST_SEED = 999_000
_SHORTENED = Text(
    "这是为评分缩短的运行：网络几乎没有训练，下面的数没有意义。",
    "This run is shortened for grading: the networks are hardly trained, and the numbers below "
    "mean nothing.",
)
# Options of the mechanisms for maps of 16 channels and 16×16 cells: bottlenecks that leave some
# width, groups and pools that such a map can hold.
_OPTIONS: Mapping[str, Mapping[str, object]] = {
    "bam": {"reduction": 2},
    "cbam": {"reduction": 1},
    "cbam_channel": {"reduction": 1},
    "coordinate": {"reduction": 2},
    "cse": {"reduction": 1},
    "gc": {"reduction": 1},
    "mpm": {"reduction": 2, "pool_sizes": (8, 4)},
    "pam": {"reduction": 2},
    "residual": {"reduction": 2},
    "rga": {
        "reduction": 2,
        "size": (scenes.BOARD, scenes.BOARD),
        "spatial_reduction": 16,
        "hidden_reduction": 4,
    },
    "scse": {"reduction": 1},
    "se": {"reduction": 1},
    "sge": {"groups": 4},
}
# A classifier's head gives no map, so it has no place in a slot.
_HEADS = {"csra"}


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

    def build(self, seed: int, classes: int = 2) -> SmallNetwork:
        """A new network for so many classes, initialised from the seed."""
        make = self.mechanism or (lambda channels: nn.Identity())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return SmallNetwork(make, self.channels, self.blocks, classes)


@dataclass(frozen=True)
class Comparison:
    """Results of a comparison.

    Attributes:
        accuracy: balanced accuracy in per cent; one row a network, one column a seed.
        parameters: number of parameters of each network.
        networks: the trained networks, by name and seed.
        seconds: seconds of CPU that training took, laid out like the accuracy.
        shortened: whether the experiment was cut short, as it is while a grader runs the notebook.
    """

    accuracy: pd.DataFrame
    parameters: Mapping[str, int]
    networks: Mapping[tuple[str, int], nn.Module]
    seconds: pd.DataFrame
    shortened: bool = False

    def table(self, seconds: bool = False) -> pd.DataFrame:
        """Parameters, then mean, standard deviation and every seed of the accuracy in per cent.

        Args:
            seconds: whether the mean seconds of CPU of a training stand behind. They change from
                run to run, all else does not.
        """
        table = self.accuracy.round(1)
        table.insert(0, "std", self.accuracy.std(axis=1, ddof=1).round(1))
        table.insert(0, "mean", self.accuracy.mean(axis=1).round(1))
        table.insert(0, "parameters", pd.Series(self.parameters))
        if seconds:
            table["seconds"] = self.seconds.mean(axis=1).round(1)
        return table

    def by_network(self) -> dict[str, list[float]]:
        """The accuracies of every network, one number a seed."""
        return {name: list(row) for name, row in self.accuracy.iterrows()}

    def confirm_above(self, name: str, others: Sequence[str] | None = None) -> str:
        """A sentence that says that a network beats all the others with every seed.

        Args:
            name: the network.
            others: those that it beats; None means all others.

        Raises:
            AssertionError: if it does not. A shortened run is not judged.
        """
        if self.shortened:
            return "a shortened run is not judged"
        if others is None:
            others = [other for other in self.accuracy.index if other != name]
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


def mechanisms() -> list[str]:
    """The names of the mechanisms that fit into a slot: all of ``attention`` that give a map."""
    return [name for name in attention.names() if name not in _HEADS]


def fitted(name: str, **options: object) -> Slot:
    """The mechanism of that name, with options that suit maps of 16 channels and 16×16 cells.

    Args:
        name: one of ``mechanisms()``.
        **options: options of ``attention.create`` that replace those or are added.

    Raises:
        ValueError: if there is no such mechanism, it gives no map, or it refuses an option.
    """
    if name in _HEADS:
        raise ValueError(f"{name!r} gives scores and no map; use one of {', '.join(mechanisms())}")
    chosen = {**_OPTIONS.get(name, {}), **options}
    attention.create(name, 16, **chosen)  # refuse now and not when a network is built

    def make(channels: int) -> nn.Module:
        return attention.create(name, channels, **chosen)

    return make


def control(mechanism: Slot) -> Contestant:
    """The control of a mechanism: a 3×3 convolution as gate, in a network with as many parameters.

    It is the narrowest network of 16 channels or more that has at least the parameters of the
    network with the mechanism. What it cannot do is not for lack of parameters or of a gate.
    """
    needed = count_parameters(Contestant(mechanism).build(0))
    channels = 16
    while count_parameters(Contestant(ConvolutionGate, channels).build(0)) < needed:
        channels += 1
    return Contestant(ConvolutionGate, channels)


def with_controls(
    name: str,
    rule: str,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    mechanism: Slot | None = None,
    steps: int | None = None,
    device: torch.device | str = "cpu",
) -> Comparison:
    """Compare a mechanism with the plain network and with its ``control``.

    Args:
        name: one of ``mechanisms()``; with ``mechanism`` given, any name.
        rule: one of ``scenes.rules()``.
        seeds: one run per seed.
        mechanism: makes the module, for one that has no name in ``attention``.
        steps: training steps of 16 scenes each; None takes the steps of the rule.
        device: where to train.

    Returns:
        A comparison with the rows ``name``, ``"plain"`` and ``"conv gate"``.

    Raises:
        ValueError: if there is no such mechanism or rule, the name is that of a control, or as in
            ``compare``.
    """
    if name in ("plain", "conv gate"):
        raise ValueError(f"{name!r} is the name of a control; choose another name")
    make = mechanism or fitted(name)
    contestants = {
        name: Contestant(make),
        "plain": Contestant(),
        "conv gate": control(make),
    }
    return compare(rule, contestants, seeds, steps, device)


def compare(
    rule: str,
    contestants: Mapping[str, Contestant],
    seeds: Sequence[int] = (0, 1, 2),
    steps: int | None = None,
    device: torch.device | str = "cpu",
) -> Comparison:
    """Train every contestant on the scenes of a rule, once per seed, and test it on unseen scenes.

    Args:
        rule: one of ``scenes.rules()``.
        contestants: by name.
        seeds: one run per seed; it decides initial parameters and scenes.
        steps: training steps of 16 scenes each; None takes the steps of the rule.
        device: where to train.

    Raises:
        ValueError: if there is no such rule, no contestant, no seed, or fewer than two steps.
    """
    chosen = scenes.rule_named(rule)
    steps = _steps(contestants, seeds, chosen.steps if steps is None else steps)
    # Built before any thread starts: initialisation uses torch's global random numbers.
    networks = {
        (name, seed): contestant.build(seed, chosen.classes).to(device)
        for seed in seeds
        for name, contestant in contestants.items()
    }

    def run(seed: int) -> tuple[list[float], list[float]]:
        of_seed = [networks[name, seed] for name in contestants]
        seconds = _train(of_seed, rule, seed, steps, device)
        test = scenes.make(rule, 64 if shortened() else 384, _TEST_SEED + seed)
        accuracy = [
            balanced_accuracy(predict(network.eval(), test.images), test.labels)
            for network in of_seed
        ]
        return accuracy, seconds

    return _side_by_side(networks, list(contestants), seeds, run)


def _steps(contestants: Mapping[str, object], seeds: Sequence[int], steps: int) -> int:
    """The steps to train, after a look at what is to be compared."""
    if not contestants or not seeds:
        raise ValueError("nothing to compare; give at least one contestant and one seed")
    if steps < 2:
        raise ValueError(f"steps={steps} is too few for a schedule; use at least 2")
    return 2 if shortened() else steps


def _side_by_side(
    networks: Mapping[tuple[str, int], nn.Module],
    names: Sequence[str],
    seeds: Sequence[int],
    run: Callable[[int], tuple[list[float], list[float]]],
) -> Comparison:
    """Run every seed, which gives accuracy and seconds of each network, and put all together."""
    # Torch lets go of Python's lock in its kernels, so seeds run side by side on several cores. A
    # thread each: with as many as cores, the last of three seeds would leave one of two idle.
    with ThreadPoolExecutor(len(seeds)) as pool:
        runs = list(pool.map(run, seeds))
    accuracy, seconds = (
        pd.DataFrame(dict(zip(seeds, columns, strict=True)), index=list(names))
        for columns in zip(*runs, strict=True)
    )
    if shortened():
        show(_SHORTENED)
    parameters = {name: count_parameters(networks[name, seeds[0]]) for name in names}
    return Comparison(accuracy, parameters, networks, seconds, shortened())


def _train(
    networks: Sequence[SmallNetwork],
    rule: str,
    seed: int,
    steps: int,
    device: torch.device | str,
) -> list[float]:
    return _optimise(networks, _batches(rule, seed, steps), steps, 3e-3, device)


def _optimise(
    networks: Sequence[nn.Module],
    batches: Iterable[tuple[Tensor, Tensor]],
    steps: int,
    learning_rate: float,
    device: torch.device | str,
    rising: float = 0.15,
) -> list[float]:
    """Train in turns on the same batches; the rate rises for that share of the steps.

    Returns:
        The seconds of CPU of each network: those of the thread that trains, which are all of them
        with one thread per operation.
    """
    seconds = [0.0] * len(networks)
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
        trained = zip(networks, optimisers, schedules, strict=True)
        for place, (network, optimiser, schedule) in enumerate(trained):
            start = time.thread_time()
            loss = F.cross_entropy(network(images), labels, ignore_index=scenes.IGNORE)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            seconds[place] += time.thread_time() - start
    return seconds


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
    steps = _steps(contestants, seeds, steps)
    networks = {}
    for seed in seeds:
        for name, build in contestants.items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                networks[name, seed] = build()

    def run(seed: int) -> tuple[list[float], list[float]]:
        of_seed = [networks[name, seed] for name in contestants]
        drawn = batches(seed, steps)
        seconds = _optimise(of_seed, drawn, steps, learning_rate, "cpu", rising=0.3)
        images, labels = test(seed)
        accuracy = [balanced_accuracy(classify(n.eval(), images), labels) for n in of_seed]
        return accuracy, seconds

    return _side_by_side(networks, list(contestants), seeds, run)


@torch.no_grad()
def classify(network: nn.Module, images: Tensor) -> Tensor:
    """The class of every picture: (B, C, H, W) -> (B,), int64."""
    return torch.cat([network(part).argmax(1) for part in images.split(64)])

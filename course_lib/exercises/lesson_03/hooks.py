"""Exercise dual-hooks: hooks: intermediate maps."""

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

from course_lib.checks import Alternate, Call, Case, Draw, Exercise, Mutant, Text
from course_lib.exercises.lesson_03.shared import small_network


def intermediate_maps(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    """The reference of exercise 9: what the submodules called so gave, by name."""
    maps: dict[str, Tensor] = {}
    handles = []
    for name in names:

        def keep(module: nn.Module, inputs: object, output: Tensor, name: str = name) -> None:
            maps[name] = output.clone()

        handles.append(network.get_submodule(name).register_forward_hook(keep))
    try:
        network(x)
    finally:
        for handle in handles:
            handle.remove()
    return maps


def _hook_case(text: Text, names: tuple[str, ...], **options: object) -> Case:
    def make(draw: Draw) -> Call:
        network = small_network(draw, draw.integer(2, 4))
        return Call((network, draw.normal(2, 3, 32, 48), list(names)))

    return Case(text, make, **options)


def _hooked(
    keep: Callable[[dict[str, Tensor], str, tuple[Tensor, ...], Tensor], None],
    find: Callable[[nn.Module, str], nn.Module] = nn.Module.get_submodule,
    run: bool = True,
    tidy: bool = True,
) -> Callable[..., dict[str, Tensor]]:
    """A hook-based answer that differs in what it keeps of a module's inputs and output."""

    def answer(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        maps: dict[str, Tensor] = {}
        handles = [
            find(network, name).register_forward_hook(
                lambda module, inputs, output, name=name: keep(maps, name, inputs, output)
            )
            for name in names
        ]
        if run:
            network(x)
        if tidy:
            for handle in handles:
                handle.remove()
        return maps

    return answer


def _late_name(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    maps: dict[str, Tensor] = {}
    handles = []
    for name in names:
        handles.append(
            network.get_submodule(name).register_forward_hook(
                lambda module, inputs, output: maps.update({name: output.clone()})  # noqa: B023
            )
        )
    network(x)
    for handle in handles:
        handle.remove()
    return maps


def _in_a_list(network: nn.Module, x: Tensor, names: Collection[str]) -> list[Tensor]:
    found = _hooked(lambda maps, name, inputs, output: maps.update({name: output.clone()}))
    return list(found(network, x, names).values())


def _functional(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    """Replaces forward methods instead of registering hooks."""
    maps: dict[str, Tensor] = {}
    for name in names:
        module = network.get_submodule(name)

        def forward(
            value: Tensor, name: str = name, old: Callable[[Tensor], Tensor] = module.forward
        ) -> Tensor:
            output = old(value)
            maps[name] = output + 0
            return output

        module.forward = forward
    network(x)
    for name in names:
        del network.get_submodule(name).forward
    return maps


def _by_named_modules(network: nn.Module, x: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    maps: dict[str, Tensor] = {}
    called = {module: name for name, module in network.named_modules() if name in names}

    def keep(module: nn.Module, inputs: object, output: Tensor) -> None:
        maps[called[module]] = output.clone()

    handles = [module.register_forward_hook(keep) for module in called]
    network.forward(x)
    for handle in handles:
        handle.remove()
    return maps


_STAGES = ("layer1", "layer2", "layer3", "layer4")


DUAL_HOOKS = Exercise(
    id="dual-hooks",
    kind="implement",
    title=Text("看见中间", "Seeing what is between"),
    difficulty=3,
    minutes=8,
    points=3,
    reference=intermediate_maps,
    cases=(
        _hook_case(Text("各个阶段", "the stages"), _STAGES),
        _hook_case(Text("只要一个", "a single one"), ("layer3",)),
        _hook_case(Text("批归一化之后", "behind a batch normalization"), ("bn1", "layer2.0.bn1")),
        _hook_case(
            Text("嵌套的，双精度", "nested ones, double precision"),
            ("layer4.0.conv2", "maxpool"),
            dtype=torch.float64,
        ),
    ),
    mutants=(
        Mutant(
            "changed-later",
            _hooked(lambda maps, name, inputs, output: maps.update({name: output})),
            Text(
                "批归一化之后的那几张图不对，里面没有负数：钩子存下的是同一个张量，后面的"
                "就地 ReLU 又改写了它。存的时候要另留一份，钩子也不要把它返回。",
                "The maps behind a batch normalization are wrong and hold no negative number: the "
                "hook kept the very tensor that the in-place ReLU behind it overwrites. Keep a "
                "tensor of your own, and do not return it from the hook.",
            ),
        ),
        Mutant(
            "inputs-for-outputs",
            _hooked(lambda maps, name, inputs, output: maps.update({name: inputs[0].clone()})),
            Text(
                "存下的是子模块的输入。看钩子的第三个参数。",
                "This keeps what goes into the submodules. Look at the third argument of a hook.",
            ),
        ),
        Mutant(
            "detached",
            _hooked(
                lambda maps, name, inputs, output: maps.update({name: output.detach().clone()})
            ),
            Text(
                "数值对，但没有梯度。若要由中间的图求梯度，就不能 `detach`。",
                "The values are right, but there is no gradient. Whoever wants gradients of a map "
                "in between must not `detach` it.",
            ),
        ),
        Mutant(
            "direct-children-only",
            _hooked(
                lambda maps, name, inputs, output: maps.update({name: output.clone()}), getattr
            ),
            Text(
                "嵌套的名字找不到：`getattr` 不认名字里的点。",
                "Nested names are not found: `getattr` does not understand the dots in a name.",
            ),
        ),
        Mutant(
            "last-name-wins",
            _late_name,
            Text(
                "只有最后一个名字：所有钩子读的是同一个循环变量，而它们运行时循环已经结束。",
                "Only the last name is there: all hooks read the same loop variable, and when they "
                "run the loop is over.",
            ),
        ),
        Mutant(
            "never-run",
            _hooked(
                lambda maps, name, inputs, output: maps.update({name: output.clone()}), run=False
            ),
            Text(
                "钩子登记了，网络却没有运行，所以什么也没存下。",
                "The hooks are registered, but the network never runs, so nothing is kept.",
            ),
        ),
        Mutant(
            "hooks-left",
            _hooked(
                lambda maps, name, inputs, output: maps.update({name: output.clone()}), tidy=False
            ),
            Text(
                "返回的图都对，但钩子还留在 `network` 里：以后每次运行它，都会再调用它们。"
                "登记时得到的句柄有 `remove()`。",
                "All maps are right, but the hooks are still in `network`: every later run calls "
                "them again. The handle that you got for each has a `remove()`.",
            ),
        ),
        Mutant(
            "without-names",
            _in_a_list,
            Text(
                "返回的是列表；要的是按名字的 `dict`。",
                "This returns a list; a `dict` by name is asked for.",
            ),
        ),
    ),
    alternates=(
        Alternate("forward-replaced", _functional),
        Alternate("named-modules", _by_named_modules),
    ),
)

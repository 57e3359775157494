"""The main branch's LoRA (Hu et al., arXiv 2106.09685), for every clip but the first: up · down added to its linear layers' W.

The released code adds the product to the weights before the second clip and subtracts it before a first one, in half precision.
Here the matrices stay beside the weights (peft), so that switching them changes no weight, and sessions share one network.
"""

from collections.abc import Iterable, Mapping

from diffusers import WanTransformer3DModel
from peft import LoraConfig
from torch import Tensor, nn

from spatia_bridge.errors import CorruptWeightsError
from spatia_bridge.generation.spatia_wan.names import LINEARS

_PART = ".lora_A.default.weight"


def add_lora(main: WanTransformer3DModel, rank: int, modules: Iterable[str] = ()) -> list[nn.Parameter]:
    """Put a LoRA that changes nothing yet beside linear layers; its parameters.

    Args:
        modules: names within the main branch; none = all linear layers of its blocks.
    """
    targets = list(modules) or [f"blocks.{n}.{name}" for n in range(len(main.blocks)) for name in LINEARS.values()]
    main.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=targets))
    return [parameter for name, parameter in main.named_parameters() if ".lora_" in name]


def load_lora(main: WanTransformer3DModel, state: Mapping[str, Tensor]) -> None:
    """Put this LoRA beside the layers that it names (our names, see `names`).

    Raises:
        CorruptWeightsError: a matrix has not the shape that its layer and the others' rank ask for.
    """
    modules = [key.removesuffix(_PART) for key in state if key.endswith(_PART)]
    rank = len(state[modules[0] + _PART])
    for module in modules:
        layer = main.get_submodule(module)
        assert isinstance(layer, nn.Linear)
        expected = {"A": (rank, layer.in_features), "B": (layer.out_features, rank)}
        for part, shape in expected.items():
            found = tuple(state[f"{module}.lora_{part}.default.weight"].shape)
            if found != shape:
                raise CorruptWeightsError(
                    f"the LoRA's {part} at {module} is {found}, not {shape}",
                    "give the files of Jinjing713/Spatia as they were published",
                )
    add_lora(main, rank, modules)
    main.load_state_dict(dict(state), strict=False)
    for name, parameter in main.named_parameters():
        if ".lora_" in name:
            parameter.requires_grad_(False)


def lora_state(main: WanTransformer3DModel) -> dict[str, Tensor]:
    """The LoRA's matrices by our names."""
    return {name: value for name, value in main.state_dict().items() if ".lora_" in name}


def has_lora(main: WanTransformer3DModel) -> bool:
    """Whether one lies beside the weights, switched on or not."""
    return bool(getattr(main, "peft_config", None))


def switch_lora(main: WanTransformer3DModel, *, on: bool) -> None:
    """Use it or not; nothing if there is none."""
    if has_lora(main):
        (main.enable_adapters if on else main.disable_adapters)()

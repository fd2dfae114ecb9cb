"""First weights for a training: drawn, from ImageNet, or from a file. Prediction never comes here.

Only safetensors are read, never pickles. Weights must be there for every layer of the encoder, with its shape; what a
file holds beyond that, such as another classifier, is left out.

Source:
    The weights on the Hugging Face hub that timm and segmentation-models-pytorch name for their networks.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gliascope.errors import ConfigError, MachineError, ModelError, counted
from gliascope.models.backbone import Backbone, BackboneSettings, build_features
from gliascope.models.backbone_unet import BackboneUNet, BackboneUNetSettings, build_pyramid
from gliascope.models.deeplabv3plus import DeepLabV3PlusSettings
from gliascope.models.library import LibraryNetwork
from gliascope.settings import Settings

Weights = dict[str, Tensor]


def load_first_weights(network: nn.Module, settings: Settings) -> str:
    """Load first weights into a network that was just built, where its settings name some.

    Args:
        network: What ``settings.build`` returned; changed in place.
        settings: The network's settings.

    Returns:
        Where they come from, in words: ``random``, ``imagenet (timm/resnet50.a1_in1k)``, ``file NAME (sha256 …)``.

    Raises:
        ConfigError: There is no such file.
        ModelError: The file is damaged or does not fit; names and shapes are listed.
        MachineError: ImageNet weights cannot be downloaded.
    """
    if isinstance(network, Backbone) and isinstance(settings, BackboneSettings):
        build = partial(build_features, settings, network.expected[0])
        return "random" if settings.pretrained == "none" else _into_timm(network.features, settings, build)
    if isinstance(network, BackboneUNet) and isinstance(settings, BackboneUNetSettings):
        build = partial(build_pyramid, settings, network.in_channels)
        return "random" if settings.pretrained == "none" else _into_timm(network.features, settings, build)
    if isinstance(network, LibraryNetwork) and isinstance(settings, DeepLabV3PlusSettings):
        return "random" if settings.pretrained == "none" else _into_encoder(network, settings)
    return "random"


def _into_timm(
    features: nn.Module, settings: BackboneSettings | BackboneUNetSettings, build: Callable[..., nn.Module]
) -> str:
    """Load into the part that is timm's; ``build`` makes that part again with timm's own options."""
    import timm

    if settings.pretrained == "imagenet":
        known = timm.get_pretrained_cfg(settings.backbone)
        repository = None if known is None else known.hf_hub_id
        if repository is None:
            cause = f"no ImageNet weights are known for '{settings.backbone}'"
            raise ConfigError(cause, hint="Set network.pretrained = 'none', or to a file.", code="E_BACKBONE")
        file, words = _downloaded(repository), f"imagenet ({repository})"
    else:
        file, words = _found(settings.pretrained)
    given = _read(file)
    own = _part(given, "features.")
    if own:  # of a model folder of ours
        _load(features, own, file)
        return words
    expected = features.state_dict()
    _check(file, missing=[name for name in expected if name not in given], reshaped=[])
    try:  # timm fits the first convolution to the channels and the position embedding to the size
        loading = {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": given}}
        filled = build(**loading).state_dict()
    except RuntimeError as fault:
        reasons = [line.strip() for line in str(fault).splitlines() if line.strip()]
        raise ModelError(f"does not fit: {' '.join(reasons[:4])[:300]}", file=file, code="E_WEIGHTS") from None
    features.load_state_dict(filled)
    return words


def _into_encoder(network: LibraryNetwork, settings: DeepLabV3PlusSettings) -> str:
    from segmentation_models_pytorch import encoders

    if settings.pretrained == "imagenet":
        repository = f"smp-hub/{settings.encoder}.imagenet"
        file, words = _downloaded(repository), f"imagenet ({repository})"
    else:
        file, words = _found(settings.pretrained)
    given = _read(file)
    own = _part(given, "body.encoder.")
    encoder = network.body.get_submodule("encoder")
    if own:  # of a model folder of ours
        _load(encoder, own, file)
        return words
    colored = encoders.get_encoder(settings.encoder, in_channels=3, weights=None)
    _load(colored, given, file)
    colored.set_in_channels(network.in_channels, pretrained=True)
    encoder.load_state_dict(colored.state_dict())
    return words


def _downloaded(repository: str) -> Path:
    """Return the safetensors file of a repository on the hub, kept in the hub's own cache."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, "model.safetensors"))
    except Exception as fault:  # the client raises whatever its transport does
        cause = f"the ImageNet weights '{repository}' cannot be downloaded ({type(fault).__name__})"
        hint = "Set network.pretrained = 'none', or to a safetensors file of them that was brought here."
        raise MachineError(cause, hint=hint, code="E_DOWNLOAD") from fault


def _found(name: str) -> tuple[Path, str]:
    """Return the file that the settings name, and how it is told."""
    file = Path(name).expanduser()
    if not file.is_file():
        raise ConfigError("network.pretrained: there is no such file", file=file, code="E_WEIGHTS")
    return file, f"file {file.name} (sha256 {hashlib.sha256(file.read_bytes()).hexdigest()})"


def _read(file: Path) -> Weights:
    try:
        given = load_file(file, device="cpu")
    except (SafetensorError, OSError) as fault:
        raise ModelError(f"is no readable safetensors file ({fault})", file=file, code="E_WEIGHTS") from None
    wrong = [name for name, value in given.items() if value.is_complex() or not value.float().isfinite().all()]
    if wrong:
        cause = f"holds values that are no finite real numbers, in {counted(len(wrong), 'tensor')} such as '{wrong[0]}'"
        raise ModelError(cause, file=file, hint="Take other weights.", code="E_WEIGHTS")
    return given


def _part(weights: Weights, prefix: str) -> Weights:
    """Return the weights below a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _load(module: nn.Module, given: Weights, file: Path) -> None:
    """Load all weights of a module, which must be there with their shapes."""
    expected = module.state_dict()
    missing = [name for name in expected if name not in given]
    reshaped = [
        f"'{name}' has shape {tuple(given[name].shape)} instead of {tuple(value.shape)}"
        for name, value in expected.items()
        if name in given and given[name].shape != value.shape
    ]
    _check(file, missing=missing, reshaped=reshaped)
    module.load_state_dict({name: given[name] for name in expected})


def _check(file: Path, *, missing: list[str], reshaped: list[str]) -> None:
    faults = [*(f"'{name}' is missing" for name in missing), *reshaped]
    if faults:
        more = f"; and {len(faults) - 6} more" if len(faults) > 6 else ""
        cause = f"does not fit the network: {'; '.join(faults[:6])}{more}"
        raise ModelError(cause, file=file, hint="Take weights of this very network.", code="E_WEIGHTS")

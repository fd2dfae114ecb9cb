"""First weights come from a file or from ImageNet, fit to the last shape, or are refused with a reason."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from segmentation_models_pytorch import encoders
from torch import nn

from gliascope.errors import ConfigError, MachineError, ModelError
from gliascope.models import (
    BackboneSettings,
    CustomCNNSettings,
    DeepLabV3PlusSettings,
    build_network,
    load_first_weights,
)

pytestmark = pytest.mark.train

TINY: dict[str, Any] = {"backbone": "test_resnet", "image": 64, "hidden": 8}


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of a whole timm network, its classifier among them."""
    file = tmp_path_factory.mktemp("weights") / "resnet.safetensors"
    torch.default_generator.manual_seed(5)
    save_file(timm.create_model("test_resnet", num_classes=10).state_dict(), file)
    return file


def same(module: nn.Module, other: nn.Module) -> bool:
    weights = other.state_dict()
    return all(torch.equal(value, weights[name]) for name, value in module.state_dict().items())


def test_random_is_the_default_and_other_families_have_nothing_to_load() -> None:
    settings = BackboneSettings(**TINY)
    network, again = (build_network(settings, 3, 2, seed=1) for _ in range(2))
    assert load_first_weights(network, settings) == "random"
    assert same(network, again)
    assert load_first_weights(CustomCNNSettings().build(3, 4), CustomCNNSettings()) == "random"


def test_a_file_fills_the_features_and_leaves_the_head(resnet: Path) -> None:
    settings = BackboneSettings(**TINY, pretrained=str(resnet))
    network, drawn = (build_network(settings, 3, 2, seed=1) for _ in range(2))
    words = load_first_weights(network, settings)
    assert words.startswith("file resnet.safetensors (sha256 ")
    assert len(words) == len("file resnet.safetensors (sha256 )") + 64
    source = timm.create_model("test_resnet", num_classes=0, checkpoint_path="")
    source.load_state_dict({k: v for k, v in _read(resnet).items() if not k.startswith("fc.")})
    assert same(network.features, source)  # type: ignore[arg-type]
    assert same(network.head, drawn.head)  # type: ignore[arg-type]
    assert not same(network.features, drawn.features)  # type: ignore[arg-type]


def test_one_channel_answers_as_three_equal_ones(resnet: Path) -> None:
    colored, gray = BackboneSettings(**TINY, pretrained=str(resnet)), 0.7 * torch.ones(1, 1, 64, 64)
    answers = []
    for channels in (3, 1):
        network = build_network(colored, channels, 2, seed=1).eval()
        load_first_weights(network, colored)
        answers.append(network.features(gray.expand(1, channels, 64, 64)))  # type: ignore[operator]
    assert torch.allclose(answers[0], answers[1], atol=1e-5)


def test_position_embeddings_are_fit_to_the_size(tmp_path: Path) -> None:
    file = tmp_path / "vit.safetensors"
    save_file(timm.create_model("test_vit", img_size=160).state_dict(), file)
    settings = BackboneSettings(backbone="test_vit", image=64, pretrained=str(file))
    network = build_network(settings, 3, 2, seed=1)
    load_first_weights(network, settings)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 2)


def test_a_trained_model_gives_its_features_to_another_task(tmp_path: Path) -> None:
    trained = build_network(BackboneSettings(**TINY), 1, 4, seed=9)
    save_file(trained.state_dict(), tmp_path / "model.safetensors")
    settings = BackboneSettings(**TINY, pretrained=str(tmp_path / "model.safetensors"))
    network = build_network(settings, 1, 2, seed=1)
    load_first_weights(network, settings)
    assert same(network.features, trained.features)  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [1, 4])
def test_a_file_fills_the_encoder_of_deeplab(channels: int, tmp_path: Path) -> None:
    file = tmp_path / "resnet18.safetensors"
    encoder = encoders.get_encoder("resnet18", weights=None)
    save_file({**encoder.state_dict(), "fc.weight": torch.zeros(1000, 512)}, file)
    settings = DeepLabV3PlusSettings(encoder="resnet18", width=8, pretrained=str(file))
    network = build_network(settings, channels, 1, seed=1)
    assert load_first_weights(network, settings).startswith("file resnet18.safetensors")
    loaded = network.get_submodule("body.encoder").state_dict()
    assert torch.equal(loaded["layer4.0.conv1.weight"], encoder.state_dict()["layer4.0.conv1.weight"])
    total = encoder.state_dict()["conv1.weight"].sum(1)
    if channels != 4:  # repeated red counts twice among four
        assert torch.allclose(loaded["conv1.weight"].sum(1), total, atol=1e-5)


def test_a_trained_segmenter_gives_its_encoder(tmp_path: Path) -> None:
    trained = build_network(DeepLabV3PlusSettings(encoder="resnet18", width=8), 3, 3, seed=9)
    file = tmp_path / "model.safetensors"
    save_file(trained.state_dict(), file)
    settings = DeepLabV3PlusSettings(encoder="resnet18", width=8, pretrained=str(file))
    network = build_network(settings, 3, 1, seed=1)
    load_first_weights(network, settings)
    assert same(network.get_submodule("body.encoder"), trained.get_submodule("body.encoder"))


def test_imagenet_weights_are_fetched_as_safetensors(resnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def fetched(repository: str, name: str) -> str:
        asked.append((repository, name))
        return str(resnet)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetched)
    settings = BackboneSettings(**TINY, pretrained="imagenet")
    network = build_network(settings, 3, 2, seed=1)
    known = timm.get_pretrained_cfg("test_resnet")
    assert known is not None
    repository = str(known.hf_hub_id)
    assert load_first_weights(network, settings) == f"imagenet ({repository})"
    assert asked == [(repository, "model.safetensors")]


@pytest.mark.parametrize(
    "settings",
    [
        BackboneSettings(**TINY, pretrained="imagenet"),
        DeepLabV3PlusSettings(encoder="resnet18", width=8, pretrained="imagenet"),
    ],
    ids=["timm", "smp"],
)
def test_without_a_network_it_says_what_to_do(
    settings: BackboneSettings | DeepLabV3PlusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(repository: str, name: str) -> str:
        raise OSError(f"no way to {repository}/{name}")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    with pytest.raises(
        MachineError, match=r"cannot be downloaded.*pretrained = 'none', or to a safetensors file"
    ) as no:
        load_first_weights(build_network(settings, 3, 2, seed=1), settings)
    assert no.value.code == "E_DOWNLOAD"


def test_a_missing_file_is_named() -> None:
    settings = BackboneSettings(**TINY, pretrained="nowhere.safetensors")
    with pytest.raises(ConfigError, match=r"nowhere\.safetensors: network\.pretrained: there is no such file"):
        load_first_weights(build_network(settings, 3, 2, seed=1), settings)


def test_files_that_do_not_fit_are_refused_with_names(resnet: Path, tmp_path: Path) -> None:
    weights = _read(resnet)
    cases: dict[str, tuple[dict[str, torch.Tensor], str]] = {
        "lacking": ({k: v for k, v in weights.items() if k != "conv1.0.weight"}, "'conv1.0.weight' is missing"),
        "other": ({**weights, "layer1.0.conv1.weight": torch.zeros(2, 3)}, r"layer1\.0\.conv1\.weight"),
        "own": (
            {f"features.{k}": v for k, v in weights.items() if "fc" not in k}
            | {"features.layer1.0.conv1.weight": torch.zeros(2, 3)},
            r"has shape \(2, 3\) instead of",
        ),
    }
    for name, (content, message) in cases.items():
        file = tmp_path / f"{name}.safetensors"
        save_file(content, file)
        settings = BackboneSettings(**TINY, pretrained=str(file))
        with pytest.raises(ModelError, match=message):
            load_first_weights(build_network(settings, 3, 2, seed=1), settings)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1j])
def test_weights_that_are_no_numbers_are_refused(resnet: Path, tmp_path: Path, value: complex) -> None:
    weights = _read(resnet)
    file = tmp_path / "wrong.safetensors"
    save_file({**weights, "conv1.0.weight": torch.full(weights["conv1.0.weight"].shape, value)}, file)
    settings = BackboneSettings(**TINY, pretrained=str(file))
    with pytest.raises(ModelError, match=r"no finite real numbers, in 1 tensor such as 'conv1\.0\.weight'"):
        load_first_weights(build_network(settings, 3, 2, seed=1), settings)


def test_a_pickle_under_another_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    torch.save({"fc.weight": torch.zeros(1)}, file)
    settings = BackboneSettings(**TINY, pretrained=str(file))
    with pytest.raises(ModelError, match="no readable safetensors file"):
        load_first_weights(build_network(settings, 3, 2, seed=1), settings)


def _read(file: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(file)

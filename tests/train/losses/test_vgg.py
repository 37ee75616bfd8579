from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from afgen.errors import WeightsDamagedError, WeightsMismatchError
from afgen.train.losses.vgg import load_vgg19

# torchvision's sequence: 64 64 pool 128 128 pool 256 x4 pool 512 x4 pool 512 x4 pool
PLAN = [64, 64, 0, 128, 128, 0, *[256] * 4, 0, *[512] * 4, 0, *[512] * 4, 0]


def sequence() -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = 3
    for channels in PLAN:
        if channels:
            layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
            inputs = channels
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def published(theirs: nn.Sequential) -> dict[str, Tensor]:
    """The weights as the public file has them, its classifier told by one entry."""
    weights = {f"features.{name}": value for name, value in theirs.state_dict().items()}
    return {**weights, "classifier.0.bias": torch.zeros(3)}


@pytest.fixture(scope="module")
def theirs() -> nn.Sequential:
    torch.manual_seed(0)
    return sequence().eval()


def test_maps_are_those_of_the_public_network(theirs: nn.Sequential, tmp_path: Path) -> None:
    torch.save(published(theirs), tmp_path / "vgg19.pth")
    picture = torch.rand(1, 3, 32, 32)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    x = (picture - mean) / deviation
    wanted = []
    with torch.no_grad():
        for number, layer in enumerate(theirs):
            x = layer(x)
            if number in (1, 6, 11, 20, 29):  # relu1_1, 2_1, 3_1, 4_1, 5_1
                wanted.append(x)
        maps = load_vgg19(tmp_path / "vgg19.pth")(picture * 2 - 1)
    for found, expected in zip(maps, wanted, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_nothing_in_it_learns(theirs: nn.Sequential, tmp_path: Path) -> None:
    save_file(published(theirs), tmp_path / "vgg19.safetensors")
    network = load_vgg19(tmp_path / "vgg19.safetensors")
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_another_network_is_refused_by_name(theirs: nn.Sequential, tmp_path: Path) -> None:
    weights = published(theirs)
    del weights["features.28.weight"]
    save_file(weights, tmp_path / "part.safetensors")
    with pytest.raises(WeightsMismatchError, match=r"features\.28\.weight"):
        load_vgg19(tmp_path / "part.safetensors")


def test_undefined_numbers_are_refused(theirs: nn.Sequential, tmp_path: Path) -> None:
    weights = published(theirs)
    weights["features.0.bias"] = torch.full((64,), torch.nan)
    save_file(weights, tmp_path / "bad.safetensors")
    with pytest.raises(WeightsDamagedError, match=r"features\.0\.bias"):
        load_vgg19(tmp_path / "bad.safetensors")

from pathlib import Path

import pytest
import torch
from torch import nn

from afgen.checkpoint import fill, load_checkpoint, save_checkpoint
from afgen.errors import WeightsDamagedError, WeightsMismatchError, WeightsMissingError


def saved(path: Path, *, dtype: torch.dtype | None = None) -> tuple[nn.Linear, str]:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    config, provenance = {"size": 3}, {"licence": "CC0", "steps": 7}
    sha256 = save_checkpoint(
        path, layer.state_dict(), config=config, provenance=provenance, dtype=dtype
    )
    return layer, sha256


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    layer, sha256 = saved(tmp_path / "w.safetensors")
    checkpoint = load_checkpoint(tmp_path / "w.safetensors", sha256=sha256)
    assert checkpoint.config == {"size": 3}
    assert checkpoint.provenance == {"licence": "CC0", "steps": 7}
    assert checkpoint.sha256 == sha256
    other = nn.Linear(3, 2)
    fill(other, checkpoint.tensors)
    assert torch.equal(other.weight, layer.weight)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.safetensors"]


def test_the_same_contents_give_the_same_bytes(tmp_path: Path) -> None:
    assert saved(tmp_path / "a")[1] == saved(tmp_path / "b")[1]


def test_half_precision_fills_a_full_module(tmp_path: Path) -> None:
    layer, _ = saved(tmp_path / "w", dtype=torch.float16)
    other = nn.Linear(3, 2)
    fill(other, load_checkpoint(tmp_path / "w").tensors)
    assert other.weight.dtype == torch.float32
    torch.testing.assert_close(other.weight, layer.weight, atol=1e-3, rtol=0)


def test_missing_changed_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsMissingError):
        load_checkpoint(path)
    saved(path)
    with pytest.raises(WeightsMismatchError, match="SHA-256"):
        load_checkpoint(path, sha256="0" * 64)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(WeightsDamagedError):
        load_checkpoint(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsDamagedError):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("module", "word"),
    [
        (nn.Linear(3, 2, bias=False), "knows no 'bias'"),
        (nn.Linear(4, 2), "'weight' has the shape"),
        (nn.Sequential(nn.Linear(3, 2)), "lack '0.bias'"),
    ],
)
def test_the_entry_that_does_not_fit_is_named(tmp_path: Path, module: nn.Module, word: str) -> None:
    saved(tmp_path / "w")
    with pytest.raises(WeightsMismatchError, match=word):
        fill(module, load_checkpoint(tmp_path / "w").tensors)

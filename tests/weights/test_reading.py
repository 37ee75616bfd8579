"""Files of strangers: what is read, and what is refused with which words."""

import argparse
import io
import os
import pickle
import random
import re
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from afgen.errors import (
    AfgenError,
    EmptyFileError,
    FileMissingError,
    FileUnreadableError,
    WeightsDamagedError,
    WeightsError,
    WeightsMismatchError,
    WeightsUnsafeError,
)
from afgen.weights.reading import read_contents, read_weights, require_finite

WEIGHTS = OrderedDict(a=torch.arange(6.0).view(2, 3), b=torch.tensor([1, 2]))


class RunsCode:
    """Unpickled by Python itself, this would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize("name", ["w.pth", "w.pt", "pytorch_model.bin"])
def test_files_of_torch(tmp_path: Path, name: str, old_format: bool) -> None:
    path = tmp_path / name
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=not old_format)
    read = read_weights(path)
    assert list(read) == ["a", "b"]
    assert torch.equal(read["a"], WEIGHTS["a"])


def test_safetensors_under_any_name(tmp_path: Path) -> None:
    save_file(dict(WEIGHTS), tmp_path / "w.pth")
    assert torch.equal(read_weights(tmp_path / "w.pth")["a"], WEIGHTS["a"])


def test_the_arguments_of_a_trainer_are_no_code(tmp_path: Path) -> None:
    kept = {"gen": WEIGHTS, "args": argparse.Namespace(size=256, lr=0.002)}
    torch.save(kept, tmp_path / "vox.pt")
    assert list(read_weights(tmp_path / "vox.pt", entry="gen")) == ["a", "b"]
    assert read_contents(tmp_path / "vox.pt")["args"].size == 256


@pytest.mark.parametrize("form", ["torch", "old torch", "pickle 2", "pickle 4"])
def test_code_is_never_run(tmp_path: Path, form: str) -> None:
    path, victim = tmp_path / "w.pth", tmp_path / "made"
    contents = {"gen": WEIGHTS, "args": RunsCode(victim)}
    if form.startswith("pickle"):
        path.write_bytes(pickle.dumps(RunsCode(victim), protocol=int(form[-1])))
    else:
        torch.save(contents, path, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(WeightsUnsafeError, match=re.escape(path.name)) as raised:
        read_contents(path)
    assert not victim.exists()
    if form != "pickle 4":  # which is not even looked into
        assert "posix.mkdir" in raised.value.message


def torch_bytes(contents: object = WEIGHTS) -> bytes:
    made = io.BytesIO()
    torch.save(contents, made)
    return made.getvalue()


def zipped(*, compressed: bool) -> bytes:
    made = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("archive/data.pkl" if compressed else "photo.jpg", b"0" * 999)
    return made.getvalue()


NOT_WEIGHTS = {
    "a web page": b"\n<!DOCTYPE html><html><body>Sign in to continue</body></html>",
    "web page": b"<html><head><title>Quota exceeded</title>",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n",
    "an error message": b'{"error": "Access to this model is restricted"}',
    "no checkpoint of any known kind": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "is a zip archive": zipped(compressed=False),
    "compressed": zipped(compressed=True),
    "cut off after 700 bytes": torch_bytes()[:700],
    "cannot be read": (64).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[2',
}


@pytest.mark.parametrize("words", NOT_WEIGHTS)
def test_what_is_no_checkpoint_is_called_by_its_name(tmp_path: Path, words: str) -> None:
    path = tmp_path / "motion_autoencoder.pth"
    path.write_bytes(NOT_WEIGHTS[words])
    with pytest.raises(WeightsDamagedError, match=words) as raised:
        read_weights(path)
    assert "motion_autoencoder.pth" in raised.value.message
    assert raised.value.advice


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("form", ["zip", "old", "safetensors"])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, form: str, share: float) -> None:
    path = tmp_path / "w"
    many = {f"blocks.{i}.weight": torch.full((64, 64), float(i)) for i in range(4)}
    if form == "safetensors":
        save_file(many, path)
    else:
        torch.save(many, path, _use_new_zipfile_serialization=form == "zip")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsDamagedError, match=r"w (is|cannot)"):
        read_weights(path)


@pytest.mark.parametrize("form", ["zip", "old", "safetensors"])
def test_whatever_bytes_are_wrong_the_error_is_one_of_ours(tmp_path: Path, form: str) -> None:
    path, draw = tmp_path / "w", random.Random(form)
    if form == "safetensors":
        save_file(dict(WEIGHTS), path)
    else:
        torch.save(WEIGHTS, path, _use_new_zipfile_serialization=form == "zip")
    good, refused = path.read_bytes(), 0
    for _ in range(100):
        spoiled = bytearray(good)
        for _ in range(draw.randint(1, 6)):
            spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
        path.write_bytes(spoiled)
        try:
            read_weights(path)
        except WeightsError:
            refused += 1
    assert refused > 10  # the others differ in a number only


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"epoch": 7, "model": WEIGHTS}, "holds 'epoch', 'model' instead of weights by name"),
        (torch.zeros(3), "holds a Tensor instead of weights"),
        ({}, "instead of weights"),
        ({7: torch.zeros(1)}, "holds 7 instead of weights by name"),
    ],
)
def test_what_is_there_instead_is_told(tmp_path: Path, contents: object, words: str) -> None:
    torch.save(contents, tmp_path / "w.pth")
    with pytest.raises(WeightsMismatchError, match=re.escape(words)):
        read_weights(tmp_path / "w.pth")


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "vox.pt")
    with pytest.raises(WeightsMismatchError, match="lacks the entry 'gen'; it holds 'a', 'b'"):
        read_weights(tmp_path / "vox.pt", entry="gen")


def test_no_file_no_bytes_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    expected: dict[str, type[AfgenError]] = {
        "none": FileMissingError,
        "empty": EmptyFileError,
        ".": FileUnreadableError,
    }
    for name, kind in expected.items():
        with pytest.raises(kind):
            read_weights(tmp_path / name)


def test_numbers_that_are_none_are_named() -> None:
    require_finite(WEIGHTS, where="w.pth")
    with pytest.raises(WeightsDamagedError, match=r"w\.pth .*'a'"):
        require_finite({"b": WEIGHTS["b"], "a": torch.tensor([0.0, torch.nan])}, where="w.pth")

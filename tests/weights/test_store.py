"""The folder of sets: where it is, what it holds, and changes that happen whole or not at all."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
import torch

from afgen.checkpoint import save_checkpoint
from afgen.errors import (
    OptionError,
    WeightsDamagedError,
    WeightsMismatchError,
    WeightsMissingError,
)
from afgen.weights import store
from afgen.weights.store import Installed, Origin


def install(name: str, *parts: str) -> Installed:
    """A set of one number a part."""
    with store.replacing(name) as fresh:
        sha256 = {
            part: save_checkpoint(
                fresh / f"{part}.safetensors", {"w": torch.ones(1)}, config={}, provenance={}
            )
            for part in parts
        }
        origin = Origin(file="w.pth", sha256="0" * 64, size_bytes=1)
        record = Installed(
            folder=fresh,
            name=name,
            kind="made",
            sha256=sha256,
            source=dict.fromkeys(parts, origin),
            licence="CC0",
            licence_url="",
            notice="",
            imported_at="2026-01-01T00:00:00+00:00",
            tool="a test",
        )
        store.write_record(record, fresh)
    known = store.look_up(name)
    assert known is not None
    return known


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_is_the_users_or_the_platforms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path))
    assert store.store_folder() == tmp_path
    monkeypatch.delenv(store.FOLDER_VARIABLE)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    expected = {
        "linux": ".local/share",
        "darwin": "Library/Application Support",
        "win32": "AppData/Local",
    }
    for platform, data in expected.items():
        monkeypatch.setattr(sys, "platform", platform)
        assert store.store_folder() == tmp_path / data / "afgen" / "weights"


def test_what_is_installed_is_found(weights_folder: Path) -> None:
    assert store.installed() == []
    made = install("lia-vox", "autoencoder")
    assert store.find("lia-vox") == made
    assert [known.name for known in store.installed()] == ["lia-vox"]
    assert made.files == {"autoencoder": weights_folder / "lia-vox" / "autoencoder.safetensors"}
    assert made.size_bytes == made.files["autoencoder"].stat().st_size
    assert names(weights_folder) == ["lia-vox"]


def test_without_weights_the_error_says_how_to_get_them(weights_folder: Path) -> None:
    with pytest.raises(WeightsMissingError) as raised:
        store.find("avatar-forcing")
    assert str(weights_folder) in raised.value.message
    assert "afgen weights import avatar-forcing --autoencoder" in raised.value.advice


def test_an_incomplete_set_is_listed_and_not_used(weights_folder: Path) -> None:
    made = install("avatar-forcing", "generator")
    assert made.lacks == ("autoencoder", "wav2vec2")
    assert store.installed() == [made]
    with pytest.raises(WeightsMissingError, match="lack: autoencoder, wav2vec2"):
        store.find("avatar-forcing")


def test_an_unknown_name_is_refused(weights_folder: Path) -> None:
    for call in (store.find, store.look_up, store.verify, store.remove):
        with pytest.raises(OptionError, match=r"'\.\./other'") as raised:
            call("../other")
        assert "avatar-forcing" in raised.value.advice


def test_verify_finds_what_was_changed_or_lost(weights_folder: Path) -> None:
    made = install("avatar-forcing", "generator", "wav2vec2")
    assert store.verify("avatar-forcing") == made
    data = bytearray(made.files["generator"].read_bytes())
    data[-1] ^= 1
    made.files["generator"].write_bytes(data)
    with pytest.raises(WeightsMismatchError, match=r"generator\.safetensors has the SHA-256") as it:
        store.verify("avatar-forcing")
    assert "import the set again" in it.value.advice
    made.files["generator"].unlink()
    with pytest.raises(WeightsMissingError, match=r"generator\.safetensors"):
        store.verify("avatar-forcing")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "lia-vox"}'])
def test_a_damaged_record_is_told_and_can_be_removed(weights_folder: Path, text: str) -> None:
    install("lia-vox", "autoencoder")
    (weights_folder / "lia-vox" / store.RECORD).write_text(text)
    with pytest.raises(WeightsDamagedError, match=r"set\.json") as raised:
        store.find("lia-vox")
    assert "afgen weights remove lia-vox" in raised.value.advice
    assert store.remove("lia-vox") is None
    assert names(weights_folder) == []


def test_what_is_removed_is_gone(weights_folder: Path) -> None:
    made = install("lia-vox", "autoencoder")
    assert store.remove("lia-vox") == made
    assert store.installed() == []
    with pytest.raises(WeightsMissingError):
        store.remove("lia-vox")


def test_a_failed_change_changes_nothing(weights_folder: Path) -> None:
    made = install("lia-vox", "autoencoder")

    def fail() -> None:
        with store.replacing("lia-vox") as fresh:
            (fresh / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert store.verify("lia-vox") == made
    assert names(weights_folder) == ["lia-vox"]


def test_what_a_killed_import_left_is_swept_away_after_a_day(weights_folder: Path) -> None:
    install("lia-vox", "autoencoder")
    for name, age_s in ((".float.a.new", 90_000), (".float.b.old", 90_000), (".float.c.new", 60)):
        (weights_folder / name).mkdir()
        then = time.time() - age_s
        os.utime(weights_folder / name, (then, then))
    install("lia-vox", "autoencoder")
    assert names(weights_folder) == [".float.c.new", "lia-vox"]


def test_a_record_names_no_place(weights_folder: Path) -> None:
    """So that a folder can be moved or copied to another machine."""
    install("lia-vox", "autoencoder")
    record = (weights_folder / "lia-vox" / store.RECORD).read_text()
    assert str(weights_folder) not in record
    assert json.loads(record)["kind"] == "made"

"""Imports that no command line can show: a full disk, files of the set that are gone."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from afgen.errors import DiskFullError, OptionError, WeightsMismatchError, WeightsMissingError
from afgen.weights import store
from afgen.weights.importing import Given, import_set
from afgen.weights.recipes import ImportOptions
from tests.rule_made import TINY, write_generator, write_wav2vec2

HEADS = ImportOptions(heads=TINY.heads)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_too_small_is_told_before_anything_is_written(
    tmp_path: Path, weights_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_generator(tmp_path / "flow_transformer.pth", TINY)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(DiskFullError, match="0 MB left, and 1 MB"):
        import_set("avatar-forcing", {"generator": Given(path)}, options=HEADS)
    assert list(weights_folder.iterdir()) == []


def test_a_set_that_lost_a_file_is_not_carried_on(tmp_path: Path, weights_folder: Path) -> None:
    wav2vec2 = {"wav2vec2": Given(write_wav2vec2(tmp_path / "w"))}
    known = import_set("avatar-forcing", wav2vec2)
    known.files["wav2vec2"].unlink()
    path = write_generator(tmp_path / "flow_transformer.pth", TINY)
    with pytest.raises(WeightsMissingError, match="is gone") as raised:
        import_set("avatar-forcing", {"generator": Given(path)}, options=HEADS)
    assert "weights remove avatar-forcing" in raised.value.advice
    mended = import_set("avatar-forcing", wav2vec2)
    assert store.verify("avatar-forcing") == mended


def test_progress_is_told_by_the_part(tmp_path: Path, weights_folder: Path) -> None:
    given = {
        "generator": Given(write_generator(tmp_path / "flow_transformer.pth", TINY)),
        "wav2vec2": Given(write_wav2vec2(tmp_path / "w")),
    }
    told: list[tuple[int, int]] = []
    import_set(
        "avatar-forcing", given, options=HEADS, tell=lambda done, total: told.append((done, total))
    )
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_heads_that_do_not_divide_the_width_are_told(tmp_path: Path, weights_folder: Path) -> None:
    path = write_generator(tmp_path / "flow_transformer.pth", TINY)
    with pytest.raises(WeightsMismatchError, match="64 channels do not split into 3 even heads"):
        import_set("avatar-forcing", {"generator": Given(path)}, options=ImportOptions(heads=3))


def test_unknown_kinds_and_parts_are_refused(tmp_path: Path, weights_folder: Path) -> None:
    with pytest.raises(OptionError, match="'sd15'"):
        import_set("sd15", {"unet": Given(tmp_path)})
    with pytest.raises(OptionError, match="nothing to import") as raised:
        import_set("lia", {"generator": Given(tmp_path)})
    assert "autoencoder" in raised.value.advice
    assert not weights_folder.exists()

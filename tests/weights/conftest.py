"""A store of a test's own."""

from pathlib import Path

import pytest

from afgen.weights.store import FOLDER_VARIABLE


@pytest.fixture
def weights_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder

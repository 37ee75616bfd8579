import subprocess
import sys
from pathlib import Path

import pytest

from workers.scratch import remove_abandoned, scratch


def test_a_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), scratch(tmp_path) as folder:
        (folder / "file").touch()
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_lives_is_not(tmp_path: Path) -> None:
    killed = (
        "import os, signal, sys; from pathlib import Path; from workers.scratch import scratch\n"
        "with scratch(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", killed, tmp_path], check=False)
    (abandoned,) = tmp_path.iterdir()
    with scratch(tmp_path) as folder:
        remove_abandoned(tmp_path)
        assert list(tmp_path.iterdir()) == [folder]
        assert folder != abandoned

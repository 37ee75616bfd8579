"""Is this installation able to render? One check per thing that may be missing, and its mend."""

import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from afgen.errors import AfgenError
from afgen.media.process import find_ffmpeg
from afgen.presets import PRESETS, verify

REINSTALL = "Run `pip install --force-reinstall afgen` in this environment."
LIBRARIES = {
    "torch": REINSTALL,
    "mediapipe": f"{REINSTALL} It needs Python 3.11 or 3.12.",
    "cv2": "Install libgl1, or `pip install opencv-contrib-python-headless`.",
    "numba": REINSTALL,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `mend` is empty when all is well."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def examine() -> Iterator[Check]:
    """Run every check, in the order in which a render would meet them."""
    yield _python()
    for library, mend in LIBRARIES.items():
        yield _library(library, mend)
    yield _guarded("ffmpeg", _ffmpeg)
    for preset in PRESETS.values():
        yield _guarded(f"weights of {preset.name}", partial(verify, preset))
    yield _room()


def _python() -> Check:
    ok = (3, 11) <= sys.version_info[:2] <= (3, 12)
    mend = "" if ok else "Use Python 3.11 or 3.12."
    return Check("python", ok, f"{platform.python_version()} on {platform.machine()}", mend)


def _library(name: str, mend: str) -> Check:
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError) as error:
        return Check(name, False, str(error).splitlines()[0], mend)
    return Check(name, True, str(getattr(module, "__version__", "")))


def _guarded(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except AfgenError as error:
        return Check(name, False, error.message, error.advice)


def _ffmpeg() -> str:
    path = find_ffmpeg()
    listing = subprocess.run(
        [path, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True
    ).stdout
    missing = [name for name in ("libx264", "aac") if f" {name} " not in listing]
    if missing:
        raise AfgenError(
            f"{path} lacks {', '.join(missing)}",
            hint="Unset AFGEN_FFMPEG to use the bundled ffmpeg, or install a complete one.",
        )
    return str(path)


def _room() -> Check:
    folder = Path(tempfile.gettempdir())
    free_gb = shutil.disk_usage(folder).free / 1e9
    ok = free_gb > 1
    mend = "" if ok else f"Free some space, or set TMPDIR to another disk than {folder}."
    return Check("room", ok, f"{free_gb:.0f} GB free, {os.cpu_count()} cores", mend)

"""Is this installation able to render? One check per thing that may be missing, and its mend.

What is checked is imported by the check itself, so that a broken installation can be examined too.
"""

import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from afgen.errors import AfgenError, FfmpegMissingError

REINSTALL = "Run `pip install --force-reinstall afgen` in this environment."
LIBRARIES = {
    "torch": REINSTALL,
    "mediapipe": f"{REINSTALL} It needs Python 3.11 or 3.12.",
    "cv2": "Install libgl1, or `pip install opencv-contrib-python-headless`.",
    "numba": REINSTALL,
}
FFMPEG_MEND = "Unset AFGEN_FFMPEG to use the bundled ffmpeg, or install a complete one."


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
    yield from _weights()
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
    except ImportError as error:
        return Check(name, False, str(error), "Mend the libraries first.")


def _ffmpeg() -> str:
    path = str(importlib.import_module("afgen.media.process").find_ffmpeg())
    command = [path, "-hide_banner", "-encoders"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise FfmpegMissingError(f"{path} does not run: {error}", hint=FFMPEG_MEND) from error
    missing = [name for name in ("libx264", "aac") if f" {name} " not in ran.stdout]
    if missing:
        raise FfmpegMissingError(f"{path} lacks {', '.join(missing)}.", hint=FFMPEG_MEND)
    return path


def _weights() -> Iterator[Check]:
    try:
        presets = importlib.import_module("afgen.presets")
    except (ImportError, OSError) as error:
        yield Check("weights", False, str(error), "Mend the libraries first.")
        return
    for name, preset in presets.PRESETS.items():
        check = _guarded(f"weights of {name}", partial(_verified, preset))
        optional = not preset.embedded and not presets.describe(preset)["installed"]
        yield replace(check, ok=True, detail="not imported (optional)") if optional else check


def _verified(preset: Any) -> str:
    preset.family.verify()
    return ", ".join(f"{part} {sha[:12]}" for part, sha in preset.family.weights_sha256().items())


def _room() -> Check:
    folder = Path(tempfile.gettempdir())
    free_gb = shutil.disk_usage(folder).free / 1e9
    ok = free_gb > 1
    mend = "" if ok else f"Free some space, or set TMPDIR to another disk than {folder}."
    return Check("room", ok, f"{free_gb:.0f} GB free, {os.cpu_count()} cores", mend)

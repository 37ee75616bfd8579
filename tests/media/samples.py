"""Small recordings made by ffmpeg's own signal sources when a test needs them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afgen.media.decode import iterate_audio
from afgen.media.process import find_ffmpeg

X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
CLAP = "if(lt(mod(t,1),0.01),0.8*sin(2*PI*1000*t),0)"  # 10 ms of tone at each full second
FLASH = "drawbox=color=white:t=fill:enable='lt(mod(t,1),0.06)'"


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg as a user would, to make an input."""
    subprocess.run(
        [find_ffmpeg(), "-y", "-loglevel", "error", *map(str, arguments)],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def picture_source(rate: str = "30", size: str = "64x48", duration_s: float = 4) -> str:
    return f"testsrc=s={size}:r={rate}:d={duration_s}"


def flash_clap(
    path: Path,
    *,
    rate: str = "30",
    sound_rate: int = 44_100,
    duration_s: float = 6,
    encoding: Sequence[str] = (*X264, "-c:a", "aac"),
    late_picture_s: float = 0,
    late_sound_s: float = 0,
    filters: str = "",
) -> Path:
    """A recording that flashes and claps together at every full second of its own clock."""
    picture = f"color=black:s=64x48:r={rate}:d={duration_s},{FLASH}{filters}"
    sound = f"aevalsrc='{CLAP}':s={sound_rate}:d={duration_s}"
    ffmpeg(
        *("-itsoffset", str(late_picture_s), "-f", "lavfi", "-i", picture),
        *("-itsoffset", str(late_sound_s), "-f", "lavfi", "-i", sound),
        *encoding,
        path,
    )
    return path


def flash_times_s(brightness_T: NDArray[np.float64]) -> NDArray[np.float64]:
    """When pictures turn white, on the 25 Hz clock."""
    white = brightness_T > 100
    return np.flatnonzero(white & ~np.concatenate([[False], white[:-1]])) / 25


def clap_times_s(path: Path) -> NDArray[np.float64]:
    """When claps begin, on the 16 kHz clock, found block by block."""
    loud = [np.abs(block_CS[0]) > 0.2 for block_CS in iterate_audio(path)]
    at = np.flatnonzero(np.concatenate(loud)) / 16_000
    return at[np.concatenate([[True], np.diff(at) > 0.25])]

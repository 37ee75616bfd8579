"""Short recordings of the astronaut's face, speaking: no test of preparing needs a corpus."""

from pathlib import Path

import numpy as np

from afgen.data.sources import Source
from afgen.media.encode import encode_video
from tests.data.made import made_voice
from tests.tracks.scenes import astronaut, blue, turns, two_astronauts


def alone(path: Path, frames: int = 50) -> Source:
    """One person who speaks all the time, mouth and voice in step."""
    swing_T = 6 + 5 * np.sin(2 * np.pi * 4 * np.arange(frames) / 25)
    sound_S = made_voice(frames, [(0, frames)])
    encode_video((astronaut(px) for px in swing_T), path, size=(256, 256), sound=sound_S)
    return Source(path.stem, path, path.name)


def together(path: Path, frames: int = 75) -> Source:
    """Two people side by side who speak in turn, one a channel."""
    length_s, half_s = frames / 25, frames / 50
    left_T = turns((0.2, half_s), duration_s=length_s)
    right_T = turns((half_s, length_s), duration_s=length_s)
    half = frames // 2
    sound_CS = np.stack(
        [made_voice(frames, [(5, half)]), made_voice(frames, [(half, frames)], seed=1)]
    )
    encode_video(two_astronauts(left_T, right_T), path, size=(512, 256), sound=sound_CS)
    return Source(path.stem, path, path.name)


def nobody(path: Path, frames: int = 30) -> Source:
    """A wall."""
    wall_HWC = np.full((128, 128, 3), 127, np.uint8)
    encode_video((wall_HWC for _ in range(frames)), path, size=(128, 128))
    return Source(path.stem, path, path.name)


def two_shots(path: Path, frames: int = 60) -> Source:
    """The same person before and after a cut, in another light and from the other side."""
    half = frames // 2
    swing_T = 6 + 5 * np.sin(2 * np.pi * 4 * np.arange(frames) / 25)
    pictures = [astronaut(px) for px in swing_T]
    pictures[half:] = [blue(picture[:, ::-1]) for picture in pictures[half:]]
    encode_video(pictures, path, size=(256, 256), sound=made_voice(frames, [(0, frames)]))
    return Source(path.stem, path, path.name)

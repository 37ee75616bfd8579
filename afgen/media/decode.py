"""Recordings to pictures at 25 Hz and sound at 16 kHz, lazily, on one clock.

Frame n is what the recording shows at n/25 s (the source picture nearest to it), sample k what it
sounds at k/16000 s, both from the recording's time zero; both sides have exactly `MediaInfo.frames`
frames, whatever the source's rates, offsets and gaps.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from afgen.clock import SAMPLE_RATE_HZ, SAMPLES_PER_BLOCK, SAMPLES_PER_FRAME, frames_in, seconds_at
from afgen.errors import CorruptMediaError, OptionError
from afgen.media import arguments
from afgen.media.probe import MediaInfo, VideoStream, probe
from afgen.media.process import Child
from afgen.signals import Floats, Image, Samples, to_samples

_MISSING_FRAMES = 25  # a picture stream may end this much before its packets say so


def decode_video(
    path: Path,
    *,
    start_frame: int = 0,
    end_frame: int | None = None,
    size: tuple[int, int] | None = None,
    info: MediaInfo | None = None,
) -> Iterator[Image]:
    """Upright RGB pictures of frames [start_frame, end_frame), one alive at a time.

    Before the first picture of the source its first one is shown, after the last its last one.

    Args:
        path: a recording with a picture.
        start_frame: first frame on the 25 Hz clock.
        end_frame: one past the last frame; the recording's length by default.
        size: (width, height) to scale to; the recording's own upright size by default.
        info: what `probe` said of the file, to save asking again.

    Returns:
        An iterator of (height, width, 3) uint8. Closing it ends the decoder.

    Raises:
        MediaError: as `probe`, and NoVideoError, before the first picture; CorruptMediaError or
            MediaTimeoutError while iterating.
        OptionError: the range is empty or beyond the recording.
    """
    info = info or probe(path)
    video = info.require_video()
    start, end = _range(start_frame, end_frame, info.frames, "frame")
    return _pictures(info, video, start, end, size or (video.width, video.height))


def decode_audio(
    path: Path,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    info: MediaInfo | None = None,
) -> Floats:
    """The sound in [start_s, end_s) as float32 (channels, S) at 16 kHz in [-1, 1].

    Channels are the source's, unmixed. Where the source has no sound there are zeros.

    Raises:
        MediaError: as `probe`, NoAudioError, CorruptMediaError, MediaTimeoutError.
        OptionError: the range is empty or beyond the recording.
    """
    info = info or probe(path)
    blocks = iterate_audio(path, start_s=start_s, end_s=end_s, info=info)
    return np.concatenate(list(blocks), axis=1)


def decode_samples(
    path: Path,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    info: MediaInfo | None = None,
) -> Samples:
    """`decode_audio` as 16-bit samples: the way to hold a long recording.

    Raises: as `decode_audio`.
    """
    info = info or probe(path)
    start, end = _sample_range(info, start_s, end_s)
    channels = info.require_audio().channels
    samples_CS = np.empty((channels, end - start), np.int16)  # filled in place: one copy at most
    first = 0
    for block_CS in _sound(info, channels, start, end, SAMPLES_PER_BLOCK):
        last = first + block_CS.shape[1]
        samples_CS[:, first:last] = to_samples(block_CS)
        first = last
    return samples_CS


def iterate_audio(
    path: Path,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    block_samples: int = SAMPLES_PER_BLOCK,
    info: MediaInfo | None = None,
) -> Iterator[Floats]:
    """`decode_audio` block by block: arrays (channels, block_samples), the last one shorter."""
    info = info or probe(path)
    start, end = _sample_range(info, start_s, end_s)
    return _sound(info, info.require_audio().channels, start, end, block_samples)


def _sample_range(info: MediaInfo, start_s: float, end_s: float | None) -> tuple[int, int]:
    end = None if end_s is None else round(end_s * SAMPLE_RATE_HZ)
    length = info.frames * SAMPLES_PER_FRAME
    return _range(round(start_s * SAMPLE_RATE_HZ), end, length, "sample")


def _range(start: int, end: int | None, length: int, unit: str) -> tuple[int, int]:
    end = length if end is None else min(end, length)
    if not 0 <= start < end:
        raise OptionError(
            f"The recording has {unit}s 0 to {length}; {start} to {end} is not a part of it."
        )
    return start, end


def _pictures(
    info: MediaInfo, video: VideoStream, start: int, end: int, size: tuple[int, int]
) -> Iterator[Image]:
    # The last picture is shown until the end, so decoding begins before it at the latest.
    first = min(start, max(0, frames_in(video.last_s) - 1))
    picture: Image | None = None
    shown = first
    for picture in _decoded(info, first, size):
        if shown >= start:
            yield picture
        shown += 1
        if shown == end:
            return
    if picture is None or shown < min(end, frames_in(video.end_s)) - _MISSING_FRAMES:
        at_s = seconds_at(shown)
        raise CorruptMediaError(f"{info.path.name}: the picture breaks off at {at_s:.1f} s.")
    for _ in range(max(start, shown), end):
        yield picture.copy()


def _decoded(info: MediaInfo, start: int, size: tuple[int, int]) -> Iterator[Image]:
    """The decoder's pictures from frame `start` to the end of the source."""
    width, height = size
    command = arguments.read_pictures(info.path, info.container, start_frame=start, size=size)
    with Child(command, subject=info.path.name, reads=True) as child:
        while True:
            picture = np.empty((height, width, 3), np.uint8)
            if child.read_into(picture.data.cast("B")) < picture.nbytes:
                break
            yield picture
        child.finish()


def _sound(
    info: MediaInfo, channels: int, start: int, end: int, block_samples: int
) -> Iterator[Floats]:
    command = arguments.read_sound(info.path, info.container, start_sample=start, end_sample=end)
    with Child(command, subject=info.path.name, reads=True) as child:
        for first in range(start, end, block_samples):
            samples = min(block_samples, end - first)
            block_SC = np.zeros((samples, channels), np.float32)
            if child.read_into(block_SC.data.cast("B")) < block_SC.nbytes:
                child.finish()
                raise CorruptMediaError(
                    f"{info.path.name}: the sound breaks off at {first / SAMPLE_RATE_HZ:.1f} s."
                )
            np.nan_to_num(block_SC, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
            yield np.ascontiguousarray(np.clip(block_SC, -1.0, 1.0).T)

"""ffmpeg's argument lists: the only module that knows ffmpeg-python.

Inputs are named `file:...` so that no name is taken for an option or another protocol, the demuxer
is forced, and protocols, demuxers and decoders are whitelisted. All functions are pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg

from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ
from afgen.media.limits import CODECS, CONTAINERS, PROCESS_LIMITS, PROTOCOLS

_PIPE_IN, _PIPE_OUT = "pipe:0", "pipe:1"

# A picture half way between two frames (every second one at 30 fps) goes to the earlier, whatever
# the rounding of its time; Matroska rounds to whole milliseconds.
_TIE_MICROSECONDS = 2000

# Fragmented mp4 files are sought by decoding time, which may lie behind the time of showing.
_SEEK_MARGIN_S = 1.0

# Pictures are read one grey level off at most: rounding them accurately would double the cost.
_TO_RGB_FLAGS = "bicubic"
_TO_YUV_FLAGS = "bicubic+accurate_rnd"


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How the result is encoded. All of it is in the bytes, so a report must hold it."""

    crf: int = 18
    preset: str = "veryfast"
    segment_frames: int = 250
    keyframe_interval_frames: int = 50
    threads: int = 3  # fixed: x264's bytes depend on it
    # 48 kHz keeps the encoder's delay of 1024 samples at 21 ms for players that ignore edit lists.
    audio_rate_hz: int = 48_000
    audio_bitrate_bps: int = 160_000


def probe_packets(path: Path, container: str) -> list[str]:
    """List every packet of the first picture and sound streams, without decoding."""
    source = _open(path, container)
    output = ffmpeg.output(source["V:0?"], source["a:0?"], _PIPE_OUT, c="copy", f="framecrc")
    return _compile(output)


def probe_first_picture(path: Path, container: str) -> list[str]:
    """Decode one picture and describe it, upright."""
    source = _open(path, container)
    return _compile(
        ffmpeg.output(
            source["V:0"],
            _PIPE_OUT,
            f="framecrc",
            pix_fmt="rgb24",
            **{"frames:v": 1, "c:v": "rawvideo"},
        )
    )


def probe_first_sound(path: Path, container: str) -> list[str]:
    """Decode one frame of sound and describe it."""
    source = _open(path, container)
    return _compile(
        ffmpeg.output(source["a:0"], _PIPE_OUT, f="framecrc", **{"frames:a": 1, "c:a": "pcm_s16le"})
    )


def read_pictures(
    path: Path, container: str, *, start_frame: int, size: tuple[int, int]
) -> list[str]:
    """Raw upright RGB pictures of `size` (width, height) on the 25 Hz clock from `start_frame`.

    A source picture goes to the nearest frame: what happens in the source is shown at most 20 ms
    early or late at any source rate, and neither on average. The seek lands on a key frame before
    the start, and the clock filter then holds the picture that is shown at the start, so frames are
    the same from wherever decoding begins.
    """
    start_s = start_frame / FRAME_RATE_HZ
    seek: dict[str, Any] = {"copyts": None, "start_at_zero": None}
    if start_s > _SEEK_MARGIN_S:
        seek |= {"ss": _decimal(start_s - _SEEK_MARGIN_S), "noaccurate_seek": None}
    pictures = (
        _open(path, container, **seek)["V:0"]
        .filter("settb", "AVTB")
        .filter("setpts", f"PTS-{_TIE_MICROSECONDS}")
        .filter("fps", FRAME_RATE_HZ, start_time=_decimal(start_s), round="near", eof_action="pass")
        .filter("scale", *size, flags=_TO_RGB_FLAGS)
    )
    return _compile(ffmpeg.output(pictures, _PIPE_OUT, f="rawvideo", pix_fmt="rgb24"))


def read_sound(path: Path, container: str, *, start_sample: int, end_sample: int) -> list[str]:
    """Interleaved float32 samples [start, end) at 16 kHz from the recording's time zero.

    Gaps and a late start are silence, and silence follows the end.
    """
    sound = _sound_on_clock(_open(path, container)["a:0"], SAMPLE_RATE_HZ, start_sample, end_sample)
    return _compile(ffmpeg.output(sound, _PIPE_OUT, f="f32le", acodec="pcm_f32le"))


def write_segment(path: Path, size: tuple[int, int], settings: EncodeSettings) -> list[str]:
    """Encode raw RGB pictures from standard input into one closed piece of H.264."""
    width, height = size
    pictures = (
        ffmpeg.input(
            _PIPE_IN,
            f="rawvideo",
            pix_fmt="rgb24",
            video_size=size,
            framerate=FRAME_RATE_HZ,
        )
        .filter("crop", width // 2 * 2, height // 2 * 2, 0, 0)
        .filter("scale", out_color_matrix="bt709", out_range="tv", flags=_TO_YUV_FLAGS)
        .filter("format", "yuv420p")
        .filter("setparams", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )
    return _compile(
        ffmpeg.output(
            pictures,
            f"file:{path}",
            f="mp4",
            vcodec="libx264",
            preset=settings.preset,
            crf=settings.crf,
            g=settings.keyframe_interval_frames,
            threads=settings.threads,
            **_DETERMINISTIC,
        ).overwrite_output()
    )


@dataclass(frozen=True, slots=True)
class SoundInput:
    """One source of sound for the result: a file, or samples that come through the pipe."""

    path: Path | None = None
    container: str = "f32le"
    channels: int = 1
    start_s: float = 0.0


def join(
    listing: Path,
    path: Path,
    *,
    sounds: Sequence[SoundInput],
    frames: int,
    settings: EncodeSettings,
) -> list[str]:
    """Join encoded segments without touching their pictures, and add the sound.

    Progress is reported on standard output, since a long recording's sound takes a while.

    Args:
        listing: text file that names the segments in order, for ffmpeg's concat demuxer.
        path: the result.
        sounds: mixed together; at most one of them comes through standard input.
        frames: length of the result, to which the sound is cut or padded.
        settings: rate and bit rate of the sound.
    """
    pictures = ffmpeg.input(f"file:{listing}", f="concat", protocol_whitelist=",".join(PROTOCOLS))
    rate_hz = settings.audio_rate_hz
    streams = [pictures["v:0"]]
    options: dict[str, Any] = {"c:v": "copy", "movflags": "+faststart", **_DETERMINISTIC}
    if sounds:
        streams.append(_mix([_timed_sound(sound, frames, rate_hz) for sound in sounds]))
        options |= {"c:a": "aac", "b:a": settings.audio_bitrate_bps}
    output = ffmpeg.output(*streams, f"file:{path}", f="mp4", **options).overwrite_output()
    return _compile(output.global_args("-progress", _PIPE_OUT))


_DETERMINISTIC: dict[str, Any] = {
    "map_metadata": -1,
    "fflags": "+bitexact",
    "flags": "+bitexact",
}


def _open(path: Path, container: str, **seek: Any) -> Any:
    return ffmpeg.input(
        f"file:{path}",
        f=container,
        protocol_whitelist=",".join(PROTOCOLS),
        format_whitelist=",".join(CONTAINERS),
        codec_whitelist=",".join(CODECS),
        threads=PROCESS_LIMITS.threads,
        # A stream that changes its size midway (calls in a browser do) must not restart the clock.
        reinit_filter=0,
        **seek,
    )


def _timed_sound(sound: SoundInput, frames: int, rate_hz: int) -> Any:
    start = round(sound.start_s * rate_hz)
    end = start + frames * rate_hz // FRAME_RATE_HZ
    if sound.path is not None:
        source = _open(sound.path, sound.container)["a:0"]
    else:
        source = ffmpeg.input(_PIPE_IN, f="f32le", ar=SAMPLE_RATE_HZ, ac=sound.channels)["a:0"]
    layout = "mono" if sound.channels == 1 else "stereo"
    return _sound_on_clock(source, rate_hz, start, end).filter("aformat", channel_layouts=layout)


def _sound_on_clock(stream: Any, rate_hz: int, start_sample: int, end_sample: int) -> Any:
    return (
        stream.filter("aresample", rate_hz, **{"async": 1}, first_pts=0)
        .filter("apad")
        .filter("atrim", start_sample=start_sample, end_sample=end_sample)
        .filter("asetpts", "PTS-STARTPTS")
    )


def _mix(streams: list[Any]) -> Any:
    if len(streams) == 1:
        return streams[0]
    return ffmpeg.filter(streams, "amix", inputs=len(streams), normalize=0)


def _decimal(seconds: float) -> str:
    return f"{seconds:.6f}"


def _compile(output: Any) -> list[str]:
    output = output.global_args(
        "-hide_banner", "-nostdin", "-nostats", "-loglevel", "error",
        "-filter_complex_threads", str(PROCESS_LIMITS.threads),
    )  # fmt: skip
    arguments: list[str] = output.compile()[1:]
    return arguments

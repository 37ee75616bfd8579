"""What is in a recording: measured by demuxing it whole and decoding its first picture and sound.

Headers lie about durations and rates, and ffmpeg's readable banner can be forged by a title, so
neither is read: ffmpeg lists every packet (`framecrc`), which is exact for variable rates and
start offsets, costs no decoding, and finds files that were cut off.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from afgen.clock import frames_in
from afgen.errors import (
    CorruptMediaError,
    MediaTooLargeError,
    NoAudioError,
    NoVideoError,
    UnsupportedMediaError,
)
from afgen.media import arguments
from afgen.media.containers import container_of
from afgen.media.limits import MEDIA_LIMITS, MediaLimits
from afgen.media.process import Child

_LISTING_BYTES = 512 * 2**20
_DESCRIPTION_BYTES = 1 << 20
_NO_TIME = "NOPTS"
# One bad packet in a long call is concealed by the decoder; a missing end is refused.
_CUT_OFF = re.compile(
    r"partial file|moov atom not found|[Ff]ile ended prematurely|error reading header"
)


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The picture stream, as shown: upright and with square pixels."""

    width: int
    height: int
    rate_hz: float  # average over the stream
    frames: int  # packets of the source
    codec: str
    start_s: float  # from the recording's time zero
    last_s: float  # when the last picture appears
    end_s: float


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The sound stream, as decoded."""

    rate_hz: int
    channels: int
    codec: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A recording. Time zero is the start of the stream that starts first."""

    path: Path
    container: str
    duration_s: float  # end of the stream that ends last
    video: VideoStream | None
    audio: AudioStream | None

    @property
    def frames(self) -> int:
        """Length on the 25 Hz clock."""
        return max(1, frames_in(self.duration_s))

    def require_video(self) -> VideoStream:
        """The picture stream. Raises NoVideoError when there is none."""
        if self.video is None:
            raise NoVideoError(f"{self.path.name} has no picture.")
        return self.video

    def require_audio(self) -> AudioStream:
        """The sound stream. Raises NoAudioError when there is none."""
        if self.audio is None:
            raise NoAudioError(f"{self.path.name} has no sound.")
        return self.audio


def probe(path: Path, limits: MediaLimits = MEDIA_LIMITS) -> MediaInfo:
    """Describe the recording at `path`.

    Raises:
        FileMissingError, FileUnreadableError, EmptyFileError, NotMediaError: not a recording.
        UnsupportedMediaError: a container or codec that is not on the whitelist.
        CorruptMediaError: cut off, or without anything that can be decoded.
        MediaTooLargeError: longer, larger or with more channels than `limits` allow.
        MediaTimeoutError: ffmpeg hung.
    """
    container = container_of(path)
    spans = _packets(path, container)
    video = next((span for span in spans if span.kind == "video"), None)
    audio = next((span for span in spans if span.kind == "audio"), None)
    if video is None and audio is None:
        raise CorruptMediaError(f"{path.name} holds neither picture nor sound.")
    info = MediaInfo(
        path=path,
        container=container,
        duration_s=max(span.end_s for span in (video, audio) if span),
        video=_video_stream(path, container, video) if video else None,
        audio=_audio_stream(path, container, audio) if audio else None,
    )
    _require_within(info, limits)
    return info


@dataclass(slots=True)
class _Span:
    """One stream of a packet listing: what it is and the time its packets cover."""

    kind: str = ""
    codec: str = ""
    tick_s: Fraction = Fraction(1)
    packets: int = 0
    first_start: int = 2**63
    end: int = -(2**63)
    last_start: int = -(2**63)

    def add(self, time: int, duration: int) -> None:
        """Count one packet, shown at `time` (before zero it only primes the decoder)."""
        self.packets += 1
        self.first_start = min(self.first_start, time)
        self.last_start = max(self.last_start, time)
        self.end = max(self.end, time + duration)

    @property
    def start_s(self) -> float:
        return float(max(self.first_start, 0) * self.tick_s)

    @property
    def last_s(self) -> float:
        return float(max(self.last_start, 0) * self.tick_s)

    @property
    def end_s(self) -> float:
        return float(self._shown_end * self.tick_s)

    @property
    def _shown_end(self) -> int:
        """End of the last packet, whose own duration some containers do not know."""
        if self.packets > 1 and self.end == self.last_start:
            return self.last_start + (self.last_start - self.first_start) // (self.packets - 1)
        return self.end

    @property
    def rate_hz(self) -> float:
        length_s = float((self.last_start - self.first_start) * self.tick_s)
        return (self.packets - 1) / length_s if length_s > 0 else 0.0


def _packets(path: Path, container: str) -> list[_Span]:
    """The first picture and sound streams that have packets."""
    command = arguments.probe_packets(path, container)
    with Child(command, subject=path.name, reads=True) as child:
        spans = _spans(child.lines(_LISTING_BYTES))
        child.finish()
    if cut := next((line for line in child.complaints if _CUT_OFF.search(line)), None):
        raise CorruptMediaError(f"{path.name} is damaged or cut off ({cut}).")
    return spans


def _spans(listing: Iterable[str]) -> list[_Span]:
    """The streams of a `framecrc` listing that have packets."""
    spans: dict[int, _Span] = {}
    for line in listing:
        if line.startswith("#"):
            _read_header(line, spans)
            continue
        stream, decoded, shown, duration, *_ = (field.strip() for field in line.split(","))
        time = decoded if shown == _NO_TIME else shown
        if time != _NO_TIME:
            spans[int(stream)].add(int(time), int(duration))
    return [span for span in spans.values() if span.packets]


def _read_header(line: str, spans: dict[int, _Span]) -> None:
    match = re.fullmatch(r"#(tb|media_type|codec_id) (\d+): (\S+)", line.strip())
    if not match:
        return
    name, index, value = match.groups()
    span = spans.setdefault(int(index), _Span())
    if name == "tb":
        span.tick_s = Fraction(value)
    elif name == "media_type":
        span.kind = value
    else:
        span.codec = value


def _video_stream(path: Path, container: str, span: _Span) -> VideoStream:
    text = _describe(path, arguments.probe_first_picture(path, container))
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)$", text, re.MULTILINE)
    shape = re.search(r"^#sar 0: (\d+)/(\d+)$", text, re.MULTILINE)
    if not size or not re.search(r"^0,", text, re.MULTILINE):
        raise CorruptMediaError(f"{path.name}: no picture can be decoded.")
    width, height = int(size[1]), int(size[2])
    if shape and int(shape[1]) and int(shape[2]):
        width = max(1, round(width * Fraction(int(shape[1]), int(shape[2]))))
    return VideoStream(
        width=width,
        height=height,
        rate_hz=span.rate_hz,
        frames=span.packets,
        codec=span.codec,
        start_s=span.start_s,
        last_s=span.last_s,
        end_s=span.end_s,
    )


def _audio_stream(path: Path, container: str, span: _Span) -> AudioStream:
    text = _describe(path, arguments.probe_first_sound(path, container))
    rate = re.search(r"^#sample_rate 0: (\d+)$", text, re.MULTILINE)
    first = re.search(r"^0,\s*-?\d+,\s*-?\d+,\s*(\d+),\s*(\d+),", text, re.MULTILINE)
    if not rate or not first or not int(first[1]):
        raise CorruptMediaError(f"{path.name}: no sound can be decoded.")
    return AudioStream(
        rate_hz=int(rate[1]),
        channels=int(first[2]) // (2 * int(first[1])),
        codec=span.codec,
        start_s=span.start_s,
        end_s=span.end_s,
    )


def _describe(path: Path, command: list[str]) -> str:
    with Child(command, subject=path.name, reads=True) as child:
        lines = list(child.lines(_DESCRIPTION_BYTES))
        child.finish()
    return "\n".join(lines)


def _require_within(info: MediaInfo, limits: MediaLimits) -> None:
    name = info.path.name
    if info.duration_s <= 0:
        raise CorruptMediaError(f"{name} lasts no time at all.")
    if info.duration_s > limits.duration_s:
        raise MediaTooLargeError(
            f"{name} lasts {info.duration_s:.0f} s; {limits.duration_s:.0f} is allowed."
        )
    if video := info.video:
        if (
            video.width * video.height > limits.frame_pixels
            or max(video.width, video.height) > limits.frame_side
        ):
            raise MediaTooLargeError(f"{name} has pictures of {video.width}x{video.height} pixels.")
        if video.rate_hz > limits.frame_rate_hz:
            raise MediaTooLargeError(f"{name} has {video.rate_hz:.0f} pictures a second.")
    if audio := info.audio:
        if audio.channels > limits.channels:
            raise MediaTooLargeError(f"{name} has {audio.channels} channels of sound.")
        if not limits.lowest_rate_hz <= audio.rate_hz <= limits.highest_rate_hz:
            raise UnsupportedMediaError(f"{name} has sound at {audio.rate_hz} Hz.")

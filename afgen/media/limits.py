"""What media is accepted, and how much of it: the whitelists and limits, as plain data."""

from dataclasses import dataclass

# Only local bytes: ffmpeg would otherwise follow addresses found inside playlists and headers.
PROTOCOLS = ("file", "pipe")

# Demuxers, forced by name after the magic bytes were read, so ffmpeg never guesses.
CONTAINERS = ("mov", "matroska", "avi", "wav", "flac", "mp3", "ogg")

CODECS = (
    # pictures
    "h264", "hevc", "av1", "libdav1d", "libaom-av1", "vp8", "vp9", "libvpx", "libvpx-vp9",
    "mpeg4", "mpeg2video", "mjpeg", "prores", "dnxhd", "ffv1", "theora", "rawvideo",
    # sound
    "aac", "mp3", "mp3float", "flac", "alac", "opus", "libopus", "vorbis", "libvorbis",
    "ac3", "eac3", "pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le",
    "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_alaw", "pcm_mulaw",
    "adpcm_ima_wav", "adpcm_ms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """How large an input may be."""

    duration_s: float = 4 * 3600.0
    frame_pixels: int = 4096 * 2304  # 4K passes, 8K does not
    frame_side: int = 8192
    frame_rate_hz: float = 480.0
    channels: int = 8
    lowest_rate_hz: int = 4_000
    highest_rate_hz: int = 192_000
    portrait_pixels: int = 64_000_000
    portrait_side: int = 16_384
    portrait_min_side: int = 16
    portrait_bytes: int = 256 * 2**20


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What one ffmpeg child may use.

    `stall_s` bounds the time without any progress while somebody waits for it; a slow consumer
    does not count. The address space must hold the decoder's threads and a 4K picture buffer.
    """

    address_space_bytes: int = 4 * 2**30
    cpu_s: int = 4 * 3600
    file_bytes: int = 64 * 2**30
    stall_s: float = 120.0
    threads: int = 2


MEDIA_LIMITS = MediaLimits()
PROCESS_LIMITS = ProcessLimits()

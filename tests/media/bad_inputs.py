"""Files that cannot be used, each with the code of the error it must end in.

A table for every front end: `write(folder)` makes the file (or the lack of it) and returns its
path. Recordings are given where a conversation is expected, pictures where a portrait is.
"""

import os
import struct
import wave
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from tests.media.samples import X264, ffmpeg, flash_clap, picture_source


@dataclass(frozen=True)
class BadInput:
    """One unusable file: its name tells the story, `code` is the error's."""

    name: str
    code: str
    write: Callable[[Path], object]

    def make(self, folder: Path) -> Path:
        """Write the file into `folder` and return its path."""
        path = folder / self.name
        self.write(path)
        return path

    def __str__(self) -> str:
        return self.name


def _text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


def _bytes(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _leave_out(path: Path) -> None:
    """Nothing is written: the file is missing."""


def _link(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(path.parent / target)


def _picture(*options: str, source: str | None = None) -> Callable[[Path], object]:
    return lambda path: ffmpeg("-f", "lavfi", "-i", source or picture_source(), *options, path)


def _sound(*options: str, source: str = "sine=d=1") -> Callable[[Path], object]:
    return lambda path: ffmpeg("-f", "lavfi", "-i", source, *options, path)


def _cut(part: float, *options: str, ending: str = "mp4") -> Callable[[Path], object]:
    """A recording of which only the first `part` arrived."""

    def write(path: Path) -> None:
        whole = path.with_name(f"whole.{ending}")
        flash_clap(whole, encoding=(*X264, "-c:a", "aac", *options))
        data = whole.read_bytes()
        path.write_bytes(data[: round(len(data) * part)])
        whole.unlink()

    return write


def _scrambled_pictures(path: Path) -> None:
    """The index is whole and every coded picture is noise."""
    ffmpeg("-f", "lavfi", "-i", picture_source(), *X264, path)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = np.random.default_rng(0).integers(0, 256, end - start, np.uint8).tobytes()
    path.write_bytes(data)


def _wav(channels: int = 1, rate: int = 16_000, samples: int = 16_000) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        noise = np.random.default_rng(0).integers(-9000, 9000, samples * channels, np.int16)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(noise.tobytes())

    return write


def _still(width: int = 200, height: int = 200, **options: object) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
        PillowImage.fromarray(noise).save(path, **options)

    return write


def _cut_still(part: float) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        _still()(path)
        data = path.read_bytes()
        path.write_bytes(data[: round(len(data) * part)])

    return write


def _png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _animation(path: Path) -> None:
    frames = [PillowImage.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def _pretend(kind: str, *options: str) -> Callable[[Path], object]:
    """A recording of another kind under a borrowed name."""

    def write(path: Path) -> None:
        honest = path.with_name(f"honest.{kind}")
        ffmpeg("-f", "lavfi", "-i", picture_source(duration_s=1), *options, honest)
        honest.rename(path)

    return write


_PLAYLIST = (
    "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
)
_FTYP = b"\0\0\0\x18ftypisom\0\0\2\0isommp41"

BAD_RECORDINGS = (
    BadInput("missing.mp4", "file_missing", _leave_out),
    BadInput("dangling_link.mp4", "file_missing", _link("gone.mp4")),
    BadInput("link_to_itself.mp4", "file_unreadable", _link("link_to_itself.mp4")),
    BadInput("folder.mp4", "file_unreadable", Path.mkdir),
    BadInput("fifo.mp4", "file_unreadable", os.mkfifo),
    BadInput("device.mp4", "file_unreadable", lambda path: path.symlink_to("/dev/zero")),
    BadInput("empty.mp4", "file_empty", Path.touch),
    BadInput("text.mp4", "not_media", _text("These are my notes of the call.\n")),
    BadInput("web_page.mp4", "not_media", _text("<!doctype html><title>404</title>")),
    BadInput("noise.mp4", "not_media", _bytes(bytes(range(1, 256)) * 100)),
    BadInput("photograph.mp4", "not_media", _still(format="PNG")),
    BadInput("archive.mp4", "not_media", _bytes(b"PK\x03\x04" + bytes(500))),
    BadInput("playlist.mp4", "media_unsupported", _text(_PLAYLIST)),
    BadInput("concat_script.mp4", "media_unsupported", _text("ffconcat version 1.0\nfile a.mp4\n")),
    BadInput("dash_manifest.mp4", "media_unsupported", _text("<?xml version='1.0'?><MPD/>")),
    BadInput("flash.mp4", "media_unsupported", _pretend("flv", "-c:v", "flv")),
    BadInput("gif.mp4", "media_unsupported", _pretend("gif")),
    BadInput("odd_codec.avi", "media_unsupported", _picture("-c:v", "msmpeg4v3")),
    BadInput("odd_sound_codec.mkv", "media_unsupported", _sound("-c:a", "wmav2")),
    BadInput("only_a_header.mp4", "media_corrupt", _bytes(_FTYP)),
    BadInput("header_and_noise.mp4", "media_corrupt", _bytes(_FTYP + bytes(range(256)) * 50)),
    BadInput("cut_off_before_index.mp4", "media_corrupt", _cut(0.7)),
    BadInput("cut_off.mp4", "media_corrupt", _cut(0.7, "-movflags", "+faststart")),
    BadInput("cut_off.mkv", "media_corrupt", _cut(0.6, ending="mkv")),
    BadInput("scrambled.mp4", "media_corrupt", _scrambled_pictures),
    BadInput("no_frames.mp4", "media_corrupt", _picture(*X264, "-t", "0")),
    BadInput("no_frames.wav", "media_corrupt", _wav(samples=0)),
    BadInput("header.wav", "media_corrupt", _bytes(b"RIFF\x24\0\0\0WAVEfmt ")),
    BadInput("tagged_text.mp3", "media_corrupt", _bytes(b"ID3\4\0\0\0\0\0\0" + b"words " * 99)),
    BadInput("header_only.flac", "media_corrupt", _bytes(b"fLaC\0\0\0\x22" + bytes(34))),
    BadInput("8k.mp4", "media_too_large",
             _picture("-c:v", "mjpeg", source="color=s=7680x4320:r=2:d=1")),
    BadInput("strip.avi", "media_too_large",
             _picture("-c:v", "mjpeg", source="color=s=10000x16:r=2:d=1")),
    BadInput("thousand_pictures_a_second.mp4", "media_too_large",
             _picture(*X264, source="color=s=64x64:r=1000:d=0.1")),
    BadInput("years.mkv", "media_too_large",
             _picture("-c:v", "mjpeg", "-vf", "setpts=N*20000/TB", "-fps_mode", "passthrough",
                      source="color=s=64x64:r=1:d=2")),
    BadInput("sixteen_channels.wav", "media_too_large", _wav(channels=16, samples=2000)),
    BadInput("telegraph.wav", "media_unsupported", _wav(rate=1000)),
    BadInput("silence.wav", "audio_silent", _sound(source="anullsrc=d=2")),
)  # fmt: skip

BAD_PORTRAITS = (
    BadInput("missing.jpg", "file_missing", _leave_out),
    BadInput("folder.jpg", "file_unreadable", Path.mkdir),
    BadInput("empty.jpg", "file_empty", Path.touch),
    BadInput("text.jpg", "not_media", _text("This is not a photograph.\n")),
    BadInput("drawing.png", "not_media", _text("<svg xmlns='http://www.w3.org/2000/svg'/>")),
    BadInput("one_pixel.png", "media_too_small", _still(1, 1)),
    BadInput("line.jpg", "media_too_small", _still(500, 2)),
    BadInput("cut_off.jpg", "media_corrupt", _cut_still(0.5)),
    BadInput("cut_off.png", "media_corrupt", _cut_still(0.5)),
    BadInput("cut_off.webp", "media_corrupt", _cut_still(0.5)),
    BadInput("header.jpg", "media_corrupt", _bytes(b"\xff\xd8\xff\xe0")),
    BadInput("wrong_data.png", "media_corrupt", _bytes(_png(64, 64, zlib.compress(b"short")))),
    BadInput("bomb.png", "media_too_large",
             _bytes(_png(50_000, 50_000, zlib.compress(bytes(1 << 20))))),
    BadInput("strip.png", "media_too_large", _bytes(_png(40_000, 16, zlib.compress(b"")))),
    BadInput("animation.webp", "media_unsupported", _animation),
    BadInput("gif.png", "media_unsupported", _still(format="GIF")),
    BadInput("tiff.png", "media_unsupported", _still(format="TIFF")),
    BadInput("bmp.png", "media_unsupported", _still(format="BMP")),
    BadInput("recording.jpg", "media_unsupported", _pretend("mp4", *X264)),
)  # fmt: skip

# Places where no result can be put; `make` returns the path that is asked for.
BAD_PLACES = (
    BadInput("no_such_folder/out.mp4", "output_unwritable", _leave_out),
    BadInput("folder.mp4", "output_unwritable", Path.mkdir),
    BadInput("a_file/out.mp4", "output_unwritable", lambda path: path.parent.touch()),
)

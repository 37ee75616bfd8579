"""What kind of file is this? Told from its first bytes, never from its name."""

import struct
from pathlib import Path

from afgen.errors import CorruptMediaError, NotMediaError, UnsupportedMediaError
from afgen.media.files import require_readable

_HEAD_BYTES = 4096
_ID3_HEADER_BYTES = 10
_MP4_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_MP4_BOXES = _MP4_FIRST_BOXES | {b"moof", b"sidx", b"mfra", b"styp", b"meta", b"uuid", b"udta"}
_BOX_HEADER = struct.Struct(">I4s")
_MOST_BOXES = 200_000  # four hours of fragments; more could only be meant to keep us busy
_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"#EXTM3U", "a playlist"),
    (b"ffconcat", "a concat script"),
    (b"<?xml", "a manifest or drawing"),
    (b"FLV\x01", "a Flash video"),
    (b"0&\xb2u", "a Windows Media file"),
    (b"GIF8", "a GIF"),
    (b"%PDF", "a PDF"),
)


def container_of(path: Path) -> str:
    """Name of the demuxer for the recording at `path`, from its magic bytes.

    Raises:
        FileMissingError, FileUnreadableError, EmptyFileError: from the file system.
        UnsupportedMediaError: a known kind of file that is not accepted.
        CorruptMediaError: an mp4 or mov file that was cut off.
        NotMediaError: anything else.
    """
    require_readable(path)
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if tagged := head[:3] == b"ID3":
            file.seek(_id3_bytes(head))
            head = file.read(_HEAD_BYTES)
    if name := _container(head, tagged=tagged):
        if name == "mov":
            _require_whole_boxes(path)
        return name
    for magic, kind in _REFUSED:
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(magic):
            raise UnsupportedMediaError(f"{path.name} is {kind}, which is not accepted.")
    raise NotMediaError(f"{path.name} is not a recording: its contents are of no known kind.")


def _container(head: bytes, *, tagged: bool) -> str | None:
    if head[4:8] in _MP4_FIRST_BOXES:
        return "mov"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[:4] in {b"RIFF", b"RF64"}:
        return {b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    return "mp3" if tagged or _is_mpeg_audio(head) else None


def _require_whole_boxes(path: Path) -> None:
    """Refuse an mp4 whose index or media reach beyond its end.

    ffmpeg reads as much of a cut-off index as there is, and would lose a whole stream silently.
    """
    length = path.stat().st_size
    start = 0
    with path.open("rb") as file:
        for _ in range(_MOST_BOXES):
            if start + _BOX_HEADER.size > length:
                break
            file.seek(start)
            size, kind = _BOX_HEADER.unpack(file.read(_BOX_HEADER.size))
            if size == 1:
                size = int.from_bytes(file.read(8), "big")
            if kind not in _MP4_BOXES or size < _BOX_HEADER.size:  # padding; 0 means to the end
                return
            start += size
    if start > length:
        raise CorruptMediaError(
            f"{path.name} was cut off: {start - length} bytes of its {kind.decode()} are missing."
        )


def _is_mpeg_audio(head: bytes) -> bool:
    """An MPEG audio frame header: 11 sync bits, layer III, a bit rate and a sample rate."""
    return (
        len(head) >= 4
        and head[0] == 0xFF
        and head[1] & 0xE6 == 0xE2
        and head[2] >> 4 not in {0, 15}
        and (head[2] >> 2) & 3 != 3
    )


def _id3_bytes(head: bytes) -> int:
    """Length of an ID3v2 tag with its header; the size has 7 bits a byte."""
    size = 0
    for byte in head[6:_ID3_HEADER_BYTES]:
        size = size << 7 | byte & 0x7F
    return size + _ID3_HEADER_BYTES

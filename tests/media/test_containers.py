import pytest

from afgen.errors import CorruptMediaError, NotMediaError, UnsupportedMediaError
from afgen.media.containers import container_of


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\0\0\0\x10ftypisom\0\0\2\0", "mov"),
        (b"\0\0\0\x08wide\0\0\0\0mdat", "mov"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "matroska"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "wav"),
        (b"RIFF\x24\0\0\0AVI LIST", "avi"),
        (b"fLaC\0\0\0\x22", "flac"),
        (b"OggS\0\x02", "ogg"),
        (b"\xff\xfb\x90\x64", "mp3"),
        (b"ID3\x04\0\0\0\0\0\x04abcd\xff\xfb\x90\x64", "mp3"),
        (b"ID3\x04\0\0\0\0\0\x04abcdfLaC\0\0", "flac"),
    ],
)
def test_containers_are_told_by_their_first_bytes(tmp_path, head, container):
    path = tmp_path / "named_after_nothing"
    path.write_bytes(head)
    assert container_of(path) == container


@pytest.mark.parametrize("head", [b"plain words", b"RIFF\x24\0\0\0WEBPVP8 ", b"\xff\xff\xff\xff"])
def test_other_bytes_are_no_recording(tmp_path, head):
    path = tmp_path / "call.mp4"
    path.write_bytes(head)
    with pytest.raises(NotMediaError):
        container_of(path)


@pytest.mark.parametrize("head", [b"#EXTM3U\n", b"\xef\xbb\xbf\n#EXTM3U", b"ffconcat version 1.0"])
def test_files_that_name_other_files_are_refused(tmp_path, head):
    path = tmp_path / "call.mp4"
    path.write_bytes(head)
    with pytest.raises(UnsupportedMediaError):
        container_of(path)


@pytest.mark.parametrize(
    ("boxes", "whole"),
    [
        (b"\0\0\0\x0cftypisom\0\0\0\x0cmdatabcd", True),
        (b"\0\0\0\x0cftypisom\0\0\0\x0cmdatabc", False),
        (b"\0\0\0\x0cftypisom\0\0\0\0mdatabc", True),
        (b"\0\0\0\x0cftypisom\0\0\0\1mdat\0\0\0\0\0\0\0\x12ab", True),
        (b"\0\0\0\x0cftypisom\0\0\0\1mdat\0\0\0\0\0\0\0\x13ab", False),
        (b"\0\0\0\x0cftypisomsome padding behind the last box", True),
        (b"\0\0\0\x0cftypisom\0\0\0\x09moov", False),
    ],
)
def test_an_mp4_that_was_cut_off_is_noticed(tmp_path, boxes, whole):
    path = tmp_path / "call.mp4"
    path.write_bytes(boxes)
    if whole:
        assert container_of(path) == "mov"
    else:
        with pytest.raises(CorruptMediaError):
            container_of(path)

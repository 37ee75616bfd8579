from pathlib import Path

import pytest

from afgen.errors import CorruptMediaError, UnsupportedMediaError
from afgen.media import arguments
from afgen.media.arguments import EncodeSettings, SoundInput
from afgen.media.process import Child

NAME = Path("call.mp4")
READERS = {
    "packets": arguments.probe_packets(NAME, "mov"),
    "first picture": arguments.probe_first_picture(NAME, "mov"),
    "first sound": arguments.probe_first_sound(NAME, "mov"),
    "pictures": arguments.read_pictures(NAME, "mov", start_frame=50, size=(64, 48)),
    "sound": arguments.read_sound(NAME, "mov", start_sample=0, end_sample=16_000),
    "join": arguments.join(
        Path("segments.txt"),
        Path("out.mp4"),
        sounds=[SoundInput(path=NAME, container="mov")],
        frames=10,
        settings=EncodeSettings(),
    ),
}


@pytest.mark.parametrize("command", READERS.values(), ids=READERS.keys())
def test_every_file_of_the_users_is_opened_under_whitelists(command):
    before = command[: command.index(f"file:{NAME}")]

    def option(name):
        return before[len(before) - before[::-1].index(name)].split(",")  # the last one

    assert option("-f") == ["mov"]
    assert option("-protocol_whitelist") == ["file", "pipe"]
    assert "hls" not in option("-format_whitelist")
    assert "h264" in option("-codec_whitelist")


@pytest.mark.parametrize("demuxer", ["hls", "concat", "lavfi"])
def test_a_demuxer_that_opens_other_files_is_refused_by_ffmpeg_too(tmp_path, demuxer):
    playlist = tmp_path / "call.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n")
    with (
        Child(arguments.probe_packets(playlist, demuxer), subject="call", reads=True) as child,
        pytest.raises((UnsupportedMediaError, CorruptMediaError)),
    ):
        list(child.lines(1000))
        child.finish()


def test_reading_is_plain_data():
    again = arguments.read_pictures(NAME, "mov", start_frame=50, size=(64, 48))
    assert again == READERS["pictures"]
    assert all(isinstance(argument, str) for argument in again)

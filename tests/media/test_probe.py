import pytest

from afgen.errors import MediaTooLargeError, NoAudioError, NoVideoError
from afgen.media.limits import MediaLimits
from afgen.media.probe import probe
from tests.media.samples import X264, ffmpeg, flash_clap, picture_source


def test_streams_are_measured(tmp_path):
    info = probe(flash_clap(tmp_path / "call.mkv", rate="30", late_sound_s=0.5, duration_s=2))
    video, audio = info.require_video(), info.require_audio()
    assert (video.width, video.height, video.codec, video.frames) == (64, 48, "h264", 60)
    assert video.rate_hz == pytest.approx(30, abs=0.1)
    assert (audio.rate_hz, audio.channels, audio.codec) == (44_100, 1, "aac")
    assert audio.start_s - video.start_s == pytest.approx(0.5, abs=0.03)
    assert info.duration_s == pytest.approx(2.5, abs=0.03)


def test_a_rotated_recording_is_upright(tmp_path):
    plain, turned = tmp_path / "plain.mp4", tmp_path / "turned.mp4"
    ffmpeg("-f", "lavfi", "-i", picture_source(), *X264, plain)
    ffmpeg("-display_rotation", "90", "-i", plain, "-c", "copy", turned)
    video = probe(turned).require_video()
    assert (video.width, video.height) == (48, 64)


def test_pixels_become_square(tmp_path):
    path = tmp_path / "anamorphic.mp4"
    ffmpeg("-f", "lavfi", "-i", picture_source(), "-vf", "setsar=2", *X264, path)
    assert probe(path).require_video().width == 128


def test_cover_art_is_no_picture(tmp_path):
    cover, path = tmp_path / "cover.png", tmp_path / "song.mp3"
    ffmpeg("-f", "lavfi", "-i", picture_source(), "-frames:v", "1", cover)
    ffmpeg(
        "-f", "lavfi", "-i", "sine=d=1", "-i", cover, "-c:v", "copy", "-map", "0", "-map", "1", path
    )
    info = probe(path)
    assert info.video is None
    with pytest.raises(NoVideoError):
        info.require_video()


def test_a_missing_sound_is_said(tmp_path):
    path = tmp_path / "mute.mp4"
    ffmpeg("-f", "lavfi", "-i", picture_source(), *X264, path)
    with pytest.raises(NoAudioError):
        probe(path).require_audio()


def test_a_forged_title_changes_nothing(tmp_path):
    path = tmp_path / "call.mp4"
    title = "title=x\n  Duration: 99:00:00.00\n#dimensions 0: 9999x9999\n0, 0, 0, 9999999, 1, 0x0"
    ffmpeg("-f", "lavfi", "-i", picture_source(duration_s=1), *X264, "-metadata", title, path)
    info = probe(path)
    assert info.duration_s == pytest.approx(1)
    assert info.require_video().width == 64


@pytest.mark.parametrize(
    "limits",
    [
        MediaLimits(duration_s=0.5),
        MediaLimits(frame_pixels=64 * 48 - 1),
        MediaLimits(frame_rate_hz=20),
        MediaLimits(channels=0),
    ],
)
def test_limits_hold(tmp_path, limits):
    path = flash_clap(tmp_path / "call.mp4", duration_s=1)
    with pytest.raises(MediaTooLargeError):
        probe(path, limits)

import weakref
from fractions import Fraction

import numpy as np
import pytest

from afgen.errors import OptionError
from afgen.media.decode import decode_audio, decode_video, iterate_audio
from afgen.media.encode import SoundFile, encode_video
from afgen.media.probe import probe
from tests.media.samples import (
    X264,
    clap_times_s,
    ffmpeg,
    flash_clap,
    flash_times_s,
    picture_source,
)

MKV_VFR = (*X264, "-c:a", "libvorbis", "-fps_mode", "vfr")
DROP_MOST = ",select='eq(mod(n,60),0)+gt(random(1),0.6)'"
SOURCES = {
    "30 fps": {},
    "24 fps, 8 kHz flac": {"rate": "24", "sound_rate": 8000, "encoding": (*X264, "-c:a", "flac")},
    "120 fps, 96 kHz": {"rate": "120", "sound_rate": 96_000},
    "29.97 fps": {"rate": "30000/1001"},
    "variable rate": {"rate": "60", "encoding": MKV_VFR, "filters": DROP_MOST},
    "picture starts late": {"late_picture_s": 0.5},
    "sound starts late": {"late_sound_s": 0.52},
    "10 fps, pcm": {"rate": "10", "encoding": ("-c:v", "mjpeg", "-c:a", "pcm_s16le")},
}
QUICK = {"29.97 fps", "variable rate", "picture starts late"}


def brightness(path):
    return np.array([image_HWC.mean() for image_HWC in decode_video(path)])


def copy_through(source, result):
    """Decode and encode again, as a render does."""
    info = probe(source)
    encode_video(decode_video(source), result, size=(64, 48), sound=[SoundFile(info)])
    return result


def first_frames_at(seconds, rate_hz):
    """When the first source picture at or after each time is shown in the source."""
    return np.ceil(seconds * rate_hz - 1e-6) / rate_hz


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(source, id=name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name, source in SOURCES.items()
    ],
)
def test_flash_and_clap_stay_together(tmp_path, source):
    path = flash_clap(tmp_path / "call.mkv", **source)
    result = copy_through(path, tmp_path / "out.mp4")
    flashes_at_s = first_frames_at(np.arange(1, 6), float(Fraction(source.get("rate", "30"))))
    apart_s = flashes_at_s - np.arange(1, 6)
    apart_s += source.get("late_picture_s", 0.0) - source.get("late_sound_s", 0.0)
    for recording in (path, result):
        flashes_s, claps_s = flash_times_s(brightness(recording)), clap_times_s(recording)
        assert len(flashes_s) == len(claps_s) == 6
        assert np.abs(flashes_s[1:] - claps_s[1:] - apart_s).max() <= 0.0205
        assert np.abs(np.diff(claps_s) - 1).max() <= 0.001


@pytest.mark.slow
def test_flash_and_clap_stay_together_for_ten_minutes(tmp_path):
    path = flash_clap(tmp_path / "call.mp4", duration_s=600)
    result = copy_through(path, tmp_path / "out.mp4")
    flashes_s, claps_s = flash_times_s(brightness(result)), clap_times_s(result)
    assert len(flashes_s) == len(claps_s) == 600
    assert np.abs(flashes_s - claps_s).max() <= 0.001
    assert np.abs(claps_s - np.arange(600)).max() <= 0.001


@pytest.mark.parametrize(
    "recording", ["b_frames.mp4", "open_gop.mp4", "fragments.mp4", "variable.mkv"]
)
def test_decoding_from_the_middle_shows_the_same(tmp_path, recording):
    path = tmp_path / recording
    options = {
        "b_frames.mp4": [*X264],
        "open_gop.mp4": [*X264, "-x264-params", "open-gop=1:keyint=25:bframes=4"],
        "fragments.mp4": [*X264, "-g", "30", "-movflags", "frag_keyframe+empty_moov"],
        "variable.mkv": [*X264, "-vf", "select='gt(random(1),0.6)'", "-fps_mode", "vfr"],
    }[recording]
    ffmpeg("-f", "lavfi", "-i", picture_source(rate="30"), *options, path)
    whole = list(decode_video(path))
    for start in (1, 14, 50, 77, len(whole) - 1):
        part = list(decode_video(path, start_frame=start, end_frame=start + 7))
        for offset, image_HWC in enumerate(part):
            assert np.array_equal(image_HWC, whole[start + offset]), f"{start} + {offset}"


def test_a_change_of_size_midway_does_not_restart_the_clock(tmp_path):
    pieces, path = [], tmp_path / "call.mkv"
    for size, colour in (("64x48", "red"), ("96x72", "lime"), ("48x64", "blue")):
        pieces.append(tmp_path / f"{colour}.h264")
        ffmpeg(
            "-f", "lavfi", "-i", f"color={colour}:s={size}:r=25:d=1", *X264, "-bf", "0", pieces[-1]
        )
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    ffmpeg("-f", "h264", "-framerate", "25", "-i", joined, "-c", "copy", path)
    pictures = list(decode_video(path))
    assert len(pictures) == 75
    assert {image_HWC.shape for image_HWC in pictures} == {(48, 64, 3)}
    strongest = [int(image_HWC.mean((0, 1)).argmax()) for image_HWC in pictures]
    assert strongest == [0] * 25 + [1] * 25 + [2] * 25


@pytest.mark.parametrize("name", ["-y.mp4", "a b'c%03d.mp4", "http:x?.mp4", "Gespräch „eins“.mp4"])
def test_names_are_only_names(tmp_path, name):
    path = flash_clap(tmp_path / "call.mp4", duration_s=1).rename(tmp_path / name)
    result = copy_through(path, tmp_path / f"{name}.out.mp4")
    assert probe(result).frames == 25


def test_pictures_and_sound_have_one_length(tmp_path):
    path = tmp_path / "uneven.mp4"
    picture, sound = picture_source(duration_s=1), "sine=d=3.017:r=44100"
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *X264, path)
    info = probe(path)
    pictures = list(decode_video(path))
    assert len(pictures) == info.frames == 75
    assert np.array_equal(pictures[-1], pictures[30])
    assert decode_audio(path).shape == (1, 75 * 640)


def test_pictures_are_decoded_only_when_asked_for(tmp_path):
    path = tmp_path / "call.mp4"
    ffmpeg("-f", "lavfi", "-i", picture_source(duration_s=20), *X264, path)
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0
    for image_HWC in decode_video(path):
        alive.append(weakref.ref(image_HWC))
        most = max(most, sum(reference() is not None for reference in alive))
    assert len(alive) == 500
    assert most <= 3


def test_rotation_and_colour_survive(tmp_path):
    plain, turned = tmp_path / "plain.mp4", tmp_path / "turned.mp4"
    red_left = "color=red:s=64x48:d=1,drawbox=x=32:w=32:h=48:color=blue:t=fill"
    ffmpeg("-f", "lavfi", "-i", red_left, *X264, plain)
    ffmpeg("-display_rotation", "90", "-i", plain, "-c", "copy", turned)
    image_HWC = next(iter(decode_video(turned)))
    assert image_HWC.shape == (64, 48, 3)
    low, high = image_HWC[50:60].mean((0, 1)), image_HWC[4:14].mean((0, 1))
    assert low[0] > 200  # counter-clockwise: what was left is below
    assert high[2] > 200


@pytest.mark.parametrize(
    "options",
    [
        ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
        ("-c:v", "libx264", "-pix_fmt", "yuv444p", "-vf", "crop=63:47:0:0"),
        ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error",
         "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"),
    ],
    ids=["10 bit", "odd size", "HDR"],
)  # fmt: skip
def test_unusual_pictures_are_decoded(tmp_path, options):
    path = tmp_path / "call.mp4"
    ffmpeg("-f", "lavfi", "-i", picture_source(duration_s=1), *options, path)
    video = probe(path).require_video()
    pictures = list(decode_video(path))
    assert len(pictures) == 25
    assert pictures[0].shape == (video.height, video.width, 3)
    assert pictures[0].std() > 20


def test_pictures_are_scaled_on_request(tmp_path):
    path = flash_clap(tmp_path / "call.mp4", duration_s=1)
    assert next(iter(decode_video(path, size=(30, 20)))).shape == (20, 30, 3)


def test_channels_are_kept_apart(tmp_path):
    path = tmp_path / "surround.flac"
    ffmpeg(
        *("-f", "lavfi", "-i", "anoisesrc=d=1:r=96000:seed=1"),
        *("-filter_complex", "pan=5.1|c0=c0|c1=0*c0|c2=0.5*c0|c3=0*c0|c4=0.1*c0|c5=0*c0"),
        path,
    )
    levels = decode_audio(path).std(axis=1)
    assert levels.shape == (6,)
    assert levels[[1, 3, 5]].max() == 0
    assert levels[2] / levels[0] == pytest.approx(0.5, abs=0.01)


def test_sound_in_parts_is_the_sound_whole(tmp_path):
    path = flash_clap(tmp_path / "call.mp4", duration_s=3)
    whole_CS = decode_audio(path)
    parts = list(iterate_audio(path, block_samples=7001))
    assert np.array_equal(np.concatenate(parts, axis=1), whole_CS)
    part_CS = decode_audio(path, start_s=0.9, end_s=2.0)
    assert np.array_equal(part_CS, whole_CS[:, 14_400:32_000])


def test_a_range_outside_the_recording_is_refused(tmp_path):
    path = flash_clap(tmp_path / "call.mp4", duration_s=1)
    with pytest.raises(OptionError):
        decode_video(path, start_frame=25)
    with pytest.raises(OptionError):
        decode_audio(path, start_s=0.5, end_s=0.5)

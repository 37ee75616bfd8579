import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from afgen.clock import SAMPLES_PER_FRAME
from afgen.errors import DiskFullError, InternalError, OptionError, OutputUnwritableError
from afgen.media.arguments import EncodeSettings
from afgen.media.decode import decode_audio, decode_video
from afgen.media.encode import SoundFile, VideoWriter, encode_video
from afgen.media.limits import ProcessLimits
from afgen.media.probe import probe
from tests.media.samples import ffmpeg

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)
SHORT = EncodeSettings(segment_frames=20)


def picture(frame, size=SIZE):
    """Frame number as grey level, with some detail that moves."""
    width, height = size
    image_HWC = np.full((height, width, 3), 40 + 2 * frame % 160, np.uint8)
    image_HWC[10:20, frame % (width - 10) : frame % (width - 10) + 10] = (200, 60, 30)
    return image_HWC


def tone(frames, channels=1):
    time_S = np.arange(frames * SAMPLES_PER_FRAME) / 16_000
    tones = [0.5 * np.sin(2 * np.pi * 300 * (1 + channel) * time_S) for channel in range(channels)]
    return np.stack(tones).astype(np.float32)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "out.mp4"
    written = [picture(frame) for frame in range(47)]
    sound_CS = tone(47, channels=2)
    assert encode_video(written, path, size=SIZE, sound=sound_CS, settings=SHORT) == 47
    info = probe(path)
    video, audio = info.require_video(), info.require_audio()
    assert (video.width, video.height, video.codec, video.rate_hz) == (*SIZE, "h264", 25)
    assert (video.frames, audio.codec, audio.channels) == (47, "aac", 2)
    read = list(decode_video(path))
    errors = [np.abs(one - two.astype(int)).mean() for one, two in zip(written, read, strict=True)]
    assert max(errors) < 4
    heard_CS = decode_audio(path)
    assert heard_CS.shape == sound_CS.shape
    assert np.abs(heard_CS - sound_CS)[:, 2000:-2000].mean() < 0.02


def test_colours_survive_and_are_labelled(tmp_path):
    path = tmp_path / "out.mp4"
    colours = np.array(
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 90), (255, 255, 255), (20, 20, 20)]
    )
    image_HWC = np.tile(colours.repeat(16, axis=0).astype(np.uint8), (64, 1, 1))
    encode_video([image_HWC] * 5, path, size=(96, 64))
    read = next(iter(decode_video(path)))
    assert np.abs(read[32, 8::16] - colours).max() <= 3
    assert b"nclx\0\1\0\1\0\1" in path.read_bytes()  # primaries, transfer, matrix: BT.709


def test_the_index_comes_first(tmp_path):
    path = tmp_path / "out.mp4"
    encode_video([picture(0)] * 3, path, size=SIZE)
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ("one.mp4", "two.mp4"):
        pictures = (picture(frame) for frame in range(45))
        encode_video(pictures, tmp_path / name, size=SIZE, sound=tone(45), settings=SHORT)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_a_resumed_video_is_the_uninterrupted_one(tmp_path):
    whole, resumed = tmp_path / "whole.mp4", tmp_path / "resumed.mp4"
    pictures = [picture(frame) for frame in range(70)]
    encode_video(pictures, whole, size=SIZE, sound=tone(70), settings=SHORT)

    def write(until):
        with VideoWriter(resumed, size=SIZE, settings=SHORT, resume_key="a") as writer:
            for image_HWC in pictures[writer.first_frame : until]:
                writer.write(image_HWC)
            if until < len(pictures):
                raise KeyboardInterrupt
            writer.finish(tone(70))
            return writer.first_frame

    with pytest.raises(KeyboardInterrupt):
        write(until=55)
    assert not resumed.exists()
    first_frame = write(until=70)
    assert first_frame % 20 == 0
    assert first_frame > 0
    assert resumed.read_bytes() == whole.read_bytes()
    assert sorted(tmp_path.iterdir()) == [resumed, whole]


def test_a_killed_run_is_taken_up(tmp_path):
    path, whole = tmp_path / "out.mp4", tmp_path / "whole.mp4"
    script = f"""
import os, signal
from pathlib import Path
from afgen.media.encode import VideoWriter
from tests.media.test_encode import SHORT, SIZE, picture
with VideoWriter(Path({str(path)!r}), size=SIZE, settings=SHORT, resume_key="a") as writer:
    for frame in range(55):
        writer.write(picture(frame))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    encode_video(map(picture, range(70)), whole, size=SIZE, settings=SHORT)
    with VideoWriter(path, size=SIZE, settings=SHORT, resume_key="a") as writer:
        assert writer.first_frame in {20, 40}
        for frame in range(writer.first_frame, 70):
            writer.write(picture(frame))
        writer.finish()
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(tmp_path.iterdir()) == [path, whole]


def test_another_key_begins_anew(tmp_path):
    path = tmp_path / "out.mp4"
    for key, starts_at in (("a", 0), ("b", 0), ("b", 20)):
        with VideoWriter(path, size=SIZE, settings=SHORT, resume_key=key) as writer:
            assert writer.first_frame == starts_at
            if starts_at == 0:
                for frame in range(30):  # the second segment keeps the first one's from waiting
                    writer.write(picture(frame))
                writer._encoder.close()


def test_segments_join_on_one_clock(tmp_path):
    path, listing = tmp_path / "out.mp4", tmp_path / "packets.txt"
    encode_video((picture(frame) for frame in range(50)), path, size=SIZE, settings=SHORT)
    ffmpeg("-i", path, "-c", "copy", "-f", "framecrc", listing)
    lines = [line for line in listing.read_text().splitlines() if not line.startswith("#")]
    decoded, shown, duration = np.array([line.split(",")[1:4] for line in lines], int).T
    assert (np.diff(decoded) == duration[0]).all()
    assert np.array_equal(np.sort(shown), np.arange(50) * duration[0])


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path, failure):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"an earlier result")

    def pictures():
        yield from (picture(frame) for frame in range(30))
        raise failure

    with pytest.raises(failure):
        encode_video(pictures(), path, size=SIZE, settings=SHORT)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"an earlier result"


def test_a_full_disk_is_said(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (100, 48, 64, 3), np.uint8)
    limits = ProcessLimits(file_bytes=20_000)
    with (
        pytest.raises(DiskFullError),
        VideoWriter(tmp_path / "out.mp4", size=SIZE, limits=limits) as writer,
    ):
        for image_HWC in noise:
            writer.write(image_HWC)
        writer.finish()
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_refused_early(tmp_path):
    for path in (tmp_path / "no" / "out.mp4", tmp_path):
        with pytest.raises(OutputUnwritableError):
            VideoWriter(path, size=SIZE)


def test_wrong_pictures_are_refused(tmp_path):
    with pytest.raises(OptionError):
        VideoWriter(tmp_path / "out.mp4", size=(4, 4))
    with VideoWriter(tmp_path / "out.mp4", size=SIZE) as writer:
        with pytest.raises(InternalError):
            writer.write(picture(0, size=(48, 64)))
        with pytest.raises(InternalError):
            writer.finish()


def test_odd_sizes_lose_one_row_or_column(tmp_path):
    path = tmp_path / "out.mp4"
    encode_video([picture(0, size=(65, 49))] * 2, path, size=(65, 49))
    video = probe(path).require_video()
    assert (video.width, video.height) == (64, 48)


@pytest.mark.parametrize("sound_frames", [5, 300])
def test_sound_is_fitted_to_the_pictures(tmp_path, sound_frames):
    path = tmp_path / "out.mp4"
    encode_video([picture(0)] * 30, path, size=SIZE, sound=tone(sound_frames)[0])
    heard_CS = decode_audio(path)
    assert heard_CS.shape == (1, 30 * SAMPLES_PER_FRAME)
    assert np.abs(heard_CS[0, :2400]).max() > 0.3
    assert (np.abs(heard_CS[0, 4800:-1000]).max() > 0.3) == (sound_frames > 30)


def test_sound_files_are_mixed_and_fitted(tmp_path):
    low, high, path = tmp_path / "low.wav", tmp_path / "high.wav", tmp_path / "out.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=f=300:d=1:r=48000", low)
    ffmpeg("-f", "lavfi", "-i", "sine=f=3000:d=9:r=8000", high)
    sounds = [SoundFile(probe(low)), SoundFile(probe(high), start_s=1.0)]
    encode_video([picture(0)] * 50, path, size=SIZE, sound=sounds)
    heard_CS = decode_audio(path)
    assert heard_CS.shape[1] == 50 * SAMPLES_PER_FRAME
    for start, loud_hz, silent_hz in ((1000, (300, 3000), ()), (18_000, (3000,), (300,))):
        spectrum = np.abs(np.fft.rfft(heard_CS[0, start : start + 8000])) / 8000
        assert min(spectrum[hz // 2] for hz in loud_hz) > 0.02
        assert max([spectrum[hz // 2] for hz in silent_hz], default=0) < 0.001


def test_memory_does_not_grow_with_length(tmp_path):
    size = (320, 240)
    peaks = []
    for frames in (40, 160):
        tracemalloc.start()
        pictures = (picture(frame, size) for frame in range(frames))
        encode_video(pictures, tmp_path / "out.mp4", size=size)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] + 320 * 240 * 3

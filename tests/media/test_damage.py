"""Damaged files end in typed errors or are read; nothing else may come out."""

import numpy as np
import pytest
from PIL import Image as PillowImage

from afgen.errors import AfgenError
from afgen.media.decode import decode_audio, decode_video
from afgen.media.images import load_portrait
from afgen.media.probe import probe
from tests.media.samples import X264, flash_clap

RECORDINGS = {
    "call.mp4": (*X264, "-c:a", "aac", "-movflags", "+faststart"),
    "call.mkv": (*X264, "-c:a", "flac"),
    "call.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
    "call.avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
}


def damaged(data, seed):
    """Some bytes overwritten, a piece cut out, or a piece doubled."""
    random = np.random.default_rng(seed)
    bytes_S = np.frombuffer(data, np.uint8).copy()
    reach = len(bytes_S) if seed % 2 else min(len(bytes_S), 2000)  # headers deserve half the blows
    for _ in range(random.integers(1, 20)):
        bytes_S[random.integers(reach)] = random.integers(256)
    start, length = random.integers(reach), random.integers(200)
    if seed % 3 == 1:
        bytes_S = np.delete(bytes_S, slice(start, start + length))
    if seed % 3 == 2:
        bytes_S = np.insert(bytes_S, start, bytes_S[start : start + length])
    return bytes_S.tobytes()


def read_recording(path):
    info = probe(path)
    if info.video:
        pictures = sum(1 for _ in decode_video(path, info=info, size=(32, 24)))
        assert pictures == info.frames
    if info.audio:
        samples_CS = decode_audio(path, info=info)
        assert samples_CS.shape == (info.audio.channels, info.frames * 640)
        assert np.abs(samples_CS).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDINGS)
def test_damaged_recordings(tmp_path, name):
    whole = flash_clap(tmp_path / name, encoding=RECORDINGS[name], sound_rate=48_000, duration_s=1)
    data = whole.read_bytes()
    read_recording(whole)
    for seed in range(20):
        path = tmp_path / f"{seed}_{name}"
        path.write_bytes(damaged(data, seed))
        try:
            read_recording(path)
        except AfgenError as error:
            assert error.exit_code == 2, f"seed {seed}: {error!r}"


@pytest.mark.parametrize("name", ["me.jpg", "me.png", "me.webp"])
def test_damaged_portraits(tmp_path, name):
    whole = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    PillowImage.fromarray(noise).save(whole)
    data = whole.read_bytes()
    for seed in range(100):
        path = tmp_path / f"{seed}_{name}"
        path.write_bytes(damaged(data, seed))
        try:
            image_HWC = load_portrait(path).image_HWC
        except AfgenError as error:
            assert error.exit_code == 2, f"seed {seed}: {error!r}"
        else:
            assert image_HWC.dtype == np.uint8
            assert image_HWC.shape[2] == 3

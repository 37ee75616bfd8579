"""The self-reenactment bench, on a clip whose truth is known."""

from pathlib import Path

import pytest

from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.autoencoder.mesh.script import act, play
from afgen.errors import NoFaceError
from afgen.evaluate.pictures.reenactment import BenchConfig, bench_clip
from afgen.media.encode import encode_video
from afgen.presets import find_faces
from tests.autoencoder.mesh.portraits import decoded
from tests.media.samples import X264, ffmpeg, picture_source

pytestmark = pytest.mark.slow
SIZE = 256
CONFIG = BenchConfig(frames=40, every=4, size=SIZE)


def test_motion_beats_a_still_picture_and_expression_beats_pose_alone(tmp_path: Path) -> None:
    path = tmp_path / "acted.mp4"
    keys = [(0.0, act()), (0.5, act(yaw=8, jaw_open=0.7)), (1.0, act(yaw=-6)), (1.5, act(pitch=6))]
    encode_video(decoded(*play(keys), size=SIZE), path, size=(SIZE, SIZE))
    result = bench_clip(path, MeshAutoencoder(find_faces, size=SIZE), CONFIG)
    assert result.compared == 10
    assert result.gain_db > 3.0
    assert result.mesh.psnr_db > result.rigid.psnr_db > result.still.psnr_db
    assert result.mesh.ssim > result.still.ssim
    assert result.turn_deg > 4.0


def test_a_clip_without_a_face_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pattern.mp4"
    ffmpeg("-f", "lavfi", "-i", picture_source("25", "64x48", 1), *X264, path)
    with pytest.raises(NoFaceError):
        bench_clip(path, MeshAutoencoder(find_faces, size=SIZE), CONFIG)

from pathlib import Path

import numpy as np

from afgen.autoencoder.mesh.basis import load_basis
from afgen.data.shards import Sample, ShardWriter
from afgen.evaluate.basis import held_out_residual
from tests.autoencoder.mesh.faces import talking


def prepared(folder: Path, clips: int, *, last_jitter_px: float) -> Path:
    """Clips without noise, but for the last one."""
    with ShardWriter(folder, {}) as writer:
        for number in range(clips):
            jitter_px = last_jitter_px if number == clips - 1 else 0.0
            landmarks_TN3 = talking(30, seed=number, jitter_px=jitter_px)
            arrays = {"avatar_landmarks_TN3": landmarks_TN3, "avatar_seen_T": np.ones(30, np.bool_)}
            writer.add(Sample(f"clip-{number:02}", {}, arrays))
    return folder


def test_noise_is_what_the_basis_cannot_say(tmp_path: Path) -> None:
    clean = held_out_residual(prepared(tmp_path / "clean", 10, last_jitter_px=0.0), load_basis())
    noisy = held_out_residual(prepared(tmp_path / "noisy", 10, last_jitter_px=2.0), load_basis())
    assert clean is not None and noisy is not None
    assert clean.everything < 0.1
    assert noisy.everything > 1.0


def test_only_clips_that_were_left_out_count(tmp_path: Path) -> None:
    residual = held_out_residual(prepared(tmp_path, 11, last_jitter_px=2.0), load_basis())
    assert residual is not None and residual.everything < 0.1


def test_of_few_clips_none_is_left_out(tmp_path: Path) -> None:
    assert held_out_residual(prepared(tmp_path, 2, last_jitter_px=0.0), load_basis()) is None

import numpy as np
import pytest

from afgen.autoencoder.mesh.basis import load_basis
from afgen.data.shards import Sample, ShardWriter
from afgen.errors import FileMissingError
from afgen.evaluate.basis import basis_residuals, mean_residual
from tests.autoencoder.mesh.faces import talking


@pytest.fixture
def folder(tmp_path):
    with ShardWriter(tmp_path, {}) as writer:
        for number in range(10):
            landmarks_TN3 = talking(30, seed=number, jitter_px=0.0 if number < 9 else 2.0)
            arrays = {"avatar_landmarks_TN3": landmarks_TN3, "avatar_seen_T": np.ones(30, np.bool_)}
            writer.add(Sample(f"clip-{number}", {}, arrays))
    return tmp_path


def test_noise_is_what_the_basis_cannot_say(folder):
    clips = list(basis_residuals(folder, load_basis()))
    clean, noisy = clips[0].residual, clips[9].residual
    assert clean.everything < 0.1
    assert noisy.everything > 1.0
    assert clean.everything < mean_residual(clips).everything < noisy.everything


def test_only_the_held_out_clips(folder):
    assert [clip.name for clip in basis_residuals(folder, load_basis(), held_out_only=True)] == [
        "clip-9.avatar_landmarks_TN3"
    ]


def test_an_empty_folder_says_so(tmp_path):
    with pytest.raises(FileMissingError):
        list(basis_residuals(tmp_path, load_basis()))

import json

import numpy as np
import pytest

from afgen.autoencoder.mesh.basis import load_basis
from afgen.data.features import TrackedClip, load_features, save_tracked
from afgen.data.prepare import Source, prepare, prepare_clip, sources_in
from afgen.errors import FileMissingError
from tests.autoencoder.mesh.faces import talking
from tests.shared import SHARED, needs_corpus

MANIFEST = """file,kind,train_weights
grid/a.mp4,talking,yes
wild/b.mov,talking,no
faces/c.jpg,portrait,yes
"""


@pytest.fixture
def out(tmp_path):
    for part in ("tracks", "features", "rejected"):
        (tmp_path / part).mkdir()
    return tmp_path


def _tracked(out, name, frames=30):
    save_tracked(TrackedClip(talking(frames), None), out / "tracks" / f"{name}.npz")
    return Source(name, out / f"{name}.mp4")


def test_a_manifest_says_what_may_be_trained_on(tmp_path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(MANIFEST)
    assert [source.name for source in sources_in(manifest)] == ["grid__a", "wild__b"]
    allowed = sources_in(manifest, trainable_only=True)
    assert [source.path for source in allowed] == [tmp_path / "grid/a.mp4"]


def test_a_folder_is_searched_but_says_nothing_of_licences(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("one.mp4", "deep/two.MOV", "notes.txt"):
        (tmp_path / name).touch()
    assert [source.name for source in sources_in(tmp_path)] == ["deep__two", "one"]
    with pytest.raises(FileMissingError):
        sources_in(tmp_path, trainable_only=True)


def test_no_corpus_says_so(tmp_path):
    with pytest.raises(FileMissingError):
        sources_in(tmp_path / "nowhere")


def test_a_tracked_clip_is_encoded_without_its_video(out):
    done = prepare_clip(_tracked(out, "one"), out)
    assert (done.reason, done.skipped) == (None, False)
    assert len(load_features(out / "features/one.npz").motion_TD) == 30


def test_a_clip_with_a_result_is_skipped(out):
    source = _tracked(out, "one")
    prepare_clip(source, out)
    before = (out / "features/one.npz").stat().st_mtime_ns
    assert prepare_clip(source, out).skipped
    assert (out / "features/one.npz").stat().st_mtime_ns == before


def test_a_half_written_result_is_made_again(out):
    source = _tracked(out, "one")
    prepare_clip(source, out)
    features = out / "features/one.npz"
    features.write_bytes(features.read_bytes()[:500])
    assert not prepare_clip(source, out).skipped
    load_features(features)


def test_a_useless_clip_is_recorded_with_its_reason(out):
    source = _tracked(out, "short", frames=10)
    assert "10 frames" in str(prepare_clip(source, out).reason)
    record = json.loads((out / "rejected/short.json").read_text())
    assert record["code"] == "clip_unusable"
    assert prepare_clip(source, out).skipped


def test_a_file_that_is_no_recording_is_recorded(out):
    (out / "text.mp4").write_text("not a recording")
    done = prepare_clip(Source("text", out / "text.mp4"), out)
    assert done.reason is not None
    assert not (out / "features/text.npz").exists()


@pytest.mark.slow
def test_a_corpus_is_prepared_in_parallel_and_again_for_another_basis(tmp_path):
    (tmp_path / "tracks").mkdir()
    sources = [_tracked(tmp_path, name) for name in ("one", "two")]
    seen = []
    done = prepare(sources, tmp_path, on_done=seen.append)
    assert [each.name for each in done] == ["one", "two"]
    assert {each.name for each in seen} == {"one", "two"}
    assert (tmp_path / "basis.txt").read_text().strip() == load_basis().sha256
    (tmp_path / "basis.txt").write_text("another basis\n")
    assert not any(each.skipped for each in prepare(sources, tmp_path))
    assert all(each.skipped for each in prepare(sources, tmp_path))


@needs_corpus
@pytest.mark.slow
def test_a_real_clip_is_tracked_with_its_lips_in_time(out):
    source = Source("real", SHARED / "corpus/grid/s1/bbaf2n.mp4")
    assert prepare_clip(source, out).reason is None
    features = load_features(out / "features/real.npz")
    assert len(features.mouth_T) == 75
    level_T = np.log(np.sqrt((features.audio_S.reshape(75, -1) ** 2).mean(1)) + 1e-4)
    assert np.corrcoef(level_T, features.mouth_T)[0, 1] > 0.2

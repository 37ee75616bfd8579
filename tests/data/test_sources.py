import pytest

from afgen.data.sources import sources_in
from afgen.errors import FileMissingError, ManifestError

MANIFEST = """file,kind,train_weights,license_as_stated,left_audio,right_audio
wild/b.mov,talking,no,unknown,,
grid/a.mp4,talking,yes,CC BY 4.0,,
faces/c.jpg,portrait,yes,,,
calls/d.mkv,dyadic,no,,calls/left.wav,calls/right.wav
"""


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text(MANIFEST)
    return path


def test_a_manifest_says_what_may_be_trained_on(manifest):
    assert [source.name for source in sources_in(manifest)] == ["calls__d", "grid__a", "wild__b"]
    allowed = sources_in(manifest, trainable_only=True)
    assert [source.path for source in allowed] == [manifest.parent / "grid/a.mp4"]


def test_what_a_manifest_knows_goes_with_the_recording(manifest):
    call, grid, _ = sources_in(manifest)
    assert grid.facts == {"train_weights": "yes", "kind": "talking", "licence": "CC BY 4.0"}
    assert [path.name for path in call.voices] == ["left.wav", "right.wav"]
    assert grid.voices == ()


def test_a_folder_is_searched_but_says_nothing_of_licences(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("one.mp4", "deep/two.MOV", "notes.txt"):
        (tmp_path / name).touch()
    assert [source.name for source in sources_in(tmp_path)] == ["deep__two", "one"]
    with pytest.raises(FileMissingError):
        sources_in(tmp_path, trainable_only=True)


def test_names_are_unique_words_whatever_the_files_are_called(tmp_path):
    files = ("a b.mp4", "a-b.mp4", "ä.mp4", "same.mp4", "same.mkv", "v1.2.mp4", "x" * 99 + ".mp4")
    for name in files:
        (tmp_path / name).touch()
    names = [source.name for source in sources_in(tmp_path)]
    assert len(set(names)) == len(files)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for name in names)
    assert max(map(len, names)) <= 48


def test_what_is_no_corpus_says_so(tmp_path):
    with pytest.raises(FileMissingError):
        sources_in(tmp_path / "nowhere")
    (tmp_path / "list.csv").write_text("path\na.mp4\n")
    with pytest.raises(ManifestError, match="column"):
        sources_in(tmp_path / "list.csv")

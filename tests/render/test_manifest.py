import json
from pathlib import Path

import pytest

from afgen.errors import EmptyFileError, FileMissingError, ManifestError
from afgen.render.manifest import read_manifest
from afgen.tracks.side import AvatarSide


def listed(folder: Path, text: str, name: str = "calls.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


GOOD = """name,portrait,conversation,user_video,avatar,seed,full_frame,start_s
first,me.png,one.mp4,,left,3,true,
,me.png,,sub/two.mp4,,,,1.5
"""


def test_rows_become_renders(tmp_path: Path) -> None:
    first, second = read_manifest(listed(tmp_path, GOOD))
    assert (first.name, second.name) == ("first", "two")
    assert first.sources.portrait == tmp_path / "me.png"
    assert first.sources.avatar == AvatarSide.LEFT
    assert (first.settings.seed, first.settings.full_frame) == (3, True)
    assert second.sources.user_video == tmp_path / "sub/two.mp4"
    assert (second.settings.seed, second.settings.start_s) == (0, 1.5)


def test_json_says_the_same(tmp_path: Path) -> None:
    rows = [{"portrait": "me.png", "conversation": "one.mp4", "seed": 3, "name": "first"}]
    (item,) = read_manifest(listed(tmp_path, json.dumps(rows), "calls.json"))
    assert (item.name, item.settings.seed) == ("first", 3)


def test_empty_cells_take_what_is_given_for_all(tmp_path: Path) -> None:
    path = listed(tmp_path, "conversation,portrait,size\none.mp4,,\ntwo.mp4,me.png,256\n")
    first, second = read_manifest(path, {"portrait": Path("/other.png"), "size": 128})
    assert (first.sources.portrait, first.settings.size) == (Path("/other.png"), 128)
    assert (second.sources.portrait, second.settings.size) == (tmp_path / "me.png", 256)


def test_a_folder_is_meant_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "calls").mkdir()
    for name in ("a.wav", "a.png"):
        (tmp_path / "calls" / name).touch()
    monkeypatch.chdir(tmp_path)
    (only,) = read_manifest(Path("calls"))
    assert only.sources.conversation == tmp_path / "calls" / "a.wav"
    assert only.sources.portrait == tmp_path / "calls" / "a.png"


def test_a_folder_lists_its_recordings(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.wav", "a.png", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).touch()
    a, b = read_manifest(tmp_path, {"portrait": Path("/me.png")})
    assert (a.name, a.sources.portrait) == ("a", tmp_path / "a.png")
    assert (b.name, b.sources.portrait) == ("b", Path("/me.png"))
    with pytest.raises(ManifestError, match=r"b\.wav has no portrait"):
        read_manifest(tmp_path)


BAD = {
    "row 1.*no column 'colour'": "conversation,colour\none.mp4,red\n",
    "row 2: seed x: ": "portrait,conversation,seed\nme.png,a.mp4,1\nme.png,b.mp4,x\n",
    "row 1: size 7: ": "portrait,conversation,size\nme.png,a.mp4,7\n",
    "row 1: portrait is missing": "conversation\na.mp4\n",
    "row 1: give a conversation": "portrait\nme.png\n",
    "row 1: there is no preset 'none'": "portrait,conversation,preset\nme.png,a.mp4,none\n",
    "row 1: .*cannot begin with 50": "portrait,conversation,first_window\nme.png,a.mp4,50\n",
    "row 2: it has the name 'A' of row 1": "portrait,conversation\nme.png,a.mp4\nme.png,b/A.wav\n",
    "row 1: '../a' is no name": "name,portrait,conversation\n../a,me.png,a.mp4\n",
    "row 1: the name 'Results' is": "name,portrait,conversation\nResults,me.png,a.mp4\n",
    "row 1.*no column ''": "portrait,conversation\nme.png,a.mp4,more\n",
    "lists nothing": "portrait,conversation\n",
    "neither CSV nor JSON": 'portrait,conversation\n"me.png,a.mp4\n',
}


@pytest.mark.parametrize(("told", "text"), BAD.items(), ids=BAD)
def test_a_bad_row_is_named(told: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=told):
        read_manifest(listed(tmp_path, text))


@pytest.mark.parametrize("text", ["{}", "[1]", "[", '"a"'])
def test_json_that_is_no_list_of_objects(text: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        read_manifest(listed(tmp_path, text, "calls.json"))


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError):
        read_manifest(tmp_path / "gone.csv")
    with pytest.raises(EmptyFileError):
        read_manifest(listed(tmp_path, ""))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\0\1")
    with pytest.raises(ManifestError, match="neither"):
        read_manifest(tmp_path / "binary.csv")

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from afgen.errors import EmptyFileError, FileMissingError, FileUnreadableError, OptionError
from afgen.render.report import Report, fingerprint, load_report, unlike
from afgen.render.settings import RenderSettings, Sources


def report(**changes: object) -> Report:
    plain = {
        "sources": Sources(portrait=Path("me.png"), conversation=Path("call.mp4")),
        "settings": RenderSettings(),
        "inputs_sha256": {"portrait": "a", "conversation": "b"},
        "weights_sha256": {"generator": "c"},
        "weights_licence": "free",
        "versions": {"python": "3.11", "torch": "2"},
        "frames": 25,
        "output_sha256": "d",
        "understanding": {"people": []},
        "speed": {"realtime_factor": 2.0},
        "warnings": [],
    }
    return Report.model_validate({**plain, **changes})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    report().save(tmp_path / "out.json")
    assert load_report(tmp_path / "out.json") == report()
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


@pytest.mark.parametrize(
    ("text", "kind"), [(None, FileMissingError), ("", EmptyFileError), ("{}", OptionError)]
)
def test_another_file_is_refused(text: str | None, kind: type[Exception], tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(kind):
        load_report(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadableError):
        load_report(tmp_path)


def test_equal_bytes_need_no_explanation() -> None:
    assert unlike(report(), report(versions={"python": "3.12"})) == []


def test_other_bytes_are_explained_by_what_changed() -> None:
    again = report(
        output_sha256="e", weights_sha256={"generator": "f"}, versions={"python": "3.11"}
    )
    (line,) = unlike(report(), again)
    assert "weights of generator" in line
    assert "version of torch" in line
    assert "python" not in line


def test_inputs_are_found_from_any_folder() -> None:
    assert all(path.is_absolute() for path in report().sources.files.values())


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValidationError, match="not valid text"):
        Sources(portrait=Path("me.png"), conversation=Path(os.fsdecode(b"call\xff.mp4")))


def test_the_fingerprint_tells_settings_apart() -> None:
    one = fingerprint(RenderSettings(), {"a": "b"})
    assert one == fingerprint(RenderSettings(), {"a": "b"})
    assert one != fingerprint(RenderSettings(seed=1), {"a": "b"})
    assert one != fingerprint(RenderSettings(), {"a": "c"})

import json
from pathlib import Path

import pytest

from afgen.errors import CorruptMediaError, OptionError, OutputUnwritableError
from afgen.media.probe import probe
from afgen.presets import Models
from afgen.render.job import render
from afgen.render.progress import Progress
from afgen.render.report import check_unchanged, load_report
from afgen.render.settings import Sources
from tests.render.conftest import QUICK

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """What a process gets that is killed: nothing below may catch it."""


def killed_at(frame: int):
    def listen(progress: Progress) -> None:
        if progress.stage == "Rendering" and progress.done == frame:
            raise Killed

    return listen


@pytest.fixture(scope="module")
def whole(sources: Sources, models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "out.mp4"
    render(sources, QUICK, output, models=models)
    return output


def test_the_video_has_the_length_of_the_conversation(whole: Path) -> None:
    info = probe(whole)
    assert info.frames == 600
    assert info.video is not None and (info.video.width, info.video.height) == (128, 128)
    assert info.audio is not None


def test_nothing_is_left_beside_the_video_but_its_report(whole: Path) -> None:
    assert sorted(path.name for path in whole.parent.iterdir()) == ["out.json", "out.mp4"]


def test_the_report_repeats_the_render_bit_for_bit(
    whole: Path, models: Models, tmp_path: Path
) -> None:
    report = load_report(whole.with_suffix(".json"))
    check_unchanged(report)
    again = render(report.sources, report.settings, tmp_path / "again.mp4", models=models)
    assert again.output_sha256 == report.output_sha256


@pytest.mark.parametrize("frame", [3, 251, 590])
def test_a_resumed_render_has_the_bytes_of_an_uninterrupted_one(
    frame: int, sources: Sources, models: Models, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    with pytest.raises(Killed):
        render(sources, QUICK, output, models=models, progress=killed_at(frame))
    assert not output.exists()
    render(sources, QUICK, output, resume=True, models=models)
    assert output.read_bytes() == whole.read_bytes()


def test_work_of_other_settings_is_not_taken_up(
    sources: Sources, models: Models, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    with pytest.raises(Killed):
        render(sources, QUICK, output, models=models, progress=killed_at(300))
    other = QUICK.model_copy(update={"seed": 1})
    with pytest.raises(OptionError):
        render(sources, other, output, resume=True, models=models)


def test_another_seed_gives_another_performance(
    sources: Sources, models: Models, whole: Path, tmp_path: Path
) -> None:
    other = QUICK.model_copy(update={"seed": 1})
    report = render(sources, other, tmp_path / "out.mp4", models=models)
    assert report.output_sha256 != load_report(whole.with_suffix(".json")).output_sha256


def test_an_existing_video_is_not_replaced_unasked(
    sources: Sources, models: Models, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    with pytest.raises(OutputUnwritableError):
        render(sources, QUICK, output, models=models)
    assert output.read_bytes() == b"precious"


def test_a_report_whose_input_changed_says_which(whole: Path, tmp_path: Path) -> None:
    plain = json.loads(whole.with_suffix(".json").read_text())
    plain["inputs_sha256"]["avatar_audio"] = "0" * 64
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(plain))
    with pytest.raises(CorruptMediaError, match="avatar_audio"):
        check_unchanged(load_report(changed))

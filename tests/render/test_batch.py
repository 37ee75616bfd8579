"""Several recordings as rows of one batch: each as if it had been alone."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from afgen.errors import AfgenError, DiskFullError
from afgen.media.audio import write_wav
from afgen.media.decode import decode_video
from afgen.media.encode import VideoWriter
from afgen.media.files import sha256_of
from afgen.media.parts import lasting_parts, open_parts, parts_folder
from afgen.media.probe import probe
from afgen.presets import Models
from afgen.render.batch import Outcome, render_rows
from afgen.render.job import render
from afgen.render.progress import Progress, silent
from afgen.render.settings import Sources
from afgen.render.take import Order, fingerprint_of
from tests.render.conftest import QUICK
from tests.render.untrained import voice

pytestmark = pytest.mark.slow

LENGTHS_S = {"short": 0.4, "middle": 1.2, "long": 2.0}  # 1, 3 and 5 blocks


@pytest.fixture(scope="module")
def recordings(portrait_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sources]:
    folder = tmp_path_factory.mktemp("recordings")
    made = {}
    for index, (name, seconds) in enumerate(LENGTHS_S.items()):
        write_wav(folder / f"{name}.wav", voice(seconds, 180.0 + 20 * index))
        made[name] = Sources(portrait=portrait_file, avatar_audio=folder / f"{name}.wav")
    return made


@pytest.fixture(scope="module")
def alone(
    recordings: dict[str, Sources], models: Models, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Each recording rendered by itself."""
    folder = tmp_path_factory.mktemp("alone")
    for name, sources in recordings.items():
        render(sources, QUICK, folder / f"{name}.mp4", models=models)
    return folder


Orders = Callable[..., list[Order]]


@pytest.fixture
def orders(recordings: dict[str, Sources], tmp_path: Path) -> Orders:
    def of(*names: str, **options: object) -> list[Order]:
        return [
            Order(recordings[name], QUICK, tmp_path / f"{name}.mp4", resume=None, **options)
            for name in names
        ]

    return of


def by_name(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {outcome.order.output.stem: outcome for outcome in outcomes}


def test_one_row_gives_the_bytes_of_a_single_render(
    orders: Orders, models: Models, alone: Path, tmp_path: Path
) -> None:
    outcomes = list(render_rows(orders("middle", "short"), models, QUICK))
    assert [outcome.error for outcome in outcomes] == [None, None]
    for name in ("middle", "short"):
        assert (tmp_path / f"{name}.mp4").read_bytes() == (alone / f"{name}.mp4").read_bytes()


def test_rows_give_what_they_give_alone(
    orders: Orders, models: Models, alone: Path, tmp_path: Path
) -> None:
    """A row that ends early makes room for the third recording, which joins the second."""
    outcomes = by_name(list(render_rows(orders("short", "long", "middle"), models, QUICK, rows=2)))
    assert outcomes.keys() == LENGTHS_S.keys()
    for name, seconds in LENGTHS_S.items():
        report = outcomes[name].report
        assert report is not None and report.rows == 2
        assert probe(tmp_path / f"{name}.mp4").frames == report.frames == round(25 * seconds)
        pairs = zip(
            decode_video(tmp_path / f"{name}.mp4"), decode_video(alone / f"{name}.mp4"), strict=True
        )
        for frame, (batched_HWC, alone_HWC) in enumerate(pairs):
            apart = np.abs(batched_HWC.astype(int) - alone_HWC)
            assert apart.mean() < 0.05, (name, frame)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{name}.{ending}" for name in LENGTHS_S for ending in ("mp4", "json")
    )


def test_reading_several_at_once_changes_nothing(
    orders: Orders, models: Models, alone: Path, tmp_path: Path
) -> None:
    names = ("long", "short", "middle")
    outcomes = list(render_rows(orders(*names), models, QUICK, readers=2))
    assert [outcome.order.output.stem for outcome in outcomes] == list(names)
    for name in names:
        assert (tmp_path / f"{name}.mp4").read_bytes() == (alone / f"{name}.mp4").read_bytes()


def test_one_that_fails_fails_alone(
    orders: Orders, models: Models, tmp_path: Path, recordings: dict[str, Sources]
) -> None:
    good = orders("short", "middle")
    mute = tmp_path / "mute.wav"
    write_wav(mute, np.zeros(16_000, np.float32))
    sources = recordings["short"].model_copy(update={"avatar_audio": mute})
    bad = Order(sources, QUICK, tmp_path / "bad.mp4", resume=None)
    gone = replace(bad, output=tmp_path / "gone" / "out.mp4")
    outcomes = by_name(list(render_rows([bad, good[0], gone, good[1]], models, QUICK, rows=2)))
    assert {name: getattr(each.error, "code", None) for name, each in outcomes.items()} == {
        "bad": "audio_silent",
        "out": "output_unwritable",
        "short": None,
        "middle": None,
    }
    assert not (tmp_path / ".bad.mp4.parts").exists()


def test_one_that_fails_on_the_way_fails_alone(
    orders: Orders, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = VideoWriter.write

    def full(self: VideoWriter, image_HWC: np.ndarray) -> None:
        if self.path.stem == "long" and self.frames == 13:
            raise DiskFullError("No space left.")
        write(self, image_HWC)

    monkeypatch.setattr(VideoWriter, "write", full)
    outcomes = by_name(list(render_rows(orders("long", "middle", "short"), models, QUICK, rows=2)))
    assert isinstance(outcomes["long"].error, DiskFullError)
    assert outcomes["middle"].error is outcomes["short"].error is None
    assert (tmp_path / ".long.mp4.parts").is_dir()  # to be gone on with
    assert not (tmp_path / "long.mp4").exists()


def test_a_listener_that_objects_ends_its_render_alone(
    orders: Orders, models: Models, tmp_path: Path
) -> None:
    told: list[Progress] = []

    def objects(progress: Progress) -> None:
        told.append(progress)
        if progress.stage == "Rendering" and progress.done == 13:
            raise DiskFullError("Enough.")

    long, short = orders("long", "short")
    outcomes = by_name(
        list(render_rows([replace(long, listener=objects), short], models, QUICK, rows=2))
    )
    assert isinstance(outcomes["long"].error, DiskFullError)
    assert outcomes["short"].error is None
    assert told == [Progress("Rendering", done, 50) for done in range(1, 14)]


def test_what_is_finished_is_not_done_again(orders: Orders, models: Models, tmp_path: Path) -> None:
    list(render_rows(orders("short"), models, QUICK))
    before = (tmp_path / "short.mp4").stat()
    (again,) = render_rows(orders("short"), models, QUICK)
    assert again.skipped and again.report is not None
    assert (tmp_path / "short.mp4").stat().st_mtime_ns == before.st_mtime_ns


def test_another_video_is_replaced_only_by_force(
    orders: Orders, models: Models, tmp_path: Path
) -> None:
    (tmp_path / "short.mp4").write_bytes(b"precious")
    (refused,) = render_rows(orders("short"), models, QUICK)
    assert isinstance(refused.error, AfgenError) and refused.error.code == "output_unwritable"
    assert (tmp_path / "short.mp4").read_bytes() == b"precious"
    (made,) = render_rows(orders("short", force=True), models, QUICK)
    assert made.error is None
    assert probe(tmp_path / "short.mp4").frames == 10


def test_orders_of_other_sampling_settings_are_refused(orders: Orders, models: Models) -> None:
    with pytest.raises(ValueError, match="another batch"):
        list(render_rows(orders("short"), models, QUICK.model_copy(update={"nfe": 5})))


@pytest.mark.slow
def test_a_stopped_batch_is_gone_on_with(sources: Sources, models: Models, tmp_path: Path) -> None:
    """24 s, stopped in the second segment of 10 s: the first is not made again."""

    class Killed(BaseException):
        pass

    def killed(progress: Progress) -> None:
        if progress.stage == "Rendering" and progress.done == 400:
            raise Killed

    seen: list[int] = []

    def watched(progress: Progress) -> None:
        if progress.stage == "Rendering":
            seen.append(progress.done)

    whole = render(sources, QUICK, tmp_path / "whole.mp4", models=models)
    order = Order(sources, QUICK, tmp_path / "out.mp4", resume=None)
    with pytest.raises(Killed):
        list(render_rows([order], models, QUICK, progress=killed))
    order = elsewhere(order, models, tmp_path / "another machine")
    (outcome,) = render_rows([order], models, QUICK, progress=watched)
    assert outcome.report is not None
    assert seen[0] > 250
    assert outcome.report.output_sha256 == whole.output_sha256


def elsewhere(order: Order, models: Models, folder: Path) -> Order:
    """The same render in another folder, inputs and all, with what is half-made."""
    folder.mkdir()
    inputs = {role: sha256_of(path) for role, path in order.sources.files.items()}
    moved = {
        role: shutil.copy(path, folder / path.name) for role, path in order.sources.files.items()
    }
    there = replace(order, sources=Sources.model_validate(moved), output=folder / order.output.name)
    parts = open_parts(there.output, fingerprint_of(there, inputs, models))
    for part in lasting_parts(parts_folder(order.output)):
        shutil.copy(part, parts)
    return there


def test_leaving_early_leaves_no_thread_waiting(orders: Orders, models: Models) -> None:
    three = orders("short", "long", "middle")
    outcomes = render_rows(three, models, QUICK, readers=2, progress=silent)
    next(outcomes)
    outcomes.close()
    stages = ("ahead", "reading", "mesh")  # an autoencoder's own threads live as long as it does
    assert not [one.name for one in threading.enumerate() if one.name.startswith(stages)]

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from afgen.data.crops import picture_at
from afgen.data.parts import find_part, make_part
from afgen.data.prepare import pack, prepare, share_of
from afgen.data.report import write_report
from afgen.data.sampling import SampleConfig
from afgen.data.shards import open_shards
from afgen.data.sources import Source, sources_in
from afgen.errors import FileMissingError
from tests.data.recordings import alone, nobody, together

pytestmark = pytest.mark.slow

CONFIG = SampleConfig(faces_px=64, landmarks=True)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for number in range(2):
        alone(folder / f"alone{number}.mp4", 30 + 5 * number)
    together(folder / "together.mp4")
    nobody(folder / "wall.mp4")
    (folder / "damaged.mp4").write_bytes((folder / "alone0.mp4").read_bytes()[:5000])
    return folder


@pytest.fixture(scope="module")
def made(corpus, tmp_path_factory):
    """The corpus prepared in this process, without any interruption."""
    out = tmp_path_factory.mktemp("made")
    sources = sources_in(corpus)
    outcomes = {source.name: make_part(source, out, CONFIG, "settings") for source in sources}
    return out, outcomes, pack(sources, out, CONFIG)


def shards_of(folder):
    names = ("index.json", "rejected.json")
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.suffix == ".tar" or path.name in names
    }


def test_every_recording_has_an_outcome(made):
    _, outcomes, packed = made
    assert {name: one.kept for name, one in outcomes.items()} == {
        "alone0": 1, "alone1": 1, "damaged": 0, "together": 1, "wall": 0,
    }  # fmt: skip
    assert [one["file"] for one in packed.unusable] == ["damaged.mp4", "wall.mp4"]
    assert {one["code"] for one in packed.unusable} == {"media_corrupt", "clip_unusable"}


def test_one_person_has_the_avatar_s_side_alone(made):
    entry = open_shards(made[0]).entries[0]
    assert entry.metadata["frames"] == 30
    assert entry.metadata["source"]["file"] == "alone0.mp4"
    shapes = {name: place.shape for name, place in entry.places.items()}
    assert shapes["avatar_motion_TD"] == (30, 38)
    assert shapes["avatar_audio_S"] == (30 * 640,)
    assert shapes["avatar_landmarks_TN3"] == (30, 478, 3)
    assert not [name for name in shapes if name.startswith("user")]


def test_two_people_have_roles_and_voices_of_their_own(made):
    shards = open_shards(made[0])
    sample = shards.read(shards.keys[-1])
    assert set(sample.metadata["roles"].values()) == {"left person", "right person"}
    lefts = next(side for side, name in sample.metadata["roles"].items() if name == "left person")
    rights = "user" if lefts == "avatar" else "avatar"
    early_T = np.arange(75) < 30
    assert sample.arrays[f"{lefts}_speech_T"][early_T].mean() > 0.5
    assert sample.arrays[f"{rights}_speech_T"][early_T].mean() < 0.2
    assert sample.arrays["user_motion_TD"].shape == (75, 38)


def test_pictures_are_read_one_by_one(made):
    shards = open_shards(made[0])
    first, last = (picture_at(shards, "alone0-0000000-0", "avatar", frame) for frame in (0, 29))
    assert first.shape == last.shape == (64, 64, 3)
    assert first.std() > 20
    boxes_TR4 = shards.read("alone0-0000000-0").arrays["avatar_regions_TR4"]
    assert boxes_TR4.shape == (30, 3, 4)
    assert (boxes_TR4[..., :2] < boxes_TR4[..., 2:]).all()


def test_a_part_that_is_there_is_taken_as_it_is(made, corpus):
    out, *_ = made
    source = sources_in(corpus)[0]
    assert find_part(source, out, "settings").skipped
    index = out / "parts" / source.name / "index.json"
    whole = index.read_bytes()
    index.write_bytes(whole[:200])
    assert find_part(source, out, "settings") is None
    index.write_bytes(whole)
    next(index.parent.glob("*.tar")).write_bytes(b"cut short")
    assert find_part(source, out, "settings") is None
    make_part(source, out, CONFIG, "settings")
    assert find_part(source, out, "settings").kept == 1


def test_other_settings_or_another_file_make_a_part_anew(tmp_path):
    source = nobody(tmp_path / "wall.mp4")
    make_part(source, tmp_path, CONFIG, "settings")
    assert find_part(source, tmp_path, "settings").skipped
    assert find_part(source, tmp_path, "others") is None
    os.utime(source.path, ns=(0, 0))
    assert find_part(source, tmp_path, "settings") is None


def test_a_file_that_is_not_there_is_an_outcome_too(tmp_path):
    missing = Source("gone", tmp_path / "gone.mp4", "gone.mp4")
    assert "gone.mp4" in make_part(missing, tmp_path, CONFIG, "settings").reason


def test_merging_names_what_is_missing(made, tmp_path):
    with pytest.raises(FileMissingError, match="gone"):
        pack([Source("gone", tmp_path / "gone.mp4")], made[0], CONFIG)


def test_what_was_left_out_is_written_down(made, corpus, tmp_path):
    strict = SampleConfig(gates=type(CONFIG.gates)(face_px=1000.0))
    source = next(source for source in sources_in(corpus) if source.name == "alone0")
    assert make_part(source, tmp_path, strict, "strict").rejected == 1
    packed = pack([source], tmp_path, strict)
    left_out = json.loads((tmp_path / "rejected.json").read_text())["samples"]
    assert "below 1e+03" in left_out[0]["rejected"]["face_px"]
    write_report(packed, strict.gates, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "Left out: height of the face" in page
    assert "data:image/jpeg;base64," in page


def test_machines_share_the_recordings(corpus):
    sources = sources_in(corpus)
    shares = [share_of(sources, index, 4) for index in range(4)]
    assert sorted(one.name for share in shares for one in share) == [one.name for one in sources]


@pytest.fixture(scope="module")
def reference(corpus, tmp_path_factory):
    """One process, one go."""
    out = tmp_path_factory.mktemp("reference")
    sources = sources_in(corpus)
    prepare(sources, out, CONFIG, workers=1)
    pack(sources, out, CONFIG)
    return shards_of(out)


@pytest.mark.slow
def test_workers_and_machines_change_no_byte(corpus, reference, tmp_path):
    sources = sources_in(corpus)
    for index in (1, 0):
        prepare(share_of(sources, index, 2), tmp_path, CONFIG, workers=2)
    pack(sources, tmp_path, CONFIG)
    assert shards_of(tmp_path) == reference


@pytest.mark.slow
def test_killed_at_random_moments_it_goes_on_to_the_same_shards(corpus, reference, tmp_path):
    """Three times; `KILLS=10 pytest -k killed` for more."""
    kill_and_resume(corpus, tmp_path, int(os.environ.get("KILLS", "3")))
    assert shards_of(tmp_path) == reference


def make_or_die(source, out, config, fingerprint):
    """In place of `make_part`: one recording crashes whatever reads it."""
    if source.name == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    return make_part(source, out, config, fingerprint)


@pytest.mark.slow
def test_a_recording_that_kills_its_process_is_left_out_and_the_others_are_made(tmp_path):
    names = ("before", "crash", "then")
    for name in names:
        (tmp_path / f"{name}.mp4").write_text("not a recording")
    sources = sources_in(tmp_path)
    outcomes = prepare(sources, tmp_path, CONFIG, workers=2, make=make_or_die)
    assert [one.name for one in outcomes] == list(names)
    packed = pack(sources, tmp_path, CONFIG)
    codes = {one["file"]: one["code"] for one in packed.unusable}
    assert codes["crash.mp4"] == "process_died"
    assert codes["then.mp4"] != "process_died"


def kill_and_resume(corpus, out, kills, seed=0):
    """Start the command, kill it `kills` times after a while, and let it finish then."""
    command = [
        sys.executable, "-m", "afgen.cli", "prepare", str(corpus), "-o", str(out),
        "--features", "mesh", "--crops", "64", "--landmarks", "--workers", "2",
    ]  # fmt: skip
    moments = np.random.default_rng(seed).uniform(0.5, 15.0, kills)
    for moment_s in moments:
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            running.wait(moment_s)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            time.sleep(1.0)  # until the workers have noticed
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=300)

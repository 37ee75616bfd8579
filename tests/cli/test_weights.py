"""`afgen weights` as typed: checkpoints in the public layout go in, a usable set stays."""

import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.network import LiaNetwork
from afgen.checkpoint import config_from, fill, load_checkpoint
from afgen.generator.weights import load_generator
from afgen.weights.store import FOLDER_VARIABLE, find
from tests import golden
from tests.cli.conftest import Afgen
from tests.rule_made import (
    TINY,
    WIDE_WAV2VEC2,
    GeneratorSize,
    PublicFiles,
    generator_weights,
    write_autoencoder,
    write_float,
    write_generator,
    write_lia,
    write_public_files,
    write_wav2vec2,
)
from tests.shared import needs_golden

AGREED = "--accept-licence"
AVATAR_FORCING = ("weights", "import", "avatar-forcing", AGREED)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user has downloaded, but for the autoencoders: those are large at any size."""
    made = tmp_path_factory.mktemp("downloads")
    write_generator(made / "flow_transformer.pth", TINY)
    write_wav2vec2(made / "wav2vec2-base-960h")
    return made


@pytest.fixture
def address(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The same files on a server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=files)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def imported(afgen: Afgen, files: Path) -> Any:
    """A set without its autoencoder, as `--json` told of it."""
    outcome = afgen(*small(files), "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def small(files: Path) -> tuple[object, ...]:
    generator, wav2vec2 = files / "flow_transformer.pth", files / "wav2vec2-base-960h"
    return (*AVATAR_FORCING, "--generator", generator, "--wav2vec2", wav2vec2, "--heads", 4)


def whole(files: PublicFiles) -> tuple[object, ...]:
    return (
        *(*AVATAR_FORCING, "--heads", 4, "--autoencoder", files.autoencoder),
        *("--generator", files.generator, "--wav2vec2", files.wav2vec2),
    )


@needs_golden
def test_an_imported_generator_gives_the_reference_vectors(
    afgen: Afgen, tmp_path: Path, folder: Path
) -> None:
    generator = write_generator(tmp_path / "flow_transformer.pth")
    wav2vec2 = write_wav2vec2(tmp_path / "wav2vec2", WIDE_WAV2VEC2)
    outcome = afgen(*AVATAR_FORCING, "--generator", generator, "--wav2vec2", wav2vec2, "--heads", 4)
    assert outcome.code == 0, outcome.err
    path = folder / "avatar-forcing" / "generator.safetensors"
    projected = golden.audio_projection(load_generator(path)[0])
    model = golden.after_projection(load_generator(path)[0])
    expected = golden.expected("generator_small")
    condition, velocity = golden.condition_and_velocity(model)
    for found, name in (
        (projected, "gen.audio_projection"),
        (condition, "gen.condition"),
        (velocity, "gen.velocity"),
    ):
        torch.testing.assert_close(found, expected[name], atol=1e-4, rtol=0, msg=name)
    for sample in golden.SAMPLES:
        expected_TD = golden.expected(sample.name)["gen.sample"][0].numpy()
        error = np.abs(golden.generated(model, sample) - expected_TD).max()
        assert error < 1e-3, sample.name


@needs_golden
@pytest.mark.slow
def test_an_imported_autoencoder_gives_the_reference_vectors(
    afgen: Afgen, tmp_path: Path, folder: Path
) -> None:
    path = write_autoencoder(tmp_path / "motion_autoencoder.pth", 64)
    outcome = afgen(*AVATAR_FORCING, "--autoencoder", path)
    assert outcome.code == 0, outcome.err
    checkpoint = load_checkpoint(folder / "avatar-forcing" / "autoencoder.safetensors")
    network = LiaNetwork(config_from(LiaConfig, checkpoint.config["autoencoder"])).eval()
    fill(network, checkpoint.tensors)
    expected, image = golden.expected("autoencoder_64"), golden.image()
    with torch.inference_mode():
        source, motion = network.source(image), network.motion(image)
        picture = network.decode(network.source(image[:1]), motion)
    for found, name in (
        (source.latent_BD, "ae.latent"),
        (source.coefficients_BK, "ae.coefficients"),
        (motion, "ae.motion"),
    ):
        torch.testing.assert_close(found, expected[name], atol=1e-4, rtol=0, msg=name)
    error = (picture - expected["ae.rgb"]).abs()
    assert error.mean() < 1e-4
    assert error.max() < 1e-3  # noise for features is warped here, which amplifies rounding


@pytest.mark.slow
def test_a_whole_set_is_found_and_verified(afgen: Afgen, tmp_path: Path) -> None:
    outcome = afgen(*whole(write_public_files(tmp_path)))
    assert outcome.code == 0, outcome.err
    assert "CC BY-NC 4.0" in outcome.err
    known = find("avatar-forcing")
    assert list(known.files) == ["autoencoder", "generator", "wav2vec2"]
    assert "1000 is noise" in (known.time_direction or "")
    assert known.mask == "frame-causal, 2 frames of look-ahead; also stated by the file"
    assert "NonCommercial" in known.notice
    header = load_checkpoint(known.files["autoencoder"]).provenance
    assert header["source"]["file"] == "motion_autoencoder.pth"
    assert header["notice"] == known.notice
    assert afgen("weights", "verify").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lia", "float-autoencoder"])
def test_autoencoders_of_the_same_family(afgen: Afgen, tmp_path: Path, kind: str) -> None:
    write = {"lia": write_lia, "float-autoencoder": write_float}[kind]
    checkpoint = write(tmp_path / "checkpoint")
    outcome = afgen("weights", "import", kind, checkpoint, AGREED, "--json")
    assert outcome.code == 0, outcome.err
    record = json.loads(outcome.out)
    known = find(record["name"])
    assert (known.kind, record["lacks"]) == (kind, [])
    remarks = {"lia": (), "float-autoencoder": ("2 entries of other parts were left (fmt)",)}
    assert known.remarks == remarks[kind]


def test_the_same_files_give_the_same_weights(afgen: Afgen, files: Path, imported: Any) -> None:
    again = json.loads(afgen(*small(files), "--json").out)
    assert again["sha256"] == imported["sha256"]


def test_parts_come_one_by_one_and_are_replaced_alone(
    afgen: Afgen, files: Path, tmp_path: Path, imported: Any
) -> None:
    assert imported["lacks"] == ["autoencoder"]
    weights = generator_weights(TINY)
    weights["flow_transformer.final_layer.linear.bias"] += 1
    torch.save(weights, tmp_path / "other.pth")
    outcome = afgen(*AVATAR_FORCING, "--generator", tmp_path / "other.pth", "--heads", 4, "--json")
    assert outcome.code == 0, outcome.err
    changed = json.loads(outcome.out)
    assert changed["sha256"]["wav2vec2"] == imported["sha256"]["wav2vec2"]
    assert changed["sha256"]["generator"] != imported["sha256"]["generator"]
    assert changed["source"]["generator"]["file"] == "other.pth"
    assert afgen("weights", "verify", "avatar-forcing").code == 0


def test_a_file_may_be_an_address(
    afgen: Afgen, files: Path, imported: Any, address: str, folder: Path
) -> None:
    sha256 = imported["source"]["generator"]["sha256"]
    source = f"{address}/flow_transformer.pth?token=secret"
    outcome = afgen(
        *(*AVATAR_FORCING, "--json", "--heads", 4),
        *("--generator", source, "--generator-sha256", sha256),
    )
    assert outcome.code == 0, outcome.err
    record = json.loads(outcome.out)
    assert record["sha256"] == imported["sha256"]
    assert record["source"]["generator"]["url"] == f"{address}/flow_transformer.pth"
    assert "secret" not in outcome.err + outcome.out
    assert list((folder / ".downloads").iterdir()) == []


def test_an_address_with_nothing_behind_it(afgen: Afgen, address: str) -> None:
    outcome = afgen("weights", "import", "lia", f"{address}/vox.pt", AGREED)
    assert (outcome.code, "the server says 404" in outcome.err) == (3, True)


def test_list_show_and_remove(afgen: Afgen, imported: Any, folder: Path) -> None:
    listed = afgen("weights", "list")
    assert "avatar-forcing" in listed.out
    assert "lacks" in listed.out
    assert json.loads(afgen("weights", "list", "--json").out) == [imported]
    shown = afgen("weights", "show", "avatar-forcing")
    for word in ("CC BY-NC 4.0", "1000 is noise", "frame-causal", "flow_transformer.pth"):
        assert word in shown.out
    assert "NonCommercial" in shown.err
    assert afgen("weights", "remove", "avatar-forcing", "--yes").code == 0
    assert list(folder.iterdir()) == []
    assert afgen("weights", "list").out == ""


def test_verify_tells_of_every_set(afgen: Afgen, imported: Any, folder: Path) -> None:
    (folder / "avatar-forcing" / "wav2vec2.safetensors").unlink()
    outcome = afgen("weights", "verify", "--json")
    assert outcome.code == 3
    (row,) = json.loads(outcome.out)
    assert (row["name"], row["ok"]) == ("avatar-forcing", False)
    assert "wav2vec2.safetensors" in row["problem"]
    assert "bad" in outcome.err


def test_without_weights_every_command_says_how_to_get_them(afgen: Afgen) -> None:
    for command in (("show",), ("verify",), ("remove", "--yes")):
        outcome = afgen("weights", *command, "avatar-forcing")
        assert outcome.code == 3
        assert "afgen weights import avatar-forcing --autoencoder" in outcome.err
    assert afgen("weights", "verify").code == 0
    assert afgen("weights", "show", "sd15").code == 2


def test_nothing_is_imported_without_agreement(
    afgen: Afgen, files: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [word for word in small(files) if word != AGREED]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    outcome = afgen(*command)
    assert outcome.code == 2
    assert "NonCommercial" in outcome.err
    assert "--accept-licence" in outcome.err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert afgen(*command).code == 2
    assert not folder.exists()
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    assert afgen(*command).code == 0


def test_an_import_that_fails_leaves_the_set_as_it_was(
    afgen: Afgen, files: Path, tmp_path: Path, imported: Any, folder: Path
) -> None:
    spoiled = tmp_path / "flow_transformer.pth"
    weights = generator_weights(TINY)
    del weights["flow_transformer.blocks.1.attn.qkv.bias"]
    weights["flow_transformer.surprise"] = torch.zeros(1)
    torch.save(weights, spoiled)
    outcome = afgen(*AVATAR_FORCING, "--generator", spoiled, "--heads", 4)
    assert outcome.code == 3
    assert "'flow_transformer.blocks.1.attn.qkv.bias'" in outcome.err
    assert "'flow_transformer.surprise'" in outcome.err
    assert json.loads(afgen("weights", "show", "avatar-forcing", "--json").out) == imported
    assert [path.name for path in folder.iterdir()] == ["avatar-forcing"]


def test_a_truncated_file_and_a_number_that_is_none(
    afgen: Afgen, files: Path, tmp_path: Path
) -> None:
    path = tmp_path / "flow_transformer.pth"
    path.write_bytes((files / path.name).read_bytes()[:-5000])
    outcome = afgen(*AVATAR_FORCING, "--generator", path)
    assert (outcome.code, "flow_transformer.pth is cut off" in outcome.err) == (3, True)
    weights = generator_weights(TINY)
    weights["flow_transformer.x_embedder.proj.weight"][0, 0] = torch.inf
    torch.save(weights, path)
    outcome = afgen(*AVATAR_FORCING, "--generator", path, "--heads", 4)
    assert outcome.code == 3
    assert "'flow_transformer.x_embedder.proj.weight'" in outcome.err


def test_files_given_for_one_another_are_told_apart(
    afgen: Afgen, files: Path, tmp_path: Path
) -> None:
    small_file = tmp_path / "motion_autoencoder.pth"
    torch.save({"motion_autoencoder.enc.fc.4.bias": torch.zeros(20)}, small_file)
    outcome = afgen(*AVATAR_FORCING, "--generator", small_file)
    assert outcome.code == 3
    assert "no entry 'flow_transformer.*'" in outcome.err
    outcome = afgen(*AVATAR_FORCING, "--autoencoder", files / "flow_transformer.pth")
    assert outcome.code == 3
    assert "no entry 'motion_autoencoder.*'" in outcome.err
    outcome = afgen(*AVATAR_FORCING, "--wav2vec2", files)
    assert outcome.code == 3
    assert "no model.safetensors" in outcome.err


def test_parts_that_do_not_fit_each_other_are_refused(
    afgen: Afgen, files: Path, tmp_path: Path
) -> None:
    size = GeneratorSize(motion=512, audio=96, condition=32, width=64, depth=1)
    path = write_generator(tmp_path / "flow_transformer.pth", size)
    wav2vec2 = files / "wav2vec2-base-960h"
    outcome = afgen(*AVATAR_FORCING, "--generator", path, "--wav2vec2", wav2vec2, "--heads", 4)
    assert outcome.code == 3
    assert "expects 96 audio features and the wav2vec2 folder gives 384" in outcome.err


def test_wrong_hashes_missing_files_and_nothing_at_all(
    afgen: Afgen, files: Path, tmp_path: Path
) -> None:
    path = files / "flow_transformer.pth"
    outcome = afgen(*AVATAR_FORCING, "--generator", path, "--generator-sha256", "0" * 64)
    assert (outcome.code, "not 0000" in outcome.err) == (3, True)
    outcome = afgen(*AVATAR_FORCING, "--generator", tmp_path / "none.pth")
    assert (outcome.code, "There is no file" in outcome.err) == (2, True)
    outcome = afgen(*AVATAR_FORCING)
    assert (outcome.code, "No file was given" in outcome.err) == (2, True)
    outcome = afgen("weights", "import", "lia", "ftp://example.org/vox.pt", AGREED)
    assert (outcome.code, "only https and http" in outcome.err) == (2, True)

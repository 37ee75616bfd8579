import contextlib
import dataclasses
import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from afgen.errors import OptionError, TrainingDivergedError
from afgen.train.checkpoints import BEST, chosen_checkpoint, read_checkpoint, written
from afgen.train.log import LOG, read_log
from afgen.train.loop import (
    Averages,
    LearningConfig,
    Metrics,
    Part,
    Player,
    Task,
    learning_rate_at,
    train,
)
from tests.train.toy import CONFIG, LEARNING, learned, line, loss_of_part, points, score, task

ROOT = Path(__file__).parents[2]


def crashed(run_dir: Path, at: int) -> None:
    """A run that stops in the middle of a step, as a crash would."""

    def crashing(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        if part.step >= at:
            raise KeyboardInterrupt
        return loss_of_part(model, part)

    with contextlib.suppress(KeyboardInterrupt):
        train(task(loss=crashing), CONFIG, run_dir)


def test_learning_lowers_the_loss_and_the_average_follows(tmp_path: Path) -> None:
    learner = learned(tmp_path)
    entries = read_log(tmp_path)
    assert [entry["step"] for entry in entries] == list(range(1, 41))
    assert entries[-1]["loss"] < 0.1 * entries[0]["loss"]
    assert score(learner.averages)["loss"] < 0.5 * entries[0]["loss"]


def test_a_resumed_run_repeats_the_uninterrupted_one_to_the_last_digit(tmp_path: Path) -> None:
    whole = learned(tmp_path / "whole")
    crashed(tmp_path / "broken", at=27)  # after the checkpoint of step 20
    assert read_log(tmp_path / "broken")[-1]["step"] == 27
    mended = train(task(seed=1), CONFIG, tmp_path / "broken", resume=True)
    assert (tmp_path / "broken" / LOG).read_bytes() == (tmp_path / "whole" / LOG).read_bytes()
    for name, value in whole.averages["line"].state_dict().items():
        assert torch.equal(value, mended.averages["line"].state_dict()[name])


@pytest.mark.slow
def test_a_killed_process_resumes_to_the_same_curve(tmp_path: Path) -> None:
    """Three times killed without warning, wherever it happens to be."""
    command = [sys.executable, "-m", "tests.train.toy"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, cwd=ROOT)
    broken = tmp_path / "broken"
    for wanted in (9, 20, 33):
        with subprocess.Popen([*command, str(broken), "--pause-s", "0.02"], cwd=ROOT) as process:
            while len(read_log(broken)) < wanted:
                assert process.poll() is None
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    subprocess.run([*command, str(broken)], check=True, cwd=ROOT)
    assert (broken / LOG).read_bytes() == (tmp_path / "whole" / LOG).read_bytes()


def test_a_line_that_a_kill_cut_off_is_no_entry(tmp_path: Path) -> None:
    crashed(tmp_path, at=12)
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 13, "lo')
    learned(tmp_path)
    assert [entry["step"] for entry in read_log(tmp_path)] == list(range(1, 41))


def test_a_run_is_not_begun_over_another(tmp_path: Path) -> None:
    crashed(tmp_path, at=12)
    with pytest.raises(OptionError, match="a run in"):
        train(task(), CONFIG, tmp_path)


def test_accumulating_parts_is_a_larger_batch(tmp_path: Path) -> None:
    """The mean over two parts, as one batch of both rows has it, but for rounding."""

    def at_once(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        both = [points(Part(part.step, index)) for index in (0, 1)]
        x_B3, wanted_B1 = (torch.cat(each) for each in zip(*both, strict=True))
        return (model(x_B3) - wanted_B1).square().mean(), {}

    def in_parts(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        x_B3, wanted_B1 = points(part)
        return (model(x_B3) - wanted_B1).square().mean(), {}

    train(task(loss=at_once), CONFIG, tmp_path / "once")
    twice = dataclasses.replace(CONFIG, accumulate=2)
    train(task(loss=in_parts), twice, tmp_path / "parts")
    for once, parts in zip(read_log(tmp_path / "once"), read_log(tmp_path / "parts"), strict=True):
        assert parts["loss"] == pytest.approx(once["loss"], rel=1e-4, abs=1e-6)


def test_evaluation_sees_the_averages_and_is_logged(tmp_path: Path) -> None:
    seen: list[bool] = []

    def evaluate(averages: Averages) -> Metrics:
        seen.append(not averages["line"].training)
        return {"score": 1.0}

    config = dataclasses.replace(CONFIG, steps=6, evaluate_every=4, log_every=3)
    train(dataclasses.replace(task(), evaluate=evaluate), config, tmp_path)
    assert seen == [True, True]
    entries = read_log(tmp_path)
    assert [entry["step"] for entry in entries] == [3, 4, 6]
    assert [entry["step"] for entry in entries if "evaluated.score" in entry] == [4, 6]


def test_learning_ends_when_nothing_becomes_better_and_the_best_is_kept(tmp_path: Path) -> None:
    course = iter([3.0, 2.0, 2.5, 2.1, 1.0])
    config = dataclasses.replace(CONFIG, evaluate_every=3, patience=2, checkpoint_every=100)
    stubborn = dataclasses.replace(task(), evaluate=lambda averages: {"loss": next(course)})
    learner = train(stubborn, config, tmp_path)
    assert (learner.step, learner.best) == (12, 2.0)
    assert chosen_checkpoint(tmp_path) == tmp_path / BEST
    assert read_checkpoint(tmp_path / BEST)["step"] == 6
    again = train(stubborn, config, tmp_path, resume=True)
    assert again.step == 12


def test_only_the_last_checkpoints_are_kept_and_say_where_they_come_from(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, keep=2)
    train(dataclasses.replace(task(), provenance={"recipe": "toy"}), config, tmp_path)
    assert [path.stem for path in written(tmp_path)] == ["step-00000030", "step-00000040"]
    assert read_checkpoint(written(tmp_path)[0])["provenance"] == {"recipe": "toy"}


def test_samples_are_made_with_the_averages(tmp_path: Path) -> None:
    def sample(averages: Averages, folder: Path) -> None:
        (folder / "weights.txt").write_text(str(averages["line"](torch.ones(1, 3)).item()))

    config = dataclasses.replace(CONFIG, sample_every=25)
    train(dataclasses.replace(task(), sample=sample), config, tmp_path)
    found = sorted(path.parent.name for path in tmp_path.glob("samples/*/weights.txt"))
    assert found == ["step-00000025", "step-00000040"]


def test_players_move_in_turn_and_leave_each_other_alone(tmp_path: Path) -> None:
    """A two-player game: one wants the line to be large, the other guesses where it is."""
    mover, guesser = nn.Linear(1, 1), nn.Linear(1, 1)
    one = torch.ones(1, 1)

    def near(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        assert [p.requires_grad for p in guesser.parameters()] == [False, False]
        return (model(one) - guesser(one)).square().mean() + 0.1 * (model(one) - 3).square(), {}

    def guess(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        assert [p.requires_grad for p in mover.parameters()] == [False, False]
        return (model(one) - mover(one)).square().mean(), {"at": model(one).item()}

    quick = LearningConfig(learning_rate=0.05, final_learning_rate=1e-3, warmup_steps=0)
    game = Task([Player("mover", mover, near, quick), Player("guesser", guesser, guess, quick)])
    train(game, dataclasses.replace(CONFIG, steps=600, log_every=600), tmp_path)
    entry = read_log(tmp_path)[-1]
    assert entry["guesser.at"] == pytest.approx(3, abs=0.1)
    assert {"loss", "rate", "guesser.loss", "guesser.rate"} <= entry.keys()


def test_what_a_task_froze_stays_frozen(tmp_path: Path) -> None:
    model = line()
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    train(Task([Player("line", model, loss_of_part, LEARNING)]), CONFIG, tmp_path)
    assert torch.equal(model[0].weight, before)
    assert not model[0].weight.requires_grad


def test_bfloat16_computes_coarsely_and_learns_all_the_same(tmp_path: Path) -> None:
    learned(tmp_path / "fine")
    learned(tmp_path / "coarse", dataclasses.replace(CONFIG, precision="bfloat16"))
    fine, coarse = read_log(tmp_path / "fine"), read_log(tmp_path / "coarse")
    assert coarse[0]["loss"] != fine[0]["loss"]
    assert coarse[0]["loss"] == pytest.approx(fine[0]["loss"], rel=0.05)
    assert coarse[-1]["loss"] < 0.1 * coarse[0]["loss"]


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_is_no_number_stops_the_run_before_it_spoils_the_weights(
    tmp_path: Path, what: str
) -> None:
    toy = task()

    def broken(model: nn.Module, part: Part) -> tuple[Tensor, Metrics]:
        loss, metrics = loss_of_part(model, part)
        if part.step != 3:
            return loss, metrics
        spoiled = loss * float("nan") if what == "loss" else loss + (loss - loss).sqrt()
        return spoiled, metrics

    player = dataclasses.replace(toy.players[0], loss=broken)
    with pytest.raises(TrainingDivergedError, match=f"{what} of the line at step 3"):
        train(Task([player]), CONFIG, tmp_path)
    assert all(one.isfinite().all() for one in player.model.parameters())


def test_the_rate_warms_up_and_falls_to_its_end() -> None:
    rates = [learning_rate_at(step, 40, LEARNING) for step in range(41)]
    assert rates[:5] == pytest.approx([0.06, 0.12, 0.18, 0.24, 0.3])
    assert all(a >= b for a, b in itertools.pairwise(rates[5:]))
    assert rates[-1] == pytest.approx(LEARNING.final_learning_rate)


def test_parts_of_a_player_learn_at_shares_of_its_rate(tmp_path: Path) -> None:
    def moved(folder: str, share: float) -> list[float]:
        model = line()
        before = [value.clone() for value in model.state_dict().values()]
        player = Player("line", model, loss_of_part, LEARNING, rates={"0.": share})
        train(Task([player]), dataclasses.replace(CONFIG, steps=1), tmp_path / folder)
        after = model.state_dict().values()
        return [float((new - old).abs().max()) for old, new in zip(before, after, strict=True)]

    whole, shared, frozen = moved("whole", 1.0), moved("shared", 0.1), moved("frozen", 0.0)
    assert shared[:2] == pytest.approx([0.1 * way for way in whole[:2]], rel=1e-3)
    assert shared[2:] == pytest.approx(whole[2:]) and frozen[:2] == [0.0, 0.0]

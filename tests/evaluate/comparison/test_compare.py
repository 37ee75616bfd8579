import json
from pathlib import Path

import numpy as np
import pytest

from afgen.errors import OptionError, ShardsError, WeightsMismatchError
from afgen.evaluate.comparison.compare import (
    GROUND_TRUTH,
    MOTIONS,
    CompareConfig,
    Comparison,
    Performed,
    judge,
    perform,
)
from afgen.evaluate.comparison.figures import FigureConfig
from afgen.evaluate.comparison.plots import draw_courses, draw_figures
from afgen.evaluate.comparison.systems import WithoutUser
from afgen.evaluate.comparison.table import as_json, as_markdown, number, summary, write_results
from afgen.evaluate.metrics.bootstrap import BootstrapConfig
from afgen.evaluate.metrics.reactivity import GrangerConfig
from tests.evaluate.made_cases import Made, made_dyads

pytestmark = pytest.mark.slow

QUICK = FigureConfig(granger=GrangerConfig(ahead_frames=5))  # made-up motion forgets itself soon
CONFIG = CompareConfig(rows=4, repetitions=3, figures=QUICK, bootstrap=BootstrapConfig(draws=200))


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> Performed:
    system = Made("answers")
    folder = tmp_path_factory.mktemp("evaluated")
    both = [system, WithoutUser(system, "deaf_&_blind")]
    return perform(made_dyads(8, 320), both, folder, CONFIG)


@pytest.fixture(scope="module")
def comparison(performed: Performed) -> Comparison:
    system = Made("answers")
    return judge(performed, [system, WithoutUser(system, "deaf_&_blind")], CONFIG)


def test_the_truth_is_at_no_distance_from_itself(comparison: Comparison) -> None:
    truth = comparison.rows[0]
    assert truth.name == GROUND_TRUTH
    for name in ("fd_exp", "fd_pose", "pfd_exp", "rpcc_corpus_exp", "rpcc_clips_pose"):
        assert truth.figures[name].value == pytest.approx(0, abs=1e-6)
    assert truth.figures["lips"].value == pytest.approx(1)
    assert truth.latency is None


def test_who_answers_is_told_from_who_cannot(comparison: Comparison) -> None:
    truth, answers, deaf = comparison.rows
    for row in (truth, answers):
        assert row.figures["rdgg_pose"].low > 0
    assert deaf.figures["rdgg_pose"].low <= 0 <= deaf.figures["rdgg_pose"].high
    assert answers.figures["rdgg_exp"].low <= 0 <= answers.figures["rdgg_exp"].high
    assert deaf.against["rdgg_pose"].high < 0
    assert not answers.against


def test_people_are_counted_and_not_clips(comparison: Comparison) -> None:
    assert (comparison.clips, comparison.people, comparison.frames) == (8, 4, 2560)


def test_what_was_generated_is_kept_and_only_the_rest_is_made(tmp_path: Path) -> None:
    samples, system = made_dyads(5, frames=40), Made("answers")
    first = perform(samples, [system], tmp_path, CONFIG)
    assert len(system.asked) == 5
    kept = sorted((tmp_path / MOTIONS).iterdir())
    kept[2].unlink()
    again = Made("another name")
    second = perform(samples, [again], tmp_path, CONFIG)
    assert len(again.asked) == 1
    assert sorted((tmp_path / MOTIONS).iterdir()) == kept
    for a_TD, b_TD in zip(first.motions["answers"], second.motions["another name"], strict=True):
        assert np.array_equal(a_TD, b_TD)


def test_other_contents_and_other_seeds_are_generated_anew(tmp_path: Path) -> None:
    samples, system = made_dyads(2, frames=40), Made("answers")
    perform(samples, [system], tmp_path, CONFIG)
    samples.samples["clip1"].arrays["user_motion_TD"][0, 0] += 1
    perform(samples, [system], tmp_path, CONFIG)
    assert len(system.asked) == 3
    perform(samples, [system], tmp_path, CompareConfig(seed=1))
    assert len(system.asked) == 5


def test_several_draws_of_a_clip_are_different_and_all_count(tmp_path: Path) -> None:
    system, config = Made("answers"), CompareConfig(draws=2)
    found = perform(made_dyads(2, frames=40), [system], tmp_path, config)
    assert len(set(system.asked)) == 4
    assert [case.key for case in found.cases] == ["clip0", "clip0", "clip1", "clip1"]
    assert judge(found, [system], config).clips == 2


def test_clips_of_one_person_have_no_figures_of_two(tmp_path: Path) -> None:
    system = Made("answers")
    found = perform(made_dyads(3, frames=40, sides="one"), [system], tmp_path, CONFIG)
    result = judge(found, [system], CONFIG)
    assert np.isnan(result.rows[1].figures["rpcc_corpus_exp"].value)
    assert np.isnan(result.rows[1].figures["rdgg_pose"].value)
    assert np.isfinite(result.rows[1].figures["fd_exp"].value)
    assert json.loads(as_json(result))["rows"][1]["figures"]["rdgg_pose"]["value"] is None
    assert "–" in as_markdown(result)


def test_progress_reaches_its_end(tmp_path: Path) -> None:
    told: dict[str, tuple[int, int]] = {}
    system = Made("answers")

    def tell(stage: str, done: int, total: int) -> None:
        told[stage] = (done, total)

    found = perform(made_dyads(3, frames=40), [system], tmp_path, CONFIG, tell=tell)
    judge(found, [system], CONFIG, tell)
    assert told == {"answers": (3, 3), "Measuring": (2, 2), "Timing": (1, 1)}


def test_the_tables_have_every_row_and_are_whole(comparison: Comparison, tmp_path: Path) -> None:
    write_results(comparison, tmp_path)
    markdown = (tmp_path / "table.md").read_text()
    grid = [line for line in markdown.splitlines() if line.startswith("| answers")]
    assert len(grid) == 3
    assert "0.50 = 0.4 + 0.100" in grid[0]
    assert "| minus answers |" in markdown
    latex = (tmp_path / "table.tex").read_text()
    assert r"deaf\_\&\_blind" in latex
    cells = {line.count("&") - line.count(r"\&") for line in latex.splitlines() if "0.50 &" in line}
    columns = latex.split("tabular}{")[1].split("}")[0]
    assert cells == {len(columns) - 1}
    assert latex.count("{") == latex.count("}")
    plain = json.loads((tmp_path / "results.json").read_text())
    assert plain["rows"][1]["latency"]["total_s"] == pytest.approx(0.5)
    assert plain["config"]["figures"]["granger"]["shifts"] == 100


def test_the_terminals_table_is_as_wide_as_its_header(comparison: Comparison) -> None:
    header, rows = summary(comparison)
    assert header == ["", GROUND_TRUTH, "answers", "deaf_&_blind"]
    assert {len(row) for row in rows} == {len(header)}
    assert [row[0] for row in rows if row[0].startswith("SID")] == ["SID exp ↑", "SID pose ↑"]


def test_pictures_are_drawn(comparison: Comparison, performed: Performed, tmp_path: Path) -> None:
    for draw, what, name in (
        (draw_figures, comparison, "figures.png"),
        (draw_courses, performed, "courses.png"),
    ):
        draw(what, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.012"), (-0.0, "0.000"), (12.3456, "12.35"), (438.817, "438.8"), (None, "–")],
)
def test_numbers_have_the_digits_that_matter(value: float | None, text: str) -> None:
    assert number(value) == text


def test_nothing_to_measure_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ShardsError, match="No sample"):
        perform(made_dyads(0), [Made("answers")], tmp_path, CONFIG)


def test_motion_of_another_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatchError, match="makes motion of 512 numbers"):
        perform(made_dyads(1, frames=40), [Made("lia", motion_dim=512)], tmp_path, CONFIG)
    samples = made_dyads(1, frames=40)
    samples.samples["clip0"].arrays["avatar_motion_TD"] = np.zeros((40, 512), np.float32)
    with pytest.raises(ShardsError, match="motion of 512 numbers"):
        perform(samples, [Made("answers")], tmp_path, CONFIG)


def test_two_rows_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("answers", GROUND_TRUTH):
        with pytest.raises(OptionError, match="one name"):
            perform(made_dyads(1, frames=40), [Made("answers"), Made(name)], tmp_path, CONFIG)

import numpy as np
import pytest

from afgen.data.listeners.shapes import nod, swell
from afgen.evaluate.listening.nods import nods, nods_in
from tests.evaluate.listening.test_reactions import placed


@pytest.mark.parametrize("cycles", [1, 3])
def test_a_nod_counts_once_however_many_cycles_it_has(cycles: int) -> None:
    pitch_T = placed(nod(5, 2.5, cycles, 0.7), [50, 200, 350])
    drifting_T = pitch_T + np.linspace(0, 6, 500, dtype=np.float32)
    assert nods(drifting_T).sum() == 3


def test_a_slow_turn_of_the_head_is_no_nod() -> None:
    assert nods(placed(6 * swell(3, 3, 3), [100])).sum() == 0


@pytest.mark.parametrize("cycles", [1, 2, 3])
def test_its_depth_length_and_cycles_are_those_it_was_made_with(cycles: int) -> None:
    (found,) = nods_in(placed(nod(6, 2.0, cycles, 0.8), [100]))
    assert found.cycles == cycles
    assert found.length_s == pytest.approx(cycles / 2.0, abs=0.12)
    assert found.depth_deg == pytest.approx(6, abs=0.9)  # it rises a little first
    assert abs(found.onset - 100) <= 3
    assert found.onset < found.lowest < found.end


def test_a_head_that_is_still_or_out_of_view_has_none() -> None:
    assert nods_in(np.zeros(50, np.float32)) == []
    assert nods_in(np.zeros(1, np.float32)) == []


def test_a_nod_cut_off_by_either_end_is_none() -> None:
    shape_T = nod(6, 2.0, 1, 0.8)
    lowest = int(shape_T.argmax())
    assert nods_in(shape_T[: lowest + 1]) == []
    assert nods_in(shape_T[lowest:]) == []

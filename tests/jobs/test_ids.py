import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from afgen.jobs.ids import Kind, is_id, new_id, new_ids, pattern

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("kind", Kind)
def test_an_id_names_its_kind(kind: Kind) -> None:
    made = new_id(kind, MOMENT)
    assert is_id(kind, made) and re.match(pattern(kind), made)
    assert not any(is_id(other, made) for other in Kind if other is not kind)


def test_the_example_of_the_specification() -> None:
    """Milliseconds come first: those of 2016-07-30 make `01ARYZ6S41`."""
    made = new_id(Kind.JOB, datetime.fromtimestamp(1469918176.385, UTC))
    assert made.startswith("job_01aryz6s41")


def test_later_ids_sort_later() -> None:
    times = [MOMENT + timedelta(milliseconds=at) for at in range(50)]
    made = [new_id(Kind.JOB, at) for at in times]
    assert made == sorted(made)


def test_ids_made_together_are_in_order() -> None:
    made = new_ids(Kind.JOB, MOMENT, 1000)
    assert all(one < two for one, two in pairwise(made))


def test_nobody_guesses_an_id() -> None:
    assert len({new_id(Kind.JOB, MOMENT)[14:] for _ in range(1000)}) == 1000


@pytest.mark.parametrize("text", ["", "job_", "job_" + "u" * 26, "job_" + "0" * 25, "x" * 30])
def test_other_text_is_no_id(text: str) -> None:
    assert not is_id(Kind.JOB, text)
    assert not is_id(Kind.JOB, new_id(Kind.JOB, MOMENT) + "\n")

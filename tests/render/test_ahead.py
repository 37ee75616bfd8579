from collections.abc import Iterator

import pytest

from afgen.render.ahead import ahead


def counted(limit: int, seen: list[int]) -> Iterator[int]:
    for number in range(limit):
        seen.append(number)
        yield number


def test_same_values_in_the_same_order() -> None:
    assert list(ahead(counted(50, []))) == list(range(50))


def test_runs_only_so_far_ahead() -> None:
    seen: list[int] = []
    values = ahead(counted(1000, seen), depth=2)
    next(values)
    values.close()
    assert len(seen) <= 1 + 2 + 1  # taken, queued, in hand


def test_an_error_comes_after_the_values_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    values = ahead(broken())
    assert next(values) == 1
    with pytest.raises(ValueError, match="broken"):
        next(values)


def test_closing_closes_the_source() -> None:
    closed: list[bool] = []

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    values = ahead(source())
    next(values)
    values.close()
    assert closed == [True]

"""When schedules are due, across the days on which clocks are set."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afgen.errors import ScheduleError
from afgen.jobs.cron import (
    GRACE,
    MOST_AT_ONCE,
    Cron,
    Misfire,
    next_after,
    next_times,
    parse_cron,
    plan,
)

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
ZONES = [BERLIN, NEW_YORK, "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata", "UTC"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def due_on(cron: str, zone: str, start: str, count: int) -> list[str]:
    parsed = parse_cron(cron, zone)
    after = datetime.fromisoformat(start).replace(tzinfo=parsed.zone)
    return [
        at.astimezone(parsed.zone).strftime("%d %H:%M%z") for at in next_times(parsed, after, count)
    ]


@pytest.mark.parametrize(
    ("cron", "zone", "start", "due"),
    [
        # 02:00 becomes 03:00 on 29 March in Berlin, on 8 March in New York
        ("30 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:30+0200"]),
        ("15,45 2 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:15+0200"]),
        ("0 2,3 * * *", BERLIN, "2026-03-28T12:00", ["29 03:00+0200", "30 02:00+0200"]),
        ("0 * * * *", BERLIN, "2026-03-29T00:30", ["29 01:00+0100", "29 03:00+0200"]),
        ("0 */2 * * *", BERLIN, "2026-03-28T23:30", ["29 00:00+0100", "29 04:00+0200"]),
        ("*/30 2 * * *", BERLIN, "2026-03-28T12:00", ["30 02:00+0200", "30 02:30+0200"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00", ["08 03:00-0400", "09 02:30-0400"]),
        # 03:00 becomes 02:00 on 25 October in Berlin, 02:00 becomes 01:00 on 1 November in New York
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["25 02:30+0200", "26 02:30+0100"]),
        ("0 * * * *", BERLIN, "2026-10-25T01:30", ["25 02:00+0200", "25 02:00+0100"]),
        ("0 */2 * * *", BERLIN, "2026-10-25T01:30", ["25 02:00+0200", "25 02:00+0100"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["01 01:30-0400", "02 01:30-0500"]),
        # and elsewhere nothing happens
        ("0 2 29 2 *", BERLIN, "2026-03-28T12:00", ["29 02:00+0100"]),
        ("0 0 * * 0", "Asia/Kolkata", "2026-03-28T12:00", ["29 00:00+0530", "05 00:00+0530"]),
    ],
)
def test_days_on_which_clocks_are_set(cron: str, zone: str, start: str, due: list[str]) -> None:
    assert due_on(cron, zone, start, len(due)) == due


def test_the_hour_that_comes_twice_is_left_forwards() -> None:
    cron = parse_cron("30 2 * * *", BERLIN)
    second_time = moment("2026-10-25T01:10:00+00:00")  # 02:10 for the second time
    assert next_after(cron, second_time) == moment("2026-10-26T01:30:00+00:00")


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=25, deadline=None)
@given(hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_a_time_of_day_is_due_once_a_day(zone: str, hour: int, minute: int) -> None:
    cron = parse_cron(f"{minute} {hour} * * *", zone)
    after = datetime(2026, 3, 1, tzinfo=cron.zone) - timedelta(seconds=1)
    days = Counter(at.astimezone(cron.zone).date() for at in next_times(cron, after, 60))
    assert days == {date(2026, 3, 1) + timedelta(days=day): 1 for day in range(60)}


FIELDS = st.tuples(
    st.sampled_from(["*", "*/7", "0", "30", "15,45", "10-20"]),
    st.sampled_from(["*", "*/2", "1", "2", "2,3", "1-3", "23"]),
    st.sampled_from(["*", "L", "25", "*/3"]),
    st.sampled_from(["*", "3", "10,11"]),
    st.sampled_from(["*", "0", "MON-FRI", "SUN#4", "5L"]),
)
CRONS = st.builds(lambda fields, zone: parse_cron(" ".join(fields), zone), FIELDS,
                  st.sampled_from(ZONES))  # fmt: skip
MOMENTS = st.datetimes(
    datetime(2026, 1, 1),
    datetime(2027, 1, 1),
    timezones=st.just(UTC),
)


@settings(deadline=None)
@given(CRONS, MOMENTS)
def test_due_times_rise_and_none_is_left_out(cron: Cron, after: datetime) -> None:
    times = next_times(cron, after, 4)
    assert all(earlier < later for earlier, later in zip([after, *times], times, strict=False))
    between = after + (times[0] - after) / 2
    assert next_after(cron, between) == times[0]


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "* * * * * *", "60 * * * *", "@daily", "0 0 30 2 *", "0 0 31 4,6 *",
     "a b c d e", "*/0 * * * *", "5-1 * * * *", "0 0 * * " + "1," * 100 + "1"],
)  # fmt: skip
def test_expressions_that_make_no_sense(cron: str) -> None:
    with pytest.raises(ScheduleError):
        parse_cron(cron, BERLIN)


@pytest.mark.parametrize("zone", ["", "Europe", "Berlin", "../Europe/Berlin", "/etc/passwd", "a\0"])
def test_zones_that_there_are_not(zone: str) -> None:
    with pytest.raises(ScheduleError):
        parse_cron("0 0 * * *", zone)


@settings(deadline=None)
@given(st.lists(st.text("0123456789*/,-#LWlSUNJAN ²", min_size=1, max_size=6), min_size=5,
                max_size=5))  # fmt: skip
def test_any_text_is_a_schedule_or_an_error(fields: list[str]) -> None:
    try:
        cron = parse_cron(" ".join(fields), BERLIN)
    except ScheduleError:
        return
    assert next_after(cron, datetime(2026, 1, 1, tzinfo=UTC))


HOURLY = parse_cron("0 * * * *", "UTC")
NIGHT = moment("2026-05-01T00:00:00+00:00")


def hours(*numbers: int) -> tuple[datetime, ...]:
    return tuple(NIGHT + timedelta(hours=number) for number in numbers)


@pytest.mark.parametrize(
    ("misfire", "start", "missed"),
    [
        (Misfire.SKIP, hours(), hours(0, 1, 2)),
        (Misfire.ONCE, hours(2), hours(0, 1)),
        (Misfire.ALL, hours(0, 1, 2), hours()),
    ],
)
def test_three_hours_asleep(
    misfire: Misfire, start: tuple[datetime, ...], missed: tuple[datetime, ...]
) -> None:
    woken = NIGHT + timedelta(hours=2, minutes=30)
    made = plan(HOURLY, NIGHT, woken, misfire)
    assert (made.start, made.missed, made.next_at) == (start, missed, *hours(3))


@pytest.mark.parametrize("misfire", [Misfire.SKIP, Misfire.ONCE])
def test_a_due_time_just_now_makes_up_for_those_missed(misfire: Misfire) -> None:
    made = plan(HOURLY, NIGHT, NIGHT + timedelta(hours=2) + GRACE, misfire)
    assert (made.start, made.missed) == (hours(2), hours(0, 1))


def test_nothing_is_due_before_its_time() -> None:
    made = plan(HOURLY, NIGHT, NIGHT - timedelta(microseconds=1), Misfire.ALL)
    assert (made.start, made.missed, made.next_at) == ((), (), NIGHT)


def test_a_year_asleep_is_caught_up_with_in_part() -> None:
    minutely = parse_cron("* * * * *", BERLIN)
    now = NIGHT + timedelta(days=365)
    made = plan(minutely, NIGHT, now, Misfire.ALL)
    assert made.start == tuple(now - timedelta(minutes=back) for back in range(23, -1, -1))
    yearly = parse_cron("0 0 2 5 *", "UTC")
    assert plan(yearly, NIGHT, now, Misfire.ONCE).start == (NIGHT + timedelta(days=1),)


@settings(deadline=None)
@given(CRONS, MOMENTS, st.integers(0, 10**6), st.sampled_from(Misfire))
def test_a_plan_leaves_nothing_behind(
    cron: Cron, before: datetime, asleep_s: int, misfire: Misfire
) -> None:
    first = next_after(cron, before)
    assert first is not None
    now = first + timedelta(seconds=asleep_s)
    made = plan(cron, first, now, misfire)
    handled = sorted(made.start + made.missed)
    assert len(set(handled)) == len(handled) <= MOST_AT_ONCE
    assert handled == next_times(cron, handled[0] - timedelta(seconds=1), len(handled))
    assert made.next_at == next_after(cron, handled[-1])
    assert made.next_at is not None
    assert handled[-1] <= now < made.next_at

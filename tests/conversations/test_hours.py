"""Business hours: days, midnight, holidays, and the two nights on which clocks are changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversations.handoffs import hours

OFFICE = {day: [["09:00", "12:00"], ["13:00", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-24T08:59:59", False),
        ("2026-11-24T09:00", True),
        ("2026-11-24T12:00", False),
        ("2026-11-24T12:30", False),
        ("2026-11-24T17:29:59", True),
        ("2026-11-24T17:30", False),
        ("2026-11-28T10:00", False),
    ],
)
def test_it_is_open_from_the_first_minute_to_before_the_last(moment: str, expected: bool) -> None:
    assert hours.is_open(OFFICE, "Europe/Berlin", [], at(moment)) is expected


def test_no_hours_at_all_means_always_open() -> None:
    assert hours.is_open({}, "Asia/Shanghai", [], at("2026-11-29T03:00"))
    assert hours.next_opening({}, "UTC", [], at("2026-11-29T03:00")) == at("2026-11-29T03:00")


def test_the_hours_are_those_of_the_inboxs_time_zone() -> None:
    moment = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai
    assert hours.is_open(OFFICE, "Asia/Shanghai", [], moment)
    assert not hours.is_open(OFFICE, "Europe/Berlin", [], moment)


def test_a_holiday_is_closed_and_the_next_opening_is_after_it() -> None:
    friday_evening = at("2026-12-24T18:00")
    opening = hours.next_opening(OFFICE, "Europe/Berlin", ["2026-12-25"], friday_evening)
    assert opening == at("2026-12-28T09:00"), "Friday is a holiday, then comes the weekend"


def test_an_always_open_inbox_may_have_holidays() -> None:
    assert not hours.is_open({}, "UTC", ["2026-12-25"], at("2026-12-25T10:00", "UTC"))
    assert hours.next_opening({}, "UTC", ["2026-12-25"], at("2026-12-25T10:00", "UTC")) == at("2026-12-26T00:00", "UTC")


def test_a_span_over_midnight_belongs_to_the_day_it_begins() -> None:
    night = {"fri": [["22:00", "02:00"]]}
    assert hours.is_open(night, "Europe/Berlin", [], at("2026-11-27T23:00"))
    assert hours.is_open(night, "Europe/Berlin", [], at("2026-11-28T01:59"))
    assert not hours.is_open(night, "Europe/Berlin", [], at("2026-11-28T02:00"))
    assert not hours.is_open(night, "Europe/Berlin", [], at("2026-11-27T01:00"))
    assert hours.is_open(night, "Europe/Berlin", ["2026-11-28"], at("2026-11-28T01:00")), "Friday is no holiday"
    assert not hours.is_open(night, "Europe/Berlin", ["2026-11-27"], at("2026-11-28T01:00"))


def test_a_day_may_be_open_from_midnight_to_midnight() -> None:
    whole = {"sat": [["00:00", "24:00"]]}
    assert hours.is_open(whole, "UTC", [], at("2026-11-28T23:59:59", "UTC"))
    assert not hours.is_open(whole, "UTC", [], at("2026-11-29T00:00", "UTC"))


def test_nine_oclock_stays_nine_oclock_when_summer_time_begins_and_ends() -> None:
    daily = {day: [["09:00", "17:00"]] for day in hours.DAYS}
    for eve, offset in (("2026-03-28T20:00", 2), ("2026-10-24T20:00", 1)):
        opening = hours.next_opening(daily, "Europe/Berlin", [], at(eve))
        assert opening is not None
        assert (opening.hour, opening.utcoffset()) == (9, timedelta(hours=offset))


def test_the_night_without_two_oclock_opens_an_hour_later_and_not_never() -> None:
    early = {"sun": [["02:30", "06:00"]]}
    spring = hours.next_opening(early, "Europe/Berlin", [], at("2026-03-28T20:00"))
    assert spring == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert hours.is_open(early, "Europe/Berlin", [], datetime(2026, 3, 29, 1, 30, tzinfo=UTC))


def test_the_night_with_two_two_oclocks_is_open_in_both() -> None:
    night = {"sun": [["01:00", "02:30"]]}
    for utc_hour, minute in ((0, 15), (1, 15)):  # 02:15 summer time, then 02:15 again
        assert hours.is_open(night, "Europe/Berlin", [], datetime(2026, 10, 25, utc_hour, minute, tzinfo=UTC))
    assert not hours.is_open(night, "Europe/Berlin", [], datetime(2026, 10, 25, 1, 30, tzinfo=UTC))


def test_hours_that_never_come_have_no_next_opening() -> None:
    every_monday = [(datetime(2026, 11, 23, tzinfo=UTC) + timedelta(weeks=n)).date().isoformat() for n in range(120)]
    assert hours.next_opening({"mon": [["09:00", "10:00"]]}, "UTC", every_monday, at("2026-11-24T10:00", "UTC")) is None


times = st.integers(0, 23 * 60 + 59).map(lambda m: f"{m // 60:02}:{m % 60:02}")
weeks = st.dictionaries(
    st.sampled_from(hours.DAYS), st.tuples(times, times).filter(lambda s: s[0] != s[1]).map(lambda s: [list(s)])
)
zone_names = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Shanghai",
    ]
)


@given(weeks, zone_names, st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))
def test_the_next_opening_is_open_and_nothing_before_it_is(week: dict, zone: str, moment: datetime) -> None:  # type: ignore[type-arg]
    opening = hours.next_opening(week, zone, [], moment)
    assert opening is not None
    assert hours.is_open(week, zone, [], opening)
    assert opening >= moment
    if opening > moment:
        assert not hours.is_open(week, zone, [], moment)
        assert not hours.is_open(week, zone, [], opening - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("field", "values", "says"),
    [
        ("hours", {"hours": {"someday": []}}, "Monday to Sunday"),
        ("hours", {"hours": []}, "Monday to Sunday"),
        ("hours", {"hours": {"mon": "09:00"}}, "like 09:00 to 17:30"),
        ("hours", {"hours": {"mon": [["09:00"]]}}, "like 09:00 to 17:30"),
        ("hours", {"hours": {"mon": [["25:00", "26:00"]]}}, "25:00"),
        ("hours", {"hours": {"mon": [["9am", "17:00"]]}}, "9am"),
        ("hours", {"hours": {"mon": [["٠٩:٠٠", "17:00"]]}}, "no time of day"),
        ("hours", {"hours": {"mon": [[9, 17]]}}, "no time of day"),
        ("hours", {"hours": {"mon": [["09:00", "09:00"]]}}, "another time"),
        ("hours", {"hours": {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}}, "overlap"),
        ("hours", {"hours": {"mon": [["09:00", "09:30"]] * 7}}, "at most 6"),
        ("time_zone", {"time_zone": "Mars/Olympus"}, "Europe/Berlin"),
        ("time_zone", {"time_zone": "../../etc/passwd"}, "no time zone"),
        ("holidays", {"holidays": ["25.12.2026"]}, "2027-01-01"),
        ("holidays", {"holidays": "2026-12-25"}, "list"),
        ("holidays", {"holidays": ["2026-02-30"]}, "no date"),
        ("holidays", {"holidays": [7]}, "no date"),
    ],
)
def test_a_bad_value_is_refused_with_what_to_do(field: str, values: dict, says: str) -> None:  # type: ignore[type-arg]
    found = hours.problems(**{"hours": OFFICE, "time_zone": "UTC", "holidays": [], **values})
    assert list(found) == [field]
    assert says in found[field]


def test_every_bad_field_is_told_at_once_and_good_ones_are_not() -> None:
    assert set(hours.problems(hours={"x": 1}, time_zone="X", holidays=["y"])) == {"hours", "time_zone", "holidays"}
    assert hours.problems(hours=OFFICE, time_zone="Asia/Shanghai", holidays=["2026-12-25"]) == {}


def test_what_no_form_would_have_stored_counts_as_always_open() -> None:
    assert hours.is_open({"mon": "rubbish"}, "Nowhere", None, at("2026-11-29T03:00"))

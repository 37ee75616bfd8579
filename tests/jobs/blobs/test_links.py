from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from afgen.errors import BlobKeyError, LinkRefusedError
from afgen.jobs.blobs.links import PATH, Grant, Links

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = "inputs/ten_1/ast_2/recording.mp4"


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(clock: Clock) -> Links:
    return Links("https://afgen.example.com/", "secret", clock)


def asked(url: str) -> tuple[str, dict[str, str]]:
    address = urlsplit(url)
    return address.path.removeprefix(PATH), dict(parse_qsl(address.query))


def grant(links: Links, **changes: object) -> Grant:
    every = {"size": 7, "filename": "a & b=ü.mp4", "upload_id": "0" * 32, "number": 3}
    return Grant("PUT", KEY, links.expiry(60), **{**every, **changes})


def test_an_address_stands_for_its_grant(links: Links) -> None:
    url = links.sign(grant(links))
    assert url.startswith(f"https://afgen.example.com{PATH}{KEY}?")
    assert links.verify("PUT", *asked(url)) == grant(links)


def test_a_head_may_be_asked_for_where_a_get_may(links: Links) -> None:
    key, query = asked(links.sign(Grant("GET", KEY, links.expiry(60))))
    assert links.verify("HEAD", key, query) == links.verify("GET", key, query)
    with pytest.raises(LinkRefusedError):
        links.verify("PUT", key, query)


@pytest.mark.parametrize("name", ["expires", "size", "filename", "upload", "part", "signature"])
@pytest.mark.parametrize("change", ["", "9", "9999999999", None, "ä"])
def test_nothing_of_it_can_be_changed(links: Links, name: str, change: str | None) -> None:
    key, query = asked(links.sign(grant(links)))
    changed = {**query, name: change}
    with pytest.raises(LinkRefusedError):
        links.verify("PUT", key, {n: v for n, v in changed.items() if v is not None})


def test_nothing_can_be_added(links: Links) -> None:
    key, query = asked(links.sign(Grant("PUT", KEY, links.expiry(60), size=7)))
    for name in ("part", "upload", "filename", "other"):
        with pytest.raises(LinkRefusedError):
            links.verify("PUT", key, {**query, name: "1"})


def test_it_is_for_one_key(links: Links) -> None:
    _, query = asked(links.sign(grant(links)))
    with pytest.raises(LinkRefusedError):
        links.verify("PUT", KEY.replace("ten_1", "ten_2"), query)
    with pytest.raises(BlobKeyError):
        links.verify("PUT", "../../etc/passwd", query)


def test_it_ends_at_its_second(links: Links, clock: Clock) -> None:
    key, query = asked(links.sign(grant(links)))
    clock.now = NOW + timedelta(seconds=59)
    assert links.verify("PUT", key, query).size == 7
    clock.now = NOW + timedelta(seconds=60)
    with pytest.raises(LinkRefusedError, match="expired"):
        links.verify("PUT", key, query)


def test_another_secret_signs_otherwise(links: Links, clock: Clock) -> None:
    key, query = asked(Links("https://afgen.example.com", "another", clock).sign(grant(links)))
    with pytest.raises(LinkRefusedError):
        links.verify("PUT", key, query)

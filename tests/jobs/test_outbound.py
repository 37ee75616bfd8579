"""HTTP to the outside, spoken with real servers on this machine that play the outside."""

import datetime as dt
import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from afgen.errors import (
    AddressRefusedError,
    FetchError,
    FetchInterruptedError,
    FetchTooLargeError,
    OutputUnwritableError,
)
from afgen.jobs.addresses import AddressPolicy
from afgen.jobs.outbound import Limits, Outbound, Resolve, policy_of, system_resolve
from afgen.jobs.settings import ServiceSettings
from tests.jobs.sites import (
    INSIDE,
    NOBODY,
    OUTSIDE,
    Answer,
    Names,
    Site,
    answer,
    policy,
    raw,
    site,
)

BODY = bytes(range(256)) * 40
LIMITS = Limits(total_s=30.0, silence_s=5.0, most_bytes=1 << 20)


@pytest.fixture
def outside() -> Iterator[Site]:
    with site(OUTSIDE) as made:
        yield made


def outbound(*sites: Site, resolve: Names | None = None) -> Outbound:
    ports = (made.port for made in sites)
    return Outbound(policy(*ports), resolve=resolve or Names([OUTSIDE]), ssl_context=NOBODY)


def at(made: Site, path: str = "/a.mp4") -> str:
    return f"http://files.example:{made.port}{path}"


def test_a_file_arrives_whole_with_its_hash(outside: Site, tmp_path: Path) -> None:
    outside.answers["/a.mp4?b=c"] = answer(200, BODY, Content_Type="video/mp4")
    fetched = outbound(outside).download(at(outside, "/a.mp4?b=c"), tmp_path / "a", LIMITS)
    assert (tmp_path / "a").read_bytes() == BODY
    assert fetched.sha256 == hashlib.sha256(BODY).hexdigest()
    assert (fetched.bytes, fetched.content_type) == (len(BODY), "video/mp4")
    _, _, fields, _ = outside.asked[0]
    assert fields["Host"] == f"files.example:{outside.port}"
    assert fields["Accept-Encoding"] == "identity"


def test_a_download_can_be_ended_from_outside(outside: Site, tmp_path: Path) -> None:
    outside.answers["/a.mp4"] = answer(200, BODY)
    told: list[int] = []
    outbound(outside).download(at(outside), tmp_path / "a", LIMITS, tell=told.append)
    assert told == sorted(set(told))
    assert told[-1] == len(BODY)

    def enough(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbound(outside).download(at(outside), tmp_path / "b", LIMITS, tell=enough)
    assert not (tmp_path / "b").exists()


def test_a_name_that_changes_its_mind_is_not_asked_twice(outside: Site, tmp_path: Path) -> None:
    with site(INSIDE, outside.port) as inside:
        outside.answers["/a.mp4"] = inside.answers["/a.mp4"] = answer(200, BODY)
        names = Names([OUTSIDE], [INSIDE])
        outbound(outside, resolve=names).download(at(outside), tmp_path / "a", LIMITS)
        assert names.asked == 1
        assert (len(outside.asked), len(inside.asked)) == (1, 0)


@pytest.mark.parametrize(
    "addresses",
    [[INSIDE], [OUTSIDE, INSIDE], [INSIDE, OUTSIDE], ["::1"], ["fe80::1%lo"], ["::ffff:127.0.0.1"]],
)
def test_a_name_with_an_address_inside_is_refused_whole(
    outside: Site, tmp_path: Path, addresses: list[str]
) -> None:
    with site(INSIDE, outside.port) as inside, pytest.raises(AddressRefusedError):
        names = Names(addresses)
        outbound(outside, resolve=names).download(at(outside), tmp_path / "a", LIMITS)
    assert (outside.asked, inside.asked) == ([], [])


@pytest.mark.parametrize(
    ("status", "location"),
    [
        *((status, "http://127.0.0.2:{port}/a.mp4") for status in (301, 302, 303, 307, 308)),
        (302, "//127.0.0.2:{port}/a.mp4"),
        (302, "http://2130706434:{port}/a.mp4"),
        (302, "http://0x7f.2:{port}/a.mp4"),
        (302, "http://[::ffff:127.0.0.2]:{port}/a.mp4"),
        (302, "http://user@127.0.0.2:{port}/a.mp4"),
        (302, "http://inside.example:{port}/a.mp4"),
        (302, "http://169.254.169.254/latest/meta-data/"),
        (302, "http://127.0.0.1:6379/"),
        (302, "file:///etc/passwd"),
        (302, "http://[::1"),
    ],
)
def test_a_redirect_is_checked_as_the_first_url_was(
    outside: Site, tmp_path: Path, status: int, location: str
) -> None:
    with site(INSIDE, outside.port) as inside:
        outside.answers["/a.mp4"] = answer(status, Location=location.format(port=outside.port))
        names = Names([OUTSIDE], [INSIDE])
        with pytest.raises(AddressRefusedError):
            outbound(outside, resolve=names).download(at(outside), tmp_path / "a", LIMITS)
        assert (len(outside.asked), len(inside.asked)) == (1, 0)
    assert not (tmp_path / "a").exists()


def test_redirects_are_followed_so_far(outside: Site, tmp_path: Path) -> None:
    for hop in range(4):
        outside.answers[f"/{hop}"] = answer(302, Location=f"{hop + 1}")
    outside.answers["/4"] = answer(200, BODY)
    speaks = outbound(outside)
    assert speaks.download(at(outside, "/1"), tmp_path / "a", LIMITS).bytes == len(BODY)
    with pytest.raises(FetchError, match="more than 3 redirects"):
        speaks.download(at(outside, "/0"), tmp_path / "b", LIMITS)


def test_a_redirect_to_nowhere_is_an_error(outside: Site, tmp_path: Path) -> None:
    outside.answers["/a.mp4"] = answer(302)
    with pytest.raises(FetchError, match="nowhere"):
        outbound(outside).download(at(outside), tmp_path / "a", LIMITS)


@pytest.mark.parametrize(
    ("status", "again"), [(401, False), (404, False), (206, False), (429, True), (503, True)]
)
def test_a_status_says_whether_to_try_again(
    outside: Site, tmp_path: Path, status: int, again: bool
) -> None:
    outside.answers["/a.mp4"] = answer(status)
    with pytest.raises(FetchError) as failed:
        outbound(outside).download(at(outside), tmp_path / "a", LIMITS)
    assert failed.value.retryable is again


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN: dict[str, tuple[Answer, type[FetchError]]] = {
    "announced too large": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n"),
                            FetchTooLargeError),
    "larger than said": (raw(CHUNKED, b"100000\r\n", bytes(1 << 20), b"\r\n1\r\na\r\n"),
                         FetchTooLargeError),
    "compressed": (answer(200, BODY, Content_Encoding="gzip"), FetchError),
    "cut off": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), FetchInterruptedError),
    "chunk cut off": (raw(CHUNKED, b"10\r\nab"), FetchInterruptedError),
    "no http": (raw(b"220 smtp.example\r\n"), FetchInterruptedError),
    "nothing": (raw(), FetchInterruptedError),
    "endless header": (raw(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200_000), FetchInterruptedError),
    "two lengths": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
                    FetchInterruptedError),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_nothing_is_left_of_an_answer_that_will_not_do(
    outside: Site, tmp_path: Path, name: str
) -> None:
    outside.answers["/a.mp4"], error = BROKEN[name]
    with pytest.raises(error):
        outbound(outside).download(at(outside), tmp_path / "a", LIMITS)
    assert list(tmp_path.iterdir()) == []


def test_where_nobody_listens_it_is_said_in_words(tmp_path: Path) -> None:
    with socket.create_server((OUTSIDE, 0)) as closed:
        port = closed.getsockname()[1]
    speaks = Outbound(policy(port), resolve=Names([OUTSIDE]), ssl_context=NOBODY)
    with pytest.raises(FetchInterruptedError, match=f"^a.example:{port}: Connection refused.$"):
        speaks.download(f"http://a.example:{port}/", tmp_path / "a", LIMITS)


def test_silence_is_waited_for_only_so_long(tmp_path: Path) -> None:
    with socket.create_server((OUTSIDE, 0)) as silent:
        port = silent.getsockname()[1]
        speaks = Outbound(policy(port), resolve=Names([OUTSIDE]))
        with pytest.raises(FetchInterruptedError):
            speaks.download(f"http://a.example:{port}/", tmp_path / "a", Limits(silence_s=0.05))


def test_drops_do_not_put_off_the_end(outside: Site, tmp_path: Path) -> None:
    outside.answers["/a.mp4"] = raw(CHUNKED, *([b"1\r\na\r\n"] * 5000))
    clock = count()  # each look at the clock takes a second
    speaks = Outbound(
        policy(outside.port), resolve=Names([OUTSIDE]), monotonic=lambda: float(next(clock))
    )
    with pytest.raises(FetchInterruptedError, match="too long"):
        speaks.download(at(outside), tmp_path / "a", Limits(total_s=6.0))


def test_a_resolver_that_hangs_is_left_alone(tmp_path: Path) -> None:
    hang = threading.Event()

    def resolve(name: str, port: int) -> Sequence[str]:
        hang.wait()
        return []

    speaks = Outbound(policy(80), resolve=resolve)
    with pytest.raises(FetchInterruptedError):
        speaks.download("http://a.example/", tmp_path / "a", Limits(silence_s=0.05))
    hang.set()


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), False),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), True),
        (OSError("no network"), True),
    ],
)
def test_a_name_without_an_answer(error: OSError, again: bool, tmp_path: Path) -> None:
    def resolve(name: str, port: int) -> Sequence[str]:
        raise error

    with pytest.raises(FetchError) as failed:
        Outbound(AddressPolicy(), resolve=resolve, ssl_context=NOBODY).download(
            "https://a.example/", tmp_path / "a", LIMITS
        )
    assert failed.value.retryable is again


@pytest.mark.parametrize("resolve", [Names(["10.0.0.1"]), Names([]), system_resolve])
def test_a_name_that_leads_inside_or_nowhere_is_refused(resolve: Resolve, tmp_path: Path) -> None:
    speaks = Outbound(AddressPolicy(), resolve=resolve, ssl_context=NOBODY)
    with pytest.raises((AddressRefusedError, FetchError)) as refused:
        speaks.post("https://localhost/", b"{}", {})
    assert not refused.value.retryable


def test_settings_say_what_may_be_spoken_to(outside: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert policy_of(ServiceSettings()) == AddressPolicy()
    monkeypatch.setenv("AFGEN_OUTBOUND_HTTP", "true")
    monkeypatch.setenv("AFGEN_OUTBOUND_PORTS", f"[{outside.port}]")
    monkeypatch.setenv("AFGEN_OUTBOUND_TRUSTED", '["127.0.0.0/8"]')
    speaks = Outbound(policy_of(ServiceSettings()), ssl_context=NOBODY)
    assert speaks.post(f"http://127.0.0.1:{outside.port}/hook", b"{}", {}).status == 404


def test_another_address_of_the_name_is_tried(outside: Site, tmp_path: Path) -> None:
    outside.answers["/a.mp4"] = answer(200, BODY)
    trusting = AddressPolicy(
        frozenset({"http"}), frozenset({outside.port}), (IPv4Network("127.0.0.0/8"),)
    )
    speaks = Outbound(trusting, resolve=Names(["127.0.0.3", OUTSIDE]))
    assert speaks.download(at(outside), tmp_path / "a", LIMITS).bytes == len(BODY)


def test_proxies_of_the_environment_are_not_asked(
    outside: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{INSIDE}:9")
    outside.answers["/a.mp4"] = answer(200, BODY)
    assert outbound(outside).download(at(outside), tmp_path / "a", LIMITS).bytes == len(BODY)


def test_a_place_that_cannot_be_written_is_named(outside: Site, tmp_path: Path) -> None:
    outside.answers["/a.mp4"] = answer(200, BODY)
    with pytest.raises(OutputUnwritableError):
        outbound(outside).download(at(outside), tmp_path / "no" / "a", LIMITS)


def test_a_message_is_posted_and_redirects_are_only_told(outside: Site) -> None:
    outside.answers["/hook"] = answer(429, b"a body nobody reads", Retry_After="7")
    outside.answers["/moved"] = answer(307, Location="/hook")
    speaks = outbound(outside)
    reply = speaks.post(at(outside, "/hook"), b"{}", {"Content-Type": "application/json"})
    assert (reply.status, reply.retry_after) == (429, "7")
    assert speaks.post(at(outside, "/moved"), b"{}", {}).status == 307
    assert [(asked[0], asked[1], asked[3]) for asked in outside.asked] == [
        ("POST", "/hook", b"{}"),
        ("POST", "/moved", b"{}"),
    ]


@dataclass(frozen=True)
class Certificates:
    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A server that is files.example and 127.0.0.1, and a client that believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "files.example")])
    names = [x509.DNSName("files.example"), x509.IPAddress(IPv4Address(OUTSIDE))]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificates")
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "key.pem").write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "key.pem")
    return Certificates(server, ssl.create_default_context(cadata=pem.decode()))


@pytest.fixture
def secured(certificates: Certificates) -> Iterator[Site]:
    with site(OUTSIDE, context=certificates.server) as made:
        made.answers["/a.mp4"] = answer(200, BODY)
        yield made


@pytest.mark.parametrize("host", ["files.example", OUTSIDE])
def test_tls_is_held_against_the_name_in_the_url(
    secured: Site, certificates: Certificates, tmp_path: Path, host: str
) -> None:
    speaks = Outbound(
        policy(secured.port), resolve=Names([OUTSIDE]), ssl_context=certificates.client
    )
    url = f"https://{host}:{secured.port}/a.mp4"
    assert speaks.download(url, tmp_path / "a", LIMITS).bytes == len(BODY)


def test_a_certificate_of_another_name_will_not_do(
    secured: Site, certificates: Certificates, tmp_path: Path
) -> None:
    speaks = Outbound(
        policy(secured.port), resolve=Names([OUTSIDE]), ssl_context=certificates.client
    )
    with pytest.raises(FetchError, match="certificate") as failed:
        speaks.download(f"https://other.example:{secured.port}/a.mp4", tmp_path / "a", LIMITS)
    assert not failed.value.retryable
    assert secured.asked == []


def test_a_certificate_of_an_unknown_issuer_will_not_do(secured: Site, tmp_path: Path) -> None:
    speaks = Outbound(policy(secured.port), resolve=Names([OUTSIDE]))
    with pytest.raises(FetchError, match="certificate"):
        speaks.download(f"https://files.example:{secured.port}/a.mp4", tmp_path / "a", LIMITS)


def test_https_does_not_lead_to_http(
    secured: Site, certificates: Certificates, outside: Site, tmp_path: Path
) -> None:
    secured.answers["/a.mp4"] = answer(302, Location=at(outside))
    speaks = Outbound(
        policy(secured.port, outside.port),
        resolve=Names([OUTSIDE]),
        ssl_context=certificates.client,
    )
    with pytest.raises(AddressRefusedError, match="from https to http"):
        speaks.download(f"https://files.example:{secured.port}/a.mp4", tmp_path / "a", LIMITS)
    assert outside.asked == []

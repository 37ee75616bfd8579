"""What is refused before a connection is made, one row a way in."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afgen.errors import AddressRefusedError
from afgen.jobs.addresses import AddressPolicy, parse_target, require_allowed

POLICY = AddressPolicy()
EVERYTHING = AddressPolicy(schemes=frozenset({"http", "https"}))

REFUSED_URLS = {
    "no scheme": "files.example/a.mp4",
    "plain http": "http://files.example/a.mp4",
    "file": "file:///etc/passwd",
    "ftp": "ftp://files.example/a.mp4",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "data": "data:text/plain,hello",
    "no host": "https:///a.mp4",
    "empty": "",
    "too long": "https://files.example/" + "a" * 2048,
    "user name": "https://user@files.example/a.mp4",
    "password": "https://user:secret@files.example/a.mp4",
    "host as user name": "https://files.example@127.0.0.1/a.mp4",
    "empty user name": "https://@files.example/a.mp4",
    "backslash": "https://files.example\\@127.0.0.1/a.mp4",
    "space": "https://files.example /a.mp4",
    "line feed": "https://files.example/a\r\nX-Header: 1",
    "tab in the host": "https://127.0.0.\t1/a.mp4",
    "null": "https://files.example\x00.example/",
    "escaped host": "https://%31%32%37.0.0.1/a.mp4",
    "database's port": "https://files.example:5432/",
    "redis' port": "https://files.example:6379/",
    "port zero": "https://files.example:0/",
    "port too high": "https://files.example:65979/",
    "port is a word": "https://files.example:https/",
    "two ports": "https://files.example:443:443/",
    "empty label": "https://files..example/",
    "label too long": f"https://{'a' * 64}.example/",
    "name too long": f"https://{'.'.join(['a' * 60] * 5)}/",
    "hyphen first": "https://-files.example/",
    "undefined letter": "https://\u0378.example/",
    "loopback": "https://127.0.0.1/",
    "all of loopback": "https://127.8.9.10/",
    "short loopback": "https://127.1/",
    "integer": "https://2130706433/",
    "hex integer": "https://0x7f000001/",
    "hex parts": "https://0x7f.0x0.0x0.0x1/",
    "upper hex": "https://0X7F.0.0.1/",
    "hex prefix alone": "https://127.0.0.0x/",
    "octal parts": "https://0177.0.0.1/",
    "octal integer": "https://017700000001/",
    "padded": "https://127.000.000.001/",
    "five parts": "https://127.0.0.0.1/",
    "part too high": "https://127.0.0.256/",
    "trailing dot": "https://127.0.0.1./",
    "full-width digits": "https://\uff11\uff12\uff17.0.0.1/",
    "circled digits": "https://\u2460\u2461\u2466.0.0.1/",
    "ideographic full stops": "https://127\u30020\u30020\u30021/",
    "this network": "https://0.0.0.0/",
    "private ten": "https://10.0.0.1/",
    "private 172.16": "https://172.31.255.255/",
    "private 192.168": "https://192.168.1.1/",
    "carrier NAT": "https://100.64.0.1/",
    "link-local": "https://169.254.1.1/",
    "metadata": "https://169.254.169.254/latest/meta-data/",
    "metadata as integer": "https://2852039166/",
    "metadata, Alibaba": "https://100.100.100.200/",
    "metadata, Oracle": "https://192.0.0.192/",
    "platform, Azure": "https://168.63.129.16/",
    "documentation": "https://203.0.113.7/",
    "benchmark": "https://198.18.0.1/",
    "multicast": "https://224.0.0.1/",
    "reserved": "https://240.0.0.1/",
    "broadcast": "https://255.255.255.255/",
    "6to4 relay": "https://192.88.99.1/",
    "IPv6 loopback": "https://[::1]/",
    "IPv6 loopback in full": "https://[0:0:0:0:0:0:0:1]/",
    "IPv6 unspecified": "https://[::]/",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]/",
    "IPv4-mapped in hex": "https://[::ffff:7f00:1]/",
    "IPv4-mapped public": "https://[::ffff:8.8.8.8]/",
    "IPv4-compatible": "https://[::127.0.0.1]/",
    "IPv4-translated": "https://[::ffff:0:127.0.0.1]/",
    "6to4 of loopback": "https://[2002:7f00:1::]/",
    "Teredo": "https://[2001:0:7f00:1::]/",
    "NAT64 of loopback": "https://[64:ff9b::7f00:1]/",
    "NAT64 of metadata": "https://[64:ff9b::169.254.169.254]/",
    "local NAT64": "https://[64:ff9b:1::7f00:1]/",
    "unique local": "https://[fd00:ec2::254]/",
    "site-local": "https://[fec0::1]/",
    "IPv6 link-local": "https://[fe80::1]/",
    "zone": "https://[fe80::1%25eth0]/",
    "zone of a public address": "https://[2606:4700::1%25eth0]/",
    "IPv6 multicast": "https://[ff02::1]/",
    "IPv6 documentation": "https://[2001:db8::1]/",
    "IPv6 segment routing": "https://[5f00::1]/",
    "IPv6 and more": "https://[2606:4700::1].example/",
    "bracket left open": "https://[::1/",
    "IPvFuture": "https://[v1.a]/",
}

ACCEPTED_URLS = {
    "https://files.example/a.mp4": "https://files.example/a.mp4",
    "https://FILES.example:443/A.mp4": "https://files.example/A.mp4",
    "https://files.example": "https://files.example/",
    "https://files.example./a": "https://files.example/a",
    "https://files.example:8443/a?b=c#d": "https://files.example:8443/a?b=c",
    "https://my_bucket.files.example/a%20b": "https://my_bucket.files.example/a%20b",
    "https://files.example//a//b?c=d/e?f": "https://files.example//a//b?c=d/e?f",
    "https://b\u00fccher.example/\u00fc": "https://xn--bcher-kva.example/%C3%BC",
    "https://fa\u00df.example/": "https://xn--fa-hia.example/",
    "https://8.8.8.8/": "https://8.8.8.8/",
    "https://[2606:4700:0::1]/a": "https://[2606:4700::1]/a",
    "https://127.0.0.1.files.example/": "https://127.0.0.1.files.example/",
    "https://0x7f.example/": "https://0x7f.example/",
}


@pytest.mark.parametrize("url", REFUSED_URLS.values(), ids=REFUSED_URLS.keys())
def test_these_are_refused(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        parse_target(url, POLICY)


@pytest.mark.parametrize("url", ACCEPTED_URLS)
def test_these_are_taken_apart(url: str) -> None:
    assert parse_target(url, POLICY).url == ACCEPTED_URLS[url]


def test_http_is_a_matter_of_settings() -> None:
    assert parse_target("http://files.example/a", EVERYTHING).port == 80
    with pytest.raises(AddressRefusedError):
        parse_target("file://files.example/a", EVERYTHING)


def test_networks_of_ones_own_can_be_trusted() -> None:
    policy = AddressPolicy(trusted=(IPv4Network("127.0.0.0/8"), IPv6Network("fd00::/8")))
    assert parse_target("https://127.0.0.1/", policy).host == "127.0.0.1"
    assert parse_target("https://[fd00::1]/", policy).host == "fd00::1"
    with pytest.raises(AddressRefusedError):
        parse_target("https://10.0.0.1/", policy)


def test_a_message_keeps_the_address_to_itself() -> None:
    with pytest.raises(AddressRefusedError) as refused:
        require_allowed(ip_address("10.1.2.3"), POLICY)
    assert "10.1.2.3" not in str(refused.value)


def allowed(address: IPv4Address | IPv6Address) -> bool:
    try:
        require_allowed(address, POLICY)
    except AddressRefusedError:
        return False
    return True


@settings(deadline=None)
@given(st.ip_addresses())
def test_nothing_is_allowed_that_the_standard_library_calls_private(
    address: IPv4Address | IPv6Address,
) -> None:
    assert address.is_global or not allowed(address)


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_an_address_inside_an_ipv6_one_opens_no_way(address: IPv4Address) -> None:
    number = int(address)
    for wrapped in (
        (0xFFFF << 32) | number,  # mapped
        (0x64FF9B << 96) | number,  # NAT64
        (0x2002 << 112) | (number << 80),  # 6to4
        number,  # compatible
    ):
        assert not allowed(IPv6Address(wrapped))


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_taken_or_refused(text: str) -> None:
    try:
        target = parse_target(f"https://{text}", POLICY)
    except AddressRefusedError:
        return
    assert parse_target(target.url, POLICY) == target

"""Which addresses the service may speak to on somebody else's behalf.

A URL that a user gives is a request to connect from inside our network. So a URL is taken apart
once, here, into exactly what will be connected to, and whatever reads differently to two parsers
is refused rather than interpreted: user names, numbers as host names in any spelling but the
canonical one, zones, escapes, control characters. What a name resolves to is held against the
registries of special addresses before a connection is made (`afgen.jobs.outbound`).
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import quote, urlsplit

import idna

from afgen.errors import AddressRefusedError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry, multicast (RFC 5771), reserved (RFC 1112), and the one
# service address of a cloud that lies among the public ones.
SPECIAL_IPV4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers (CGNAT); Alibaba's metadata
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "168.63.129.16/32",  # Azure's platform services
    )
)
# What is not global unicast is refused whole: loopback, IPv4 in IPv6, NAT64 (64:ff9b::/96),
# discard-only, unique local, link-local, multicast and everything unassigned.
GLOBAL_IPV6: Final = IPv6Network("2000::/3")
# IANA IPv6 Special-Purpose Address Registry, as far as it lies inside.
SPECIAL_IPV6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments; Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

_MOST_CHARACTERS: Final = 2048
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\]")
# Zones (%) have no place here: they name our own network's interfaces.
_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:%]+))(?::(?P<port>[0-9]{1,5})?)?"
)
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")  # what a C library reads as (part of) an address
_PLAIN: Final = "/?%:@!$&'()*+,;=~-._"  # of a path and a query; the rest is escaped
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be spoken to. `trusted` networks are allowed although they are special."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({80, 443, 8443})
    trusted: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart: `host` is an ASCII name or an address, `path` begins with a slash."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host field has them (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL. Its path may hold secrets: not for logs."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def literal(self) -> Address | None:
        """The address, where the host is one and not a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


def parse_target(url: str, policy: AddressPolicy) -> Target:
    """What a URL stands for, if the policy allows it. Nothing is resolved here.

    Raises AddressRefusedError.
    """
    if len(url) > _MOST_CHARACTERS or _UNSAFE.search(url):
        raise AddressRefusedError("The URL is too long, or has spaces or control characters.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise AddressRefusedError("The URL cannot be read.") from None
    if parts.scheme not in policy.schemes or parts.scheme not in _DEFAULT_PORTS:
        raise AddressRefusedError(f"URLs begin with {_listed(policy.schemes)}.")
    if "@" in parts.netloc:
        raise AddressRefusedError("A user name or password in the URL is not accepted.")
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None:
        raise AddressRefusedError("The URL names no usable host.")
    port = int(authority["port"] or _DEFAULT_PORTS[parts.scheme])
    if port not in policy.ports:
        raise AddressRefusedError(f"Port {port} is not accepted.")
    host = _address(authority["ipv6"]) if authority["ipv6"] else _host(authority["name"])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(parts.scheme, host, port, quote(path, safe=_PLAIN))
    if target.literal is not None:
        require_allowed(target.literal, policy)
    return target


def require_allowed(address: Address, policy: AddressPolicy) -> None:
    """Refuse an address that is not a public one of the Internet, but for trusted networks.

    Raises AddressRefusedError. The message does not repeat the address: what a name resolves to
    inside our network is none of the asker's business.
    """
    if any(address in network for network in policy.trusted):
        return
    if isinstance(address, IPv4Address):
        allowed = not any(address in network for network in SPECIAL_IPV4)
    else:
        special = any(address in network for network in SPECIAL_IPV6)
        allowed = address in GLOBAL_IPV6 and address.scope_id is None and not special
    if not allowed:
        raise AddressRefusedError("The host is not a public address of the Internet.")


def _host(host: str) -> str:
    """A name in its ASCII form, or an IPv4 address."""
    name = host if host.isascii() else _ascii(host)
    name = name.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefusedError("The URL names no usable host.")
    return _address(name) if _NUMBER.fullmatch(labels[-1]) else name


def _ascii(host: str) -> str:
    """A name in letters of the world as the DNS has it (UTS #46, IDNA 2008)."""
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError:  # idna.IDNAError is one
        raise AddressRefusedError("The URL names no usable host.") from None


def _address(host: str) -> str:
    """An address that is written the one way everybody reads alike."""
    try:
        return str(ip_address(host))
    except ValueError:
        raise AddressRefusedError("The host is a number, and no plain IP address.") from None


def _listed(schemes: frozenset[str]) -> str:
    return " or ".join(f"{scheme}://" for scheme in sorted(schemes, reverse=True))

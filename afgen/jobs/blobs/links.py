"""Signed addresses for a store without a server of its own: our API answers them.

The signature is HMAC-SHA-256 (RFC 2104) over the method, the key and all parameters, so nothing of
an address can be changed, added or left out.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from afgen.errors import LinkRefusedError
from afgen.jobs.blobs.interface import require_key

PATH: Final = "/v1/blobs/"
_PURPOSE: Final = b"afgen signed addresses of blobs, 1"
_SIGNATURE: Final = "signature"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed address allows: fetch a blob, store one, or store a part of an upload."""

    method: str
    key: str
    expires_at: int  # seconds since 1970
    size: int | None = None
    filename: str | None = None
    upload_id: str | None = None
    number: int | None = None

    def parameters(self) -> dict[str, str]:
        """What the address says beside method and key."""
        every = {
            "expires": self.expires_at,
            "size": self.size,
            "filename": self.filename,
            "upload": self.upload_id,
            "part": self.number,
        }
        return {name: str(value) for name, value in every.items() if value is not None}


class Links:
    """Signs addresses under `base_url` with a secret, and verifies them."""

    def __init__(self, base_url: str, secret: str, clock: Callable[[], datetime]) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")
        self._clock = clock

    def expiry(self, expires_s: int) -> int:
        """The second since 1970 at which a grant of `expires_s` seconds ends."""
        return int(self._clock().timestamp()) + expires_s

    def sign(self, grant: Grant) -> str:
        """The address that stands for a grant."""
        parameters = grant.parameters()
        signature = self._signature(grant.method, grant.key, parameters)
        query = urlencode({**parameters, _SIGNATURE: signature}, quote_via=quote)
        return f"{self._base_url}{PATH}{grant.key}?{query}"

    def verify(self, method: str, key: str, query: Mapping[str, str]) -> Grant:
        """The grant of a request to an address; a HEAD request may be made where a GET may.

        Raises:
            LinkRefusedError: not signed by us for this request, or expired.
        """
        method = "GET" if method == "HEAD" else method
        parameters = {name: value for name, value in query.items() if name != _SIGNATURE}
        expected = self._signature(method, require_key(key), parameters)
        given = query.get(_SIGNATURE, "")
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise LinkRefusedError("The address is not signed for this request.")
        grant = _grant(method, key, parameters)
        if self._clock().timestamp() >= grant.expires_at:
            raise LinkRefusedError("The address has expired.")
        return grant

    def _signature(self, method: str, key: str, parameters: Mapping[str, str]) -> str:
        query = urlencode(sorted(parameters.items()), quote_via=quote)
        text = f"{method}\n{key}\n{query}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def _grant(method: str, key: str, parameters: Mapping[str, str]) -> Grant:
    """What signed parameters say: they are ours, so they are well-formed."""
    size, number = parameters.get("size"), parameters.get("part")
    return Grant(
        method,
        key,
        int(parameters["expires"]),
        size=None if size is None else int(size),
        filename=parameters.get("filename"),
        upload_id=parameters.get("upload"),
        number=None if number is None else int(number),
    )

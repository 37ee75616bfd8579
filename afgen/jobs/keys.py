"""API keys: `afk_<id>_<secret>`, shown once and kept as a hash.

The secret has 192 random bits, so a plain SHA-256 keeps it: there is nothing to guess, and looking
a key up costs no time.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from afgen.errors import ForbiddenError, KeyRefusedError
from afgen.jobs.ids import Kind, is_id, new_id
from afgen.jobs.store import Store
from afgen.jobs.tables import ApiKey

_SECRET_BYTES = 24
_TOKEN = re.compile(r"afk_([0-9a-z]+)_([0-9a-f]+)", re.ASCII)


class Scope(StrEnum):
    """What a key allows."""

    READ = "jobs:read"
    WRITE = "jobs:write"
    ADMIN = "admin"  # keys and limits; allows the others, too


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request."""

    tenant_id: str
    key_id: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Raises ForbiddenError unless the key allows it."""
        if scope not in self.scopes and Scope.ADMIN not in self.scopes:
            raise ForbiddenError(f"The API key does not have the scope {scope}.")


def create_key(
    store: Store,
    tenant_id: str,
    name: str,
    scopes: frozenset[Scope],
    *,
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key, and the token to be shown once. It cannot be shown again."""
    secret = secrets.token_hex(_SECRET_BYTES)
    key = ApiKey(
        id=new_id(Kind.KEY, at),
        tenant_id=tenant_id,
        name=name,
        secret_sha256=_hash(secret),
        scopes=sorted(scopes),
        created_at=at,
        expires_at=expires_at,
    )
    store.keys.insert(key)
    return key, f"afk_{key.id.removeprefix(f'{Kind.KEY}_')}_{secret}"


def authenticate(store: Store, token: str, at: datetime) -> Principal:
    """Who holds the token.

    Raises KeyRefusedError, which does not say whether the key is unknown, wrong, revoked or old.
    """
    match = _TOKEN.fullmatch(token)
    key_id = f"{Kind.KEY}_{match[1]}" if match else ""
    key = store.keys.find(key_id) if is_id(Kind.KEY, key_id) else None
    if match is None or key is None or not _is_good(key, match[2], at):
        raise KeyRefusedError("The API key is not valid.")
    store.keys.touch(key)
    return Principal(key.tenant_id, key.id, frozenset(key.scopes))


def _is_good(key: ApiKey, secret: str, at: datetime) -> bool:
    right = hmac.compare_digest(key.secret_sha256, _hash(secret))
    return right and key.revoked_at is None and (key.expires_at is None or at < key.expires_at)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

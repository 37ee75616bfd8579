"""The key with which a service on one machine begins."""

from typing import Final

from afgen.errors import KeyRefusedError
from afgen.jobs.keys import Scope, authenticate, create_key
from afgen.jobs.settings import ServiceSettings
from afgen.jobs.store import Store, open_store, utc_now

TENANT: Final = "default"
NAME: Final = "afgen up"


def first_key(settings: ServiceSettings, kept: str | None) -> str:
    """The key that was kept from an earlier start if it is still good, else a new one."""
    store = open_store(settings)
    try:
        if kept is not None and _is_good(store, kept):
            return kept
        tenant = store.tenants.named(TENANT) or store.tenants.create(TENANT)
        _, token = create_key(store, tenant.id, NAME, frozenset({Scope.ADMIN}), at=utc_now())
        return token
    finally:
        store.close()


def _is_good(store: Store, token: str) -> bool:
    try:
        authenticate(store, token, utc_now())
    except KeyRefusedError:
        return False
    return True

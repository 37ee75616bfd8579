from datetime import timedelta

import pytest

from afgen.errors import ForbiddenError, KeyRefusedError, NotFoundError
from afgen.jobs.keys import Scope, authenticate, create_key
from afgen.jobs.store import Store
from afgen.jobs.tables import Tenant
from tests.jobs.conftest import Clock

READ = frozenset({Scope.READ})


def test_a_key_is_known_by_its_token(store: Store, tenant: Tenant, clock: Clock) -> None:
    key, token = create_key(store, tenant.id, "laptop", READ, at=clock())
    principal = authenticate(store, token, clock())
    assert (principal.tenant_id, principal.key_id) == (tenant.id, key.id)
    principal.require(Scope.READ)
    with pytest.raises(ForbiddenError, match="jobs:write"):
        principal.require(Scope.WRITE)


def test_an_admin_may_do_everything(store: Store, tenant: Tenant, clock: Clock) -> None:
    _, token = create_key(store, tenant.id, "root", frozenset({Scope.ADMIN}), at=clock())
    for scope in Scope:
        authenticate(store, token, clock()).require(scope)


def test_the_secret_is_not_kept(store: Store, tenant: Tenant, clock: Clock) -> None:
    key, token = create_key(store, tenant.id, "laptop", READ, at=clock())
    secret = token.rpartition("_")[2]
    kept = store.keys.find(key.id)
    assert kept is not None and len(secret) == 48
    assert secret not in repr([getattr(kept, column.key) for column in kept.__table__.columns])


def test_tokens_that_are_not_right_are_refused_alike(
    store: Store, tenant: Tenant, clock: Clock
) -> None:
    _, token = create_key(store, tenant.id, "laptop", READ, at=clock())
    _, other = create_key(store, tenant.id, "phone", READ, at=clock())
    crossed = token.rpartition("_")[0] + "_" + other.rpartition("_")[2]
    unknown = "afk_" + "0" * 26 + "_" + "0" * 48
    messages = set()
    for wrong in (crossed, unknown, token[:-1], token + "\n", token.upper(), "afk__", "", "é"):
        with pytest.raises(KeyRefusedError) as refused:
            authenticate(store, wrong, clock())
        messages.add(refused.value.message)
    assert len(messages) == 1


def test_revoked_and_old_keys_are_refused(store: Store, tenant: Tenant, clock: Clock) -> None:
    soon = clock() + timedelta(hours=1)
    _, passing = create_key(store, tenant.id, "guest", READ, at=clock(), expires_at=soon)
    key, token = create_key(store, tenant.id, "laptop", READ, at=clock())
    authenticate(store, passing, clock())
    with pytest.raises(KeyRefusedError):
        authenticate(store, passing, soon)
    revoked = store.keys.revoke(tenant.id, key.id)
    assert store.keys.revoke(tenant.id, key.id).revoked_at == revoked.revoked_at
    with pytest.raises(KeyRefusedError):
        authenticate(store, token, clock())


def test_the_last_use_is_noted_to_the_minute(store: Store, tenant: Tenant, clock: Clock) -> None:
    _, token = create_key(store, tenant.id, "laptop", READ, at=clock())

    def used_at() -> object:
        authenticate(store, token, clock())
        (listed,) = store.keys.list(tenant.id)
        return listed.last_used_at

    first = used_at()
    assert first is not None and used_at() == first
    clock.ahead = timedelta(minutes=2)
    assert used_at() != first


def test_others_do_not_see_a_key(store: Store, tenant: Tenant, clock: Clock) -> None:
    key, _ = create_key(store, tenant.id, "laptop", READ, at=clock())
    other = store.tenants.create("theirs")
    assert store.keys.list(other.id) == []
    with pytest.raises(NotFoundError):
        store.keys.revoke(other.id, key.id)

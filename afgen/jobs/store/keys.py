"""Tenants, and the keys by which they are known."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from afgen.errors import ConflictError, NotFoundError
from afgen.jobs.ids import Kind, new_id
from afgen.jobs.store.database import Database
from afgen.jobs.store.lists import Place, page
from afgen.jobs.tables import ApiKey, Json, Tenant

_USE_NOTED = timedelta(minutes=1)  # not for each request: it would be a write a read


class Tenants:
    """Who uses the service."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, limits: Json | None = None) -> Tenant:
        """A new tenant. Raises ConflictError when the name is taken."""
        now = self._database.now()
        tenant = Tenant(id=new_id(Kind.TENANT, now), name=name, created_at=now, limits=limits or {})
        try:
            with self._database.write() as session:
                session.add(tenant)
        except IntegrityError as error:
            raise ConflictError(f"There is a tenant {name!r} already.") from error
        return tenant

    def get(self, tenant_id: str) -> Tenant:
        """One tenant. Raises NotFoundError."""
        with self._database.read() as session:
            tenant = session.get(Tenant, tenant_id)
        if tenant is None:
            raise NotFoundError(f"There is no tenant {tenant_id}.")
        return tenant

    def named(self, name: str) -> Tenant | None:
        """The tenant of that name, if there is one."""
        with self._database.read() as session:
            return session.scalar(select(Tenant).where(Tenant.name == name))

    def all(self) -> Sequence[Tenant]:
        """All tenants by name."""
        with self._database.read() as session:
            return session.scalars(select(Tenant).order_by(Tenant.name)).all()

    def limit(self, tenant_id: str, limits: Json) -> None:
        """Replace what differs from the defaults. Raises NotFoundError."""
        changed = update(Tenant).where(Tenant.id == tenant_id).values(limits=limits)
        with self._database.write() as session:
            if session.scalar(changed.returning(Tenant.id)) is None:
                raise NotFoundError(f"There is no tenant {tenant_id}.")


class Keys:
    """API keys, by id; what is secret in them is not kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, key: ApiKey) -> None:
        """Keep a new key. `afgen.jobs.keys.new_key` makes one."""
        row = {column.key: getattr(key, column.key) for column in ApiKey.__table__.columns}
        with self._database.write() as session:
            session.execute(insert(ApiKey).values(row))

    def find(self, key_id: str) -> ApiKey | None:
        """The key with this id, whether or not it may still be used."""
        with self._database.read() as session:
            return session.get(ApiKey, key_id)

    def list(
        self, tenant_id: str, *, after: Place | None = None, limit: int = 50
    ) -> Sequence[ApiKey]:
        """A page of a tenant's keys, revoked ones included, the newest first."""
        with self._database.read() as session:
            return page(session, ApiKey, ApiKey.tenant_id == tenant_id, after=after, limit=limit)

    def revoke(self, tenant_id: str, key_id: str) -> ApiKey:
        """End the use of a key at once. Doing it again changes nothing. Raises NotFoundError."""
        with self._database.write() as session:
            own = select(ApiKey).where(ApiKey.id == key_id, ApiKey.tenant_id == tenant_id)
            key = session.scalar(own.with_for_update())
            if key is None:
                raise NotFoundError(f"There is no key {key_id}.")
            key.revoked_at = key.revoked_at or self._database.now()
            return key

    def touch(self, key: ApiKey) -> None:
        """Note that a key was used, to the minute."""
        now = self._database.now()
        if key.last_used_at is not None and now - key.last_used_at < _USE_NOTED:
            return
        old = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now)
        with self._database.write() as session:
            session.execute(update(ApiKey).where(ApiKey.id == key.id, old).values(last_used_at=now))

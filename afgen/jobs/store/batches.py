"""Jobs that were handed in together."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from afgen.errors import ItemKeyTakenError, NotFoundError
from afgen.jobs.ids import Kind, new_ids
from afgen.jobs.spec import BatchItem
from afgen.jobs.states import JobState
from afgen.jobs.store.database import Database, in_states
from afgen.jobs.store.lists import Place, page
from afgen.jobs.store.moves import (
    JobRules,
    NewJob,
    counts_of,
    create_jobs,
    move,
    require_room,
)
from afgen.jobs.tables import Batch, Job

_TOGETHER = 500  # jobs moved in one transaction: others are not kept waiting


class Batches:
    """The batches of tenants."""

    def __init__(self, database: Database, rules: JobRules) -> None:
        self._database = database
        self._rules = rules

    def create(
        self,
        tenant_id: str,
        batch_id: str,
        name: str,
        items: Sequence[BatchItem],
        most_active: float,
    ) -> Batch:
        """Make a batch and all of its jobs at once, or find the one made with the same id.

        Raises ItemKeyTakenError, AssetNotReadyError, QuotaError.
        """
        _require_different(items)
        now = self._database.now()
        with self._database.write() as session:
            if session.get(Batch, batch_id) is not None:
                return _own(session, tenant_id, batch_id)
            require_room(session, tenant_id, len(items), most_active)
            batch = Batch(
                id=batch_id, tenant_id=tenant_id, name=name, created_at=now, total=len(items)
            )
            session.add(batch)
            session.flush()
            ids = new_ids(Kind.JOB, now, len(items))
            jobs = [
                NewJob(job_id, item.job, batch_id, item.key)
                for job_id, item in zip(ids, items, strict=True)
            ]
            create_jobs(session, tenant_id, jobs, self._rules, now)
        return batch

    def get(self, tenant_id: str, batch_id: str) -> Batch:
        """One batch. Raises NotFoundError."""
        with self._database.read() as session:
            return _own(session, tenant_id, batch_id)

    def list(
        self, tenant_id: str, *, after: Place | None = None, limit: int = 50
    ) -> Sequence[Batch]:
        """A page of batches, the newest first."""
        with self._database.read() as session:
            return page(session, Batch, Batch.tenant_id == tenant_id, after=after, limit=limit)

    def counts(self, batch_ids: Sequence[str]) -> Mapping[str, Mapping[JobState, int]]:
        """How many jobs of each batch are in each state; states without any are left out."""
        with self._database.read() as session:
            return counts_of(session, batch_ids)

    def items(
        self,
        tenant_id: str,
        batch_id: str,
        *,
        state: JobState | None = None,
        after_key: str | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """The next jobs of a batch in the order of their item keys. Raises NotFoundError."""
        chosen = select(Job).where(Job.batch_id == batch_id, Job.deleted_at.is_(None))
        if state is not None:
            chosen = chosen.where(in_states(frozenset({state})))
        if after_key is not None:
            chosen = chosen.where(Job.item_key > after_key)
        with self._database.read() as session:
            _own(session, tenant_id, batch_id)
            return session.scalars(chosen.order_by(Job.item_key).limit(limit)).all()

    def cancel(self, tenant_id: str, batch_id: str) -> Batch:
        """Cancel what has not ended, as `Jobs.cancel` does. Raises NotFoundError."""
        self.get(tenant_id, batch_id)
        at = self._database.now()
        while self._cancel_some(batch_id):
            pass
        running = (Job.batch_id == batch_id, in_states(frozenset({JobState.RUNNING})))
        with self._database.write() as session:
            asked = {"cancel_requested_at": at}
            move(session, JobState.CANCELING, at, *running, rules=self._rules, **asked)
        return self.get(tenant_id, batch_id)

    def _cancel_some(self, batch_id: str) -> bool:
        at = self._database.now()
        waiting = (
            select(Job.id)
            .where(Job.batch_id == batch_id, in_states(frozenset({JobState.QUEUED})))
            .limit(_TOGETHER)
            .with_for_update(skip_locked=True)
        )
        with self._database.write() as session:
            ids = session.scalars(waiting).all()
            if ids:
                mine = Job.id.in_(ids)
                asked = {"cancel_requested_at": at}
                move(session, JobState.CANCELED, at, mine, rules=self._rules, **asked)
            return bool(ids)


def _require_different(items: Sequence[BatchItem]) -> None:
    (most_common,) = Counter(item.key for item in items).most_common(1) or [("", 0)]
    key, times = most_common
    if times > 1:
        raise ItemKeyTakenError(f"{times} items have the key {key!r}.")


def _own(session: Session, tenant_id: str, batch_id: str) -> Batch:
    batch = session.get(Batch, batch_id)
    if batch is None or batch.tenant_id != tenant_id:
        raise NotFoundError(f"There is no batch {batch_id}.")
    return batch

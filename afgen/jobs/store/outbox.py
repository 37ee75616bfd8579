"""Which queued jobs the broker has to be told of, for the first time or once more."""

from collections.abc import Sequence

from sqlalchemy import case, func, or_, select, update

from afgen.jobs.states import JobState, Priority
from afgen.jobs.store.database import Database, DatabaseTime, in_states
from afgen.jobs.store.moves import JobRules
from afgen.jobs.tables import Job

_QUEUED = frozenset({JobState.QUEUED})


class Outbox:
    """The messages that are still to be sent. They are sent after the commit of what they tell."""

    def __init__(self, database: Database, rules: JobRules) -> None:
        self._database = database
        self._rules = rules

    def unsent(self, priority: Priority, limit: int) -> Sequence[str]:
        """Ids of jobs that may start now: tenants in turn, of each the longest waiting first.

        What was sent counts as a tenant's turn, so that ten thousand jobs of one stand in nobody's
        way for longer than the messages that are under way already.
        """
        stale = Job.sent_at < DatabaseTime(-self._rules.resend_s)
        is_unsent = or_(Job.sent_at.is_(None), stale)
        place = func.row_number().over(
            partition_by=Job.tenant_id,
            order_by=(case((is_unsent, 1), else_=0), Job.queued_at, Job.id),
        )
        queued = (
            select(Job.id, Job.queued_at, is_unsent.label("is_unsent"), place.label("place"))
            .where(in_states(_QUEUED), Job.priority == priority, Job.queued_at <= DatabaseTime())
            .subquery()
        )
        waiting = (
            select(queued.c.id)
            .where(queued.c.is_unsent)
            .order_by(queued.c.place, queued.c.queued_at, queued.c.id)
            .limit(limit)
        )
        with self._database.read() as session:
            return session.scalars(waiting).all()

    def mark_sent(self, job_ids: Sequence[str]) -> None:
        """Note that the broker was told."""
        if not job_ids:
            return
        sent = (
            update(Job)
            .where(Job.id.in_(job_ids), in_states(_QUEUED))
            .values(sent_at=DatabaseTime())
            .execution_options(synchronize_session=False)
        )
        with self._database.write() as session:
            session.execute(sent)

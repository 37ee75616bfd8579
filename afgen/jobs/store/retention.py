"""What has been kept long enough. Files are deleted first, then the rows say so."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, or_, select, update

from afgen.jobs.states import ENDED, FINISHED, JobState
from afgen.jobs.store.assets import DELETED, needed
from afgen.jobs.store.database import Database, in_states
from afgen.jobs.store.moves import JobRules, move
from afgen.jobs.tables import Asset, Batch, Job

_EXPIRED = frozenset({JobState.EXPIRED})


class Retention:
    """Jobs and uploads whose time is over, by the clock of this process."""

    def __init__(self, database: Database, rules: JobRules) -> None:
        self._database = database
        self._rules = rules

    def jobs(self, limit: int = 100) -> Sequence[Job]:
        """Ended jobs whose files may be deleted, or that may be forgotten altogether."""
        over = (
            select(Job)
            .where(Job.expires_at <= self._database.now(), in_states(ENDED))
            .order_by(Job.expires_at)
            .limit(limit)
        )
        with self._database.read() as session:
            return session.scalars(over).all()

    def expire(self, job_id: str) -> None:
        """Its files are deleted: the job has expired.

        Its row goes if its owner deleted it, or if it had expired before, and with it its events.
        """
        at = self._database.now()
        its = (Job.id == job_id, Job.expires_at <= at)
        with self._database.write() as session:
            forgotten = or_(Job.deleted_at.is_not(None), in_states(_EXPIRED))
            gone = delete(Job).where(*its, forgotten, in_states(ENDED))
            if session.connection().execute(gone).rowcount == 0:
                ended = in_states(FINISHED)
                move(session, JobState.EXPIRED, at, *its, ended, rules=self._rules, outputs=None)

    def forget_batches(self, limit: int = 100) -> int:
        """Forget finished batches none of whose jobs is known any more; returns how many."""
        over = self._database.now() - self._rules.keep_files - self._rules.keep_records
        old = (
            select(Batch.id)
            .where(Batch.finished_at <= over, ~exists().where(Job.batch_id == Batch.id))
            .limit(limit)
        )
        with self._database.write() as session:
            gone = delete(Batch).where(Batch.id.in_(old))
            return session.connection().execute(gone).rowcount

    def assets(self, limit: int = 100) -> Sequence[Asset]:
        """Uploads whose files may be deleted: their time is over and no job needs them.

        Those are among them that were deleted already, and whose files may still be there.
        """
        over = (
            select(Asset)
            .where(
                Asset.blob_key != "",
                Asset.expires_at <= self._database.now(),
                or_(Asset.state == DELETED, ~needed(Asset.id)),
            )
            .order_by(Asset.expires_at)
            .limit(limit)
        )
        with self._database.read() as session:
            return session.scalars(over).all()

    def forget_asset(self, asset_id: str) -> bool:
        """Take an upload out of use before its file is deleted. False: a job needs it after all."""
        unneeded = (Asset.id == asset_id, or_(Asset.state == DELETED, ~needed(asset_id)))
        forgotten = update(Asset).where(*unneeded).values(state=DELETED)
        with self._database.write() as session:
            return session.connection().execute(forgotten).rowcount == 1

    def asset_is_gone(self, asset_id: str) -> None:
        """The file of an upload that was forgotten is deleted."""
        its = (Asset.id == asset_id, Asset.state == DELETED)
        with self._database.write() as session:
            session.execute(update(Asset).where(*its).values(blob_key="", upload=None))

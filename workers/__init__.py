"""The room of the Celery workers. They will know `afgen.jobs` and `afgen.render`, never `api`."""

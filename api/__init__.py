"""The room of the job service's HTTP front. It will know `afgen.jobs` and nothing of `workers`."""

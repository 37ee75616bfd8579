"""Bring the tables of the service that the environment names up to date."""

from afgen.jobs.settings import ServiceSettings
from migrations import upgrade

if __name__ == "__main__":
    upgrade(ServiceSettings())

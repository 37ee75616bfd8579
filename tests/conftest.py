"""Tests run side by side, so each keeps to one thread: two that wait for each other crawl.

Set before anything imports torch, which reads it once.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ("tests.service.fixtures",)

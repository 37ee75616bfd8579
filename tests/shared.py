"""Where the measuring material lies, when it is there: a folder `shared` beside the checkout."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

needs_corpus = pytest.mark.skipif(
    not (SHARED / "corpus").is_dir(), reason="the measuring corpus is not beside the checkout"
)
needs_golden = pytest.mark.skipif(
    not (SHARED / "golden").is_dir(), reason="the reference vectors are not beside the checkout"
)

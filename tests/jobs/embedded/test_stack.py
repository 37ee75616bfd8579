"""Where the API of one machine listens."""

import pytest

from afgen.errors import OptionError
from afgen.jobs.embedded.stack import listening


def test_a_port_is_taken_before_anybody_answers_there() -> None:
    with listening(0) as first:
        port = first.getsockname()[1]
        with listening(port) as second:
            assert second.getsockname()[1] not in (0, port)
    with listening(port) as again:
        assert again.getsockname()[1] == port


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OptionError, match=r"203\.0\.113\.7"):
        listening(0, "203.0.113.7")

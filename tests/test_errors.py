"""The error tree keeps its promises to front ends."""

from collections import Counter
from collections.abc import Iterator

import pytest

import afgen.errors
from afgen.errors import AfgenError

EXIT_CODES = {"InputError": 2, "OutputError": 2, "SetupError": 3, "WeightsError": 3}


def below(kind: type[AfgenError]) -> Iterator[type[AfgenError]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


KINDS = [kind for kind in below(AfgenError) if kind.__module__ == afgen.errors.__name__]
LEAVES = [kind for kind in KINDS if not kind.__subclasses__()]


def test_every_kind_has_a_code_of_its_own() -> None:
    codes = Counter(kind.code for kind in [AfgenError, *KINDS])
    assert [code for code, count in codes.items() if count > 1] == []


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.code)
def test_what_is_raised_says_what_to_do(kind: type[AfgenError]) -> None:
    assert kind("Something.").advice
    assert kind("Something.", hint="Do this.").advice == "Do this."


@pytest.mark.parametrize("branch", EXIT_CODES)
def test_a_branch_has_one_exit_code(branch: str) -> None:
    root = getattr(afgen.errors, branch)
    assert {kind.exit_code for kind in (root, *below(root))} == {EXIT_CODES[branch]}

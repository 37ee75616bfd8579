"""Our statement of the public layout against the reference's listing of names and shapes."""

import json
import re

import pytest
import torch

from tests import rule_made
from tests.shared import SHARED, needs_golden

GENERATOR = (rule_made.TRANSFORMER, rule_made.PROJECTION)


def stated(listing: str, *prefixes: str) -> dict[str, tuple[int, ...]]:
    layout = json.loads((SHARED / "golden" / listing).read_text())
    return {k: tuple(shape) for k, shape in layout.items() if k.startswith(prefixes)}


def published(*prefixes: str) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Weights and buffers of the public checkpoints' listing."""
    weights, buffers = {}, {}
    for line in (SHARED / "golden" / "public_checkpoint_keys.txt").read_text().splitlines():
        found = re.fullmatch(r"\s+(\S+) \((.*)\)", line)
        if found and found[1].startswith(prefixes):
            shape = tuple(int(number) for number in re.findall(r"\d+", found[2]))
            (buffers if "buf" in found[2] else weights)[found[1]] = shape
    return weights, buffers


@needs_golden
def test_the_autoencoder_of_the_vectors_is_stated() -> None:
    expected = stated("autoencoder_64.keys.json", rule_made.AUTOENCODER)
    assert rule_made.autoencoder_layout(64) == expected


@needs_golden
@pytest.mark.parametrize("vectors", ["generator_small", "generator_small_nfe5"])
def test_the_generator_of_the_vectors_is_stated(vectors: str) -> None:
    assert rule_made.generator_layout() == stated(f"{vectors}.keys.json", *GENERATOR)


@needs_golden
def test_the_public_sizes_are_stated() -> None:
    weights, buffers = published(rule_made.AUTOENCODER, *GENERATOR)
    ours = rule_made.autoencoder_layout(512) | rule_made.generator_layout(rule_made.PUBLIC)
    assert ours == weights
    made = rule_made.autoencoder_buffers(512) | rule_made.generator_buffers()
    assert {name: tuple(buffer.shape) for name, buffer in made.items()} == buffers


def test_the_mask_hides_of_each_block_what_the_reference_hides() -> None:
    """140 of the 2500 pairs see each other in whole blocks with look-ahead, and not in the code."""
    name = rule_made.TRANSFORMER + "block_bidir_causal_lookahead_mask"
    hidden = rule_made.generator_buffers()[name]
    frame = torch.arange(50)
    whole_blocks = frame[None] // 10 <= frame[:, None] // 10
    assert int((whole_blocks & hidden).sum()) == 140

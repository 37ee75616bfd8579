import pytest
import torch

from afgen.train.losses.reconstruction import (
    ReconstructionWeights,
    reconstruction_terms,
    weighted_sum,
)
from afgen.train.losses.wavelets import WaveletFeatures
from tests.train.mouths import REGIONS_R4, face

BOXES = torch.from_numpy(REGIONS_R4)[None]
FEATURES = WaveletFeatures()


def seen(open_: float) -> torch.Tensor:
    return torch.from_numpy(face(open_)).permute(2, 0, 1)[None].float() / 127.5 - 1


def test_the_target_itself_costs_nothing() -> None:
    terms = reconstruction_terms(seen(0.4), seen(0.4), BOXES, FEATURES)
    assert terms.keys() == {"absolute", "perceptual", "regions", "gram"}
    assert all(term.item() == 0 for term in terms.values())


def test_a_wrong_mouth_counts_within_the_regions_and_a_wrong_corner_does_not() -> None:
    target = seen(0.0)
    corner = target.clone()
    corner[..., :8, :8] += 1.0
    wrong_mouth = reconstruction_terms(seen(1.0), target, BOXES, FEATURES)
    wrong_corner = reconstruction_terms(corner, target, BOXES, FEATURES)
    for name in ("regions", "gram"):
        assert wrong_mouth[name] > 10 * wrong_corner[name]
    assert wrong_corner["perceptual"] > 0 and wrong_corner["absolute"] > 0


def test_half_precision_around_it_changes_nothing() -> None:
    plain = reconstruction_terms(seen(0.3), seen(0.4), BOXES, FEATURES)
    with torch.autocast("cpu", torch.bfloat16):
        within = reconstruction_terms(seen(0.3), seen(0.4), BOXES, FEATURES)
    for name, term in plain.items():
        assert within[name].dtype == torch.float32
        assert torch.equal(within[name], term), name


def test_the_loss_is_every_term_by_its_weight() -> None:
    weights = ReconstructionWeights(absolute=2.0, gram=3.0)
    terms = {"absolute": torch.tensor(0.5), "gram": torch.tensor(0.25)}
    assert weighted_sum(terms, weights).item() == pytest.approx(1.75)


def test_the_weights_are_those_of_float() -> None:
    weights = ReconstructionWeights()
    assert (weights.absolute, weights.perceptual, weights.regions) == (1.0, 10.0, 100.0)
    assert (weights.gram, weights.adversarial) == (100.0, 1.0)

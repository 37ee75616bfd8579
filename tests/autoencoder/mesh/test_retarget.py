import numpy as np
import pytest

from afgen.autoencoder.mesh.actions import Controls
from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening, mouth_width
from afgen.autoencoder.mesh.motion import EXPRESSION
from afgen.autoencoder.mesh.retarget import build_retargeter, expression, fit_face, smile_sides
from afgen.autoencoder.mesh.topology import LOWER_LIP_INNER, UPPER_LIP_INNER

BASIS = load_basis()
RETARGETER = build_retargeter(BASIS)


def shape(face=None, **amounts: float):
    own = face or fit_face(RETARGETER, BASIS.mean_N3)
    return expression(RETARGETER, own, Controls(amounts).motion()[EXPRESSION].astype(float))


def pictured(**amounts: float):
    coefficients = Controls(amounts).motion()[EXPRESSION].astype(float)
    return BASIS.mean_N3 + BASIS.displacement(coefficients)


def test_a_closed_mouth_is_its_own_neutral() -> None:
    face = fit_face(RETARGETER, BASIS.mean_N3)
    assert np.array_equal(face.neutral_N3, BASIS.mean_N3)
    assert np.all(face.reference_K == 0)
    assert np.abs(shape(face) - BASIS.mean_N3).max() < 1e-3


@pytest.mark.parametrize("amount", [0.3, 0.6, 1.0])
def test_an_open_mouth_is_closed_and_comes_back(amount: float) -> None:
    rest_N3 = pictured(jaw_open=amount)
    face = fit_face(RETARGETER, rest_N3)
    assert float(mouth_opening(rest_N3)) > 0.1
    assert float(mouth_opening(face.neutral_N3)) < 0.01
    again = expression(RETARGETER, face, face.reference_K)
    assert np.abs(again - rest_N3).max() < 2e-3


def test_a_grin_is_taken_back_only_where_the_mouth_is_open() -> None:
    quiet, loud = pictured(smile=1.0), pictured(smile=1.0, jaw_open=0.6)
    assert np.array_equal(fit_face(RETARGETER, quiet).neutral_N3, quiet)
    face = fit_face(RETARGETER, loud)
    assert mouth_width(face.neutral_N3) < mouth_width(loud) - 0.01


@pytest.mark.parametrize("amount", [0.85, 1.0, 1.2])
def test_a_blink_that_nearly_closes_closes(amount: float) -> None:
    assert eye_openings(shape(blink_left=amount, blink_right=amount)).max() < 0.05


def test_a_narrowed_eye_stays_open() -> None:
    rest = eye_openings(shape()).mean()
    assert eye_openings(shape(squint=0.6)).mean() > 0.5 * rest


def test_a_wink_closes_one_eye() -> None:
    right, left = eye_openings(shape(blink_right=1.0))
    assert right < 0.06 < left


@pytest.mark.parametrize("amounts", [{"lip_press": 2.0}, {"jaw_open": -1.0}, {"frown": 2.0}])
def test_lips_never_cross(amounts: dict[str, float]) -> None:
    lips = shape(None, **amounts)
    gap = lips[LOWER_LIP_INNER[1:-1], 1] - lips[UPPER_LIP_INNER[1:-1], 1]
    assert gap.min() > 0


def test_a_smile_is_measured_on_both_sides_and_a_frown_on_none() -> None:
    face = fit_face(RETARGETER, BASIS.mean_N3)
    right, left = smile_sides(face, shape(face, smile=1.0))
    assert right == pytest.approx(left, abs=0.1)
    assert right > 0.7
    assert max(smile_sides(face, shape(face, frown=1.0))) < 0.1
    assert max(smile_sides(face, shape(face))) < 0.02

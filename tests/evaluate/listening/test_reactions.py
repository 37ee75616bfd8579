import numpy as np

from afgen.data.listeners.shapes import blink, swell
from afgen.evaluate.listening.reactions import blinks, smiles
from afgen.signals import Floats


def placed(shape_T: Floats, starts: list[int], frames: int = 500) -> Floats:
    course_T = np.zeros(frames, np.float32)
    for start in starts:
        course_T[start : start + len(shape_T)] += shape_T
    return course_T


def test_blinks_are_counted_and_a_half_shut_eye_is_none() -> None:
    eyes_T = 0.3 - placed(0.28 * blink(0.08, 0.04, 0.14), [20, 90, 300])
    eyes_T -= placed(0.1 * swell(0.2, 1.0, 0.2), [400])
    assert blinks(eyes_T.astype(np.float32)).sum() == 3


def test_smiles_are_counted_above_the_faces_own() -> None:
    smile_T = 0.2 + placed(0.6 * swell(0.5, 1.5, 0.8), [100, 300])
    assert smiles(smile_T.astype(np.float32)).sum() == 2

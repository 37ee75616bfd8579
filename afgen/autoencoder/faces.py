"""The one face of a portrait, and what is said where there is none or more than one."""

from collections.abc import Callable, Sequence

from afgen.errors import FaceTooSmallError, NoFaceError, SeveralFacesError
from afgen.signals import Floats, Image

# Landmarks (478, 3) of every face in a picture, largest first.
FaceFinder = Callable[[Image], Sequence[Floats]]


def only_face(faces: Sequence[Floats], *, least_px: float, rival: float) -> Floats:
    """The landmarks of the largest face, where it is large enough and the only one that counts.

    `least_px` is the least extent of a face in pixels; another face of `rival` times the largest
    one's extent is one too many. Raises NoFaceError, SeveralFacesError, FaceTooSmallError.
    """
    if not faces:
        raise NoFaceError("no face was found in the portrait")
    widths = sorted((_extent(face) for face in faces), reverse=True)
    if len(widths) > 1 and widths[1] > rival * widths[0]:
        raise SeveralFacesError(f"{len(widths)} faces were found in the portrait")
    if widths[0] < least_px:
        raise FaceTooSmallError(f"the face in the portrait is only {widths[0]:.0f} pixels wide")
    return max(faces, key=_extent)


def _extent(landmarks_N3: Floats) -> float:
    low, high = landmarks_N3[:, :2].min(0), landmarks_N3[:, :2].max(0)
    return float((high - low).max())

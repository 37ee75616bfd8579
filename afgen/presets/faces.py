"""How every preset finds the face of a portrait."""

from afgen.signals import Floats, Image
from afgen.tracks.landmarks import landmarks_of_portrait


def find_faces(image_HWC: Image) -> list[Floats]:
    """Landmarks (478, 3) of the faces of a portrait, largest first."""
    return [face.landmarks_N3 for face in landmarks_of_portrait(image_HWC)]

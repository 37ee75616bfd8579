"""One picture: the portrait with a given motion."""

from concurrent.futures import Executor

import numpy as np

from afgen.autoencoder.mesh.curves import Array
from afgen.autoencoder.mesh.eyes import draw_eye
from afgen.autoencoder.mesh.identity import MeshIdentity
from afgen.autoencoder.mesh.motion import EXPRESSION, YAW, MotionLimits, apply_pose, limit_motion
from afgen.autoencoder.mesh.mouth import draw_mouth
from afgen.autoencoder.mesh.outer import move_outer
from afgen.autoencoder.mesh.pose import Pose, project, rotation_to_euler
from afgen.autoencoder.mesh.raster import Light, draw_mesh
from afgen.autoencoder.mesh.retarget import Retargeter, expression, smile_sides
from afgen.autoencoder.mesh.topology import MOUTH_CORNERS
from afgen.errors import InternalError
from afgen.signals import Floats, Image

HIDING_FROM_RAD = float(np.radians(10))  # turned further, a portrait hides one cheek
HIDING_RANGE_RAD = float(np.radians(35))
BEHIND = 0.12  # face widths: hair and neck lie behind the outline of the face


def place_face(
    identity: MeshIdentity, retargeter: Retargeter, motion_D: Floats, limits: MotionLimits
) -> tuple[Pose, Array]:
    """Pose and shape (N, 3) that a motion gives to this portrait.

    Raises InternalError for motion that is not a number: no kernel could draw it.
    """
    if not np.isfinite(motion_D).all():
        raise InternalError("the motion to draw is not finite")
    limited_D = limit_motion(motion_D, limits)
    limited_D[YAW] *= _towards_hidden(identity, float(limited_D[YAW]))
    shape_N3 = expression(retargeter, identity.face, limited_D[EXPRESSION])
    return apply_pose(limited_D, identity.rest), shape_N3


def _towards_hidden(identity: MeshIdentity, yaw: float) -> float:
    """Damping of a turn that would show a cheek the portrait hides, 1 for frontal portraits."""
    rest_yaw = float(rotation_to_euler(identity.rest.rotation_33)[1])
    if rest_yaw * yaw >= 0:
        return 1.0
    return float(np.clip(1.0 - (abs(rest_yaw) - HIDING_FROM_RAD) / HIDING_RANGE_RAD, 0.35, 1.0))


def draw_frame(
    identity: MeshIdentity, now: Pose, shape_N3: Array, pool: Executor | None = None
) -> Image:
    """The crop (size, size, 3) with the head at `now` and the face in `shape_N3`."""
    out_HWC = identity.base_HWC.copy()
    pixels_N3 = project(now, shape_N3)
    rim = identity.outer.rim
    outline_O3 = shape_N3[rim] - identity.face.rest_N3[rim]
    around_G3 = move_outer(identity.outer, identity.rest, now, outline_O3)
    around_G3[:, 2] += BEHIND * float(identity.rest.scale)
    vertices_V3 = np.concatenate([pixels_N3, around_G3]).astype(np.float32)
    right, left = smile_sides(identity.face, shape_N3)
    middle = float(identity.texels_V2[MOUTH_CORNERS, 0].mean())
    draw_mesh(
        out_HWC, vertices_V3, identity.texels_V2, identity.triangles_F3, identity.texture,
        Light(right, left, middle), pool,
    )  # fmt: skip
    for eye in identity.eyes:
        draw_eye(out_HWC, eye, shape_N3, now, pixels_N3[:, :2])
    draw_mouth(out_HWC, identity.mouth, shape_N3, now, pixels_N3[:, :2])
    return out_HWC


def reference_motion(identity: MeshIdentity) -> Floats:
    """Motion (D,) of the portrait itself: at rest, with its own expression."""
    pose_6 = np.zeros(EXPRESSION.start)
    motion: Floats = np.concatenate([pose_6, identity.face.reference_K]).astype(np.float32)
    return motion

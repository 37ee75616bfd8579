"""The embedded default autoencoder: a face mesh and an image warp, no network in the pixel path."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final

import numpy as np

from afgen.autoencoder.faces import FaceFinder
from afgen.autoencoder.mesh.basis import MotionBasis, load_basis
from afgen.autoencoder.mesh.compose import draw_frame, place_face, reference_motion
from afgen.autoencoder.mesh.encode import EncoderState, MeshEncoder
from afgen.autoencoder.mesh.identity import MeshIdentity, build_identity
from afgen.autoencoder.mesh.motion import (
    ANGLES,
    MOTION_DIM,
    POSE_SCALES,
    MotionLimits,
    join_motion,
    pose_motion,
)
from afgen.autoencoder.mesh.paste import paste
from afgen.autoencoder.mesh.pose import project, solve_pose
from afgen.autoencoder.mesh.retarget import build_retargeter
from afgen.autoencoder.mesh.strengths import restyle
from afgen.signals import FaceView, Floats, Image, Portrait


class MeshAutoencoder:
    """Motion from tracked faces and pictures from motion; z = z_S + m, paper equation 3.

    Holds constants only. `find_faces` gives the landmarks (478, 3) of each face of a picture,
    largest first. Decoded pictures are squares of `size`; None keeps each portrait's own
    resolution, for pasting back. With `threads` 2, a pool of one thread shares the rasterising; the
    bytes are the same.
    """

    motion_dim: Final = MOTION_DIM

    def __init__(
        self,
        find_faces: FaceFinder,
        *,
        size: int | None = 512,
        threads: int = 2,
        basis: MotionBasis | None = None,
        limits: MotionLimits | None = None,
    ) -> None:
        self.basis = basis or load_basis()
        self._find_faces = find_faces
        self._size = size
        self._limits = limits or MotionLimits()
        self._retargeter = build_retargeter(self.basis)
        self._encoder = MeshEncoder(self.basis)
        self._pool: Executor | None = ThreadPoolExecutor(1) if threads > 1 else None

    def identify(self, portrait: Portrait) -> MeshIdentity:
        """Everything about the portrait that does not move.

        Raises NoFaceError, SeveralFacesError, FaceTooSmallError or FaceTurnedAwayError.
        """
        return build_identity(portrait, self._find_faces, self._retargeter, self._size)

    def reference_motion(self, identity: MeshIdentity) -> Floats:
        """m_S of the portrait itself, (D,): zero but for an open mouth."""
        return reference_motion(identity)

    def encode(self, view: FaceView, state: EncoderState | None) -> tuple[Floats, EncoderState]:
        """Motion (D,) of a tracked face, from this frame and the past only."""
        return self._encoder.encode(view, state)

    def restyle(
        self,
        identity: MeshIdentity,
        motion_TD: Floats,
        *,
        head: float,
        expression: float,
        blink: float,
    ) -> Floats:
        """The motion with its parts scaled, see `strengths`."""
        return restyle(
            motion_TD, reference_motion(identity), head=head, expression=expression, blink=blink
        )

    def decode(self, identity: MeshIdentity, motion_TD: Floats) -> Iterator[Image]:
        """One crop picture (size, size, 3) per row of motion; each depends on its row alone."""
        for motion_D in motion_TD:
            now, shape_N3 = place_face(identity, self._retargeter, motion_D, self._limits)
            yield draw_frame(identity, now, shape_N3, self._pool)

    def own_motion(self, identity: MeshIdentity, landmarks_N3: Floats) -> Floats:
        """Motion (D,) that the portrait's own person shows in another picture of the same framing.

        `landmarks_N3` are pixels of that picture, which is as large as the portrait.
        """
        points_N3 = identity.crop.from_portrait(landmarks_N3)
        pose, shape_N3 = solve_pose(points_N3, self.basis.mean_N3)
        pose_6 = pose_motion(pose, identity.rest)
        leak_N3 = self.basis.pose_leak(pose_6[ANGLES] * POSE_SCALES[ANGLES])
        shown_N3 = (shape_N3 - identity.face.neutral_N3 - leak_N3) / identity.face.stretch_N3
        return join_motion(pose_6, self.basis.coefficients(shown_N3)).astype(np.float32)

    def landmarks(self, identity: MeshIdentity, motion_D: Floats) -> Floats:
        """Where the landmarks (478, 3) of a decoded picture lie, crop pixels."""
        now, shape_N3 = place_face(identity, self._retargeter, motion_D, self._limits)
        return project(now, shape_N3).astype(np.float32)

    def paste(self, identity: MeshIdentity, crop_HWC: Image) -> Image:
        """The crop put back into the full portrait at its own resolution."""
        return paste(identity.portrait.image_HWC, crop_HWC, identity.paste)

"""Everything about a portrait that does not move, computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.faces import FaceFinder, only_face
from afgen.autoencoder.mesh.crop import Crop, choose_crop, cut
from afgen.autoencoder.mesh.curves import Array, smooth_step
from afgen.autoencoder.mesh.eyes import EyePatch, build_eye
from afgen.autoencoder.mesh.layers import Layers, split_layers
from afgen.autoencoder.mesh.mouth import MouthPatch, build_mouth
from afgen.autoencoder.mesh.outer import OuterMesh, build_outer
from afgen.autoencoder.mesh.paste import PasteMap, build_paste
from afgen.autoencoder.mesh.pose import Pose, rotation_to_euler, solve_pose
from afgen.autoencoder.mesh.raster import Texture, Triangles, draw_mesh
from afgen.autoencoder.mesh.retarget import OwnFace, Retargeter, fit_face
from afgen.autoencoder.mesh.rim import find_rim
from afgen.autoencoder.mesh.shading import quantise, smile_light
from afgen.autoencoder.mesh.topology import (
    EYES,
    LANDMARKS,
    LOWER_LIP_INNER,
    UPPER_LIP_INNER,
    load_topology,
)
from afgen.errors import FaceTurnedAwayError
from afgen.signals import Floats, Image, Portrait

_SKIN_SPOTS = (205, 425, 50, 280, 4, 151)


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """What a portrait must show, and how finely it is kept."""

    least_face: float = 64.0  # pixels of the portrait
    rival_face: float = 0.5  # another face this large beside the largest one is one too many
    most_yaw_rad: float = float(np.radians(45))
    most_pitch_rad: float = float(np.radians(40))
    pad: float = 0.10  # of the crop's side: texture kept around it
    oversampling_to: int = 1024  # crops up to this side get a doubled texture


@dataclass(frozen=True, slots=True)
class MeshIdentity:
    """A portrait ready to be moved. Arrays are never written to after construction."""

    portrait: Portrait
    crop: Crop
    landmarks_N3: Array  # crop pixels, at rest
    rest: Pose  # of the portrait, in crop pixels
    face: OwnFace
    outer: OuterMesh
    triangles_F3: Triangles  # those that can move
    texels_V2: Floats  # where each vertex looks in the texture
    texture: Texture
    base_HWC: Image  # what never moves, size x size
    eyes: tuple[EyePatch, ...]
    mouth: MouthPatch
    skin_3: Floats
    paste: PasteMap

    @property
    def size(self) -> int:
        """Side of decoded pictures."""
        return self.crop.size


def build_identity(
    portrait: Portrait,
    find_faces: FaceFinder,
    retargeter: Retargeter,
    size: int | None,
    config: IdentityConfig | None = None,
) -> MeshIdentity:
    """Find the face, cut the portrait into layers and complete what motion will uncover.

    Raises NoFaceError, SeveralFacesError, FaceTooSmallError or FaceTurnedAwayError.
    """
    config = config or IdentityConfig()
    mean_N3 = retargeter.basis.mean_N3
    found_N3 = usable_face(find_faces(portrait.image_HWC), mean_N3, config)
    crop = choose_crop(found_N3, portrait.image_HWC.shape, size)
    landmarks_N3 = crop.from_portrait(found_N3)
    rest, shape_N3 = solve_pose(landmarks_N3, mean_N3)
    pad = round(config.pad * crop.size)
    image_PPC = cut(portrait.image_HWC, crop, pad)
    rim = find_rim(landmarks_N3, load_topology().triangles_F3)
    layers = split_layers(image_PPC, landmarks_N3[rim.points, :2] + pad, crop.size / 512)
    texture = _texture(layers, landmarks_N3, float(rest.scale), pad, crop.size, config)
    outer = build_outer(landmarks_N3, rim.points, rest, mean_N3, crop.size, pad)
    vertices_V3 = np.concatenate([landmarks_N3, outer.points_G3])
    moving_F3, still_F3 = _sort_triangles(outer, vertices_V3, layers.coverage_PP, pad)
    texels_V2 = texture.texels(np.concatenate([rim.looks_N2, outer.points_G3[:, :2]]))
    base_HWC = np.ascontiguousarray(layers.scene_PPC[pad : pad + crop.size, pad : pad + crop.size])
    draw_mesh(base_HWC, vertices_V3.astype(np.float32), texels_V2, still_F3, texture)
    face, skin_3 = fit_face(retargeter, shape_N3), _skin(image_PPC, landmarks_N3[:, :2] + pad)
    return MeshIdentity(
        portrait=portrait,
        crop=crop,
        landmarks_N3=landmarks_N3,
        rest=rest,
        face=face,
        outer=outer,
        triangles_F3=moving_F3,
        texels_V2=texels_V2,
        texture=texture,
        base_HWC=base_HWC,
        eyes=tuple(build_eye(e, landmarks_N3, shape_N3, rest, texture, skin_3) for e in EYES),
        mouth=build_mouth(landmarks_N3, face.neutral_N3, shape_N3, rest, texture, skin_3),
        skin_3=skin_3,
        paste=build_paste(
            crop,
            _reach(vertices_V3[moving_F3, :2], layers.coverage_PP, crop.size, float(rest.scale)),
            portrait.image_HWC.shape,
        ),
    )


def usable_face(
    faces: Sequence[Floats], mean_N3: Array, config: IdentityConfig | None = None
) -> Floats:
    """The landmarks (478, 3) of the one face of a portrait, where it can be animated.

    `faces` are the landmarks of all faces in pixels, `mean_N3` those of the mean face.
    Raises NoFaceError, SeveralFacesError, FaceTooSmallError or FaceTurnedAwayError.
    """
    config = config or IdentityConfig()
    found_N3 = only_face(faces, least_px=config.least_face, rival=config.rival_face)
    pose, _ = solve_pose(found_N3, mean_N3)
    pitch, yaw, _ = (float(angle) for angle in rotation_to_euler(pose.rotation_33))
    if abs(yaw) > config.most_yaw_rad or abs(pitch) > config.most_pitch_rad:
        turned = np.degrees(max(abs(yaw), abs(pitch)))
        raise FaceTurnedAwayError(f"the face is turned {turned:.0f} degrees from the camera")
    return found_N3


def _texture(
    layers: Layers,
    landmarks_N3: Array,
    face_width: float,
    pad: int,
    size: int,
    config: IdentityConfig,
) -> Texture:
    """Colour and coverage, doubled where it pays; texel 2i is exactly pixel i."""
    finer = 2 if size <= config.oversampling_to else 1
    coverage_PP = np.round(layers.coverage_PP * 255).astype(np.uint8)
    image = np.dstack([layers.image_PPC, coverage_PP])
    side = image.shape[0] * finer
    if finer > 1:
        zoom = np.array([[finer, 0, 0], [0, finer, 0]], dtype=np.float64)
        image = cv2.warpAffine(
            image, zoom, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    unlit = np.zeros((side, side), np.int8)
    texture = Texture(np.ascontiguousarray(image), unlit, pad, finer)
    texels_N2 = texture.texels(landmarks_N3[:, :2]).astype(np.float64)
    return replace(texture, shade_SS=quantise(smile_light(texels_N2, face_width * finer, side)))


def _sort_triangles(
    outer: OuterMesh, vertices_V3: Array, coverage_PP: Floats, pad: int
) -> tuple[Triangles, Triangles]:
    """Triangles that move, and those of the person that never do; empty ones are dropped."""
    face_F3 = np.concatenate(
        [
            load_topology().triangles_F3,
            _lattice(UPPER_LIP_INNER, LOWER_LIP_INNER),
            *(_lattice(eye.upper, eye.lower) for eye in EYES),
        ]
    )
    covered_F = _covered(vertices_V3[outer.triangles_F3, :2] + pad, coverage_PP)
    around_F3 = outer.triangles_F3[covered_F]
    moves_G = outer.turn_G + outer.sway_G + outer.outline_GO.sum(1) > 1e-3
    moves_V = np.concatenate([np.ones(LANDMARKS, bool), moves_G])
    moving_F = moves_V[around_F3].any(1)
    moving_F3 = np.concatenate([face_F3, around_F3[moving_F]]).astype(np.int32)
    return moving_F3, np.ascontiguousarray(around_F3[~moving_F])


def _lattice(upper: NDArray[np.intp], lower: NDArray[np.intp]) -> Triangles:
    """Triangles that close an opening between two edges with common corners."""
    quads = [(upper[i], upper[i + 1], lower[i], lower[i + 1]) for i in range(len(upper) - 1)]
    halves = [half for a, b, c, d in quads for half in ((a, b, c), (b, d, c))]
    return np.array([half for half in halves if len(set(half)) == 3], dtype=np.int32)


def _covered(corners_F32: Array, coverage_PP: Floats) -> NDArray[np.bool_]:
    """Whether any of the person lies in each triangle's bounding box."""
    sums = cv2.integral((coverage_PP > 1 / 255).astype(np.uint8))
    last = coverage_PP.shape[0]
    x0, y0 = np.clip(np.floor(corners_F32.min(1)) - 1, 0, last).astype(int).T
    x1, y1 = np.clip(np.ceil(corners_F32.max(1)) + 2, 0, last).astype(int).T
    covered: NDArray[np.bool_] = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0] > 0
    return covered


def _reach(corners_F32: Array, coverage_PP: Floats, size: int, face_width: float) -> Floats:
    """1 where a moving part of the person is or can come to, fading out, (size, size)."""
    moving = np.zeros((size, size), np.uint8)
    cv2.fillPoly(moving, list(np.round(corners_F32).astype(np.int32)), (1.0,))
    pad = (coverage_PP.shape[0] - size) // 2
    moving &= (coverage_PP[pad : pad + size, pad : pad + size] > 1 / 255).astype(np.uint8)
    away = cv2.distanceTransform(1 - moving, cv2.DIST_L2, 5) / face_width
    reach: Floats = (1.0 - smooth_step(0.30, 0.42, away)).astype(np.float32)
    return reach


def _skin(image_PPC: Image, points_N2: Array) -> Floats:
    """The median colour of cheeks, nose and forehead."""
    at = np.clip(np.round(points_N2[list(_SKIN_SPOTS)]), 0, image_PPC.shape[0] - 1).astype(int)
    median: Floats = np.median(image_PPC[at[:, 1], at[:, 0]], axis=0).astype(np.float32)
    return median

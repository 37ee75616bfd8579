"""The mesh around the face: hair, ears, neck, shoulders and what is behind them.

A grid of points is joined to the outline of the face. Each point knows how much it turns with the
head (1 near the face, 0 far out and below the collar), how much it sways with the shoulders, and
how much of the outline's own movement it takes over, so that a falling jaw draws the neck along.

Lengths are in crop pixels unless named otherwise; u and v are face heights along and down the face
from its middle (chin at v = 0.5).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import Delaunay

from afgen.autoencoder.mesh.curves import Array, smooth_step
from afgen.autoencoder.mesh.pose import Pose, project, unproject
from afgen.autoencoder.mesh.topology import (
    CHIN,
    FOREHEAD,
    LANDMARKS,
    LEFT_EAR,
    RIGHT_EAR,
    Indices,
    Triangles,
)


@dataclass(frozen=True, slots=True)
class OuterConfig:
    """Shape of the mesh around the face."""

    spacing: float = 22 / 512  # of the crop's side
    neck_from: float = 0.38  # v where the neck stops turning with the head ...
    neck_to: float = 1.05  # ... and where it no longer does
    reach: tuple[float, float] = (1.15, 2.3)  # where the head's influence fades outwards
    shoulder_sway: float = 0.16  # of the neck's shift
    outline_reach: float = 0.16  # face widths over which the outline's own movement dies away
    pinned: float = 0.10  # of the side: below the chin the crop's border keeps still
    carried_depth: float = 0.9  # of the ears' depth: the plane in which hair and ears turn


@dataclass(frozen=True, slots=True)
class OuterMesh:
    """Points G around the face, at rest and how they move. O points make up the face's rim."""

    rim: Indices  # (O,) landmarks
    points_G3: Array  # crop pixels
    shape_G3: Array  # the same in face widths, pose taken away
    turn_G: Array  # 0..1 of the head's rigid movement
    sway_G: Array  # 0..1 of the neck's shift
    outline_GO: Array  # how much of each outline point's expression
    neck_3: Array  # the neck's base, in face widths
    triangles_F3: Triangles  # over landmarks (0..477) and points (478..)


def build_outer(
    landmarks_N3: Array,
    rim: Indices,
    rest: Pose,
    mean_N3: Array,
    size: int,
    pad: int,
    config: OuterConfig | None = None,
) -> OuterMesh:
    """Mesh from the face's rim to `pad` pixels beyond a crop of side `size`."""
    config = config or OuterConfig()
    oval_O2 = landmarks_N3[rim, :2]
    grid_G2, distance_G = _grid_outside(oval_O2, size, pad, config.spacing * size)
    triangles_F3 = _join(oval_O2, grid_G2, rim)
    to_oval_GO = np.linalg.norm(grid_G2[:, None] - oval_O2[None], axis=2)
    near_GO = 1.0 / (to_oval_GO + 0.02 * float(rest.scale)) ** 3
    near_GO /= near_GO.sum(1, keepdims=True)
    distance_G = distance_G / float(rest.scale)
    depth_G = _depths(grid_G2, distance_G, near_GO @ landmarks_N3[rim, 2], rest, mean_N3, config)
    points_G3 = np.column_stack([grid_G2, depth_G])
    turn_G, sway_G = _weights(grid_G2, landmarks_N3, size, config)
    return OuterMesh(
        rim=rim,
        points_G3=points_G3,
        shape_G3=unproject(rest, points_G3),
        turn_G=turn_G,
        sway_G=sway_G,
        outline_GO=near_GO * np.exp(-((distance_G / config.outline_reach) ** 2))[:, None],
        neck_3=_neck(landmarks_N3, rest, mean_N3),
        triangles_F3=triangles_F3,
    )


def move_outer(outer: OuterMesh, rest: Pose, now: Pose, outline_shift_O3: Array) -> Array:
    """Where the points are when the head is at `now`, (G, 3).

    `outline_shift_O3` is the outline's expression in face widths.
    """
    rigid_G3 = project(now, outer.shape_G3) - outer.points_G3
    neck_3 = project(now, outer.neck_3[None])[0] - project(rest, outer.neck_3[None])[0]
    expression_O3 = float(now.scale) * (outline_shift_O3 @ now.rotation_33.T)
    moved: Array = (
        outer.points_G3
        + outer.turn_G[:, None] * rigid_G3
        + outer.sway_G[:, None] * neck_3
        + outer.outline_GO @ expression_O3
    )
    return moved


def _grid_outside(oval_O2: Array, size: int, pad: int, spacing: float) -> tuple[Array, Array]:
    """Grid points at least half a spacing outside the outline, and how far outside."""
    axis = np.linspace(-pad, size + pad, int((size + 2 * pad) / spacing) + 1)
    grid_G2 = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    contour = oval_O2.astype(np.float32).reshape(-1, 1, 2)
    inside_G = np.array(
        [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in grid_G2]
    )
    keep_G = inside_G < -0.55 * spacing
    return grid_G2[keep_G], -inside_G[keep_G]


def _join(oval_O2: Array, grid_G2: Array, rim: Indices) -> Triangles:
    """Delaunay triangles of the outline and the grid, without those that cover the face."""
    points = np.concatenate([oval_O2, grid_G2])
    triangles = Delaunay(points).simplices
    contour = oval_O2.astype(np.float32).reshape(-1, 1, 2)
    outside = [
        cv2.pointPolygonTest(contour, (float(x), float(y)), False) <= 0
        for x, y in points[triangles].mean(1)
    ]
    numbers = np.concatenate([rim, LANDMARKS + np.arange(len(grid_G2))])
    joined: Triangles = numbers[triangles[np.array(outside)]].astype(np.int32)
    return joined


def _depths(
    grid_G2: Array,
    distance_G: Array,
    outline_depth_G: Array,
    rest: Pose,
    mean_N3: Array,
    config: OuterConfig,
) -> Array:
    """The outline's depth close to the face, further out the plane through the ears."""
    ear_depth = config.carried_depth * float(mean_N3[[RIGHT_EAR, LEFT_EAR], 2].mean())
    rotation = rest.rotation_33
    offset_G2 = grid_G2 - rest.translation_3[:2]
    along = float(rest.scale) * ear_depth - offset_G2 @ rotation[:2, 2]
    plane_G = along / rotation[2, 2] + rest.translation_3[2]
    share_G = smooth_step(0.0, 0.35, distance_G)
    depth_G: Array = outline_depth_G * (1 - share_G) + plane_G * share_G
    return depth_G


def _weights(
    grid_G2: Array, landmarks_N3: Array, size: int, config: OuterConfig
) -> tuple[Array, Array]:
    """How much each point turns with the head, and sways with the shoulders."""
    top_2, chin_2 = landmarks_N3[FOREHEAD, :2], landmarks_N3[CHIN, :2]
    height = float(np.linalg.norm(chin_2 - top_2))
    down_2 = (chin_2 - top_2) / height
    across_2 = np.array([down_2[1], -down_2[0]])
    offset_G2 = (grid_G2 - (chin_2 + top_2) / 2) / height
    u_G, v_G = offset_G2 @ across_2, offset_G2 @ down_2
    radius_G = np.hypot(u_G / 0.80, (v_G + 0.12) / 0.95)
    above_G = 1 - smooth_step(config.neck_from, config.neck_to, v_G)
    border_G = np.minimum(grid_G2, size - grid_G2).min(1) / size
    pinned_G = np.where(v_G > 0.3, smooth_step(0.0, config.pinned, border_G), 1.0)
    turn_G = above_G * (1 - smooth_step(*config.reach, radius_G)) * pinned_G
    fade_G = 1 - smooth_step(1.2, 2.4, np.hypot(u_G * 0.8, v_G))
    sway_G = config.shoulder_sway * (1 - above_G) * fade_G * pinned_G
    return turn_G, sway_G


def _neck(landmarks_N3: Array, rest: Pose, mean_N3: Array) -> Array:
    """The base of the neck: a third of a face below the chin, in the ears' plane."""
    chin_3, top_3 = unproject(rest, landmarks_N3[[CHIN, FOREHEAD]])
    below_3: Array = chin_3 + (chin_3 - top_3) * 0.35
    below_3[2] = mean_N3[[RIGHT_EAR, LEFT_EAR], 2].mean()
    return below_3

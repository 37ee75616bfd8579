"""Eyes: an eyeball completed behind the lids, a gaze that moves the iris, lids that close.

At rest the portrait's own eye shows through unchanged. When the iris moves, it slides over a
completed sclera; when the lids open wider, what they hid was completed from the iris' own mirror
image; when they close, skin from around the eye, lit like a lid, covers what the mesh would only
stretch. All of this is prepared once per portrait; a frame runs one small kernel per eye.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.compiled import inlined, kernel
from afgen.autoencoder.mesh.curves import Array, smooth_step
from afgen.autoencoder.mesh.layers import disc, grain, push_pull, to_image
from afgen.autoencoder.mesh.openings import Box, affine_between, heights, opening
from afgen.autoencoder.mesh.pose import Pose, project
from afgen.autoencoder.mesh.raster import Texture
from afgen.autoencoder.mesh.sampling import height_at, sample_channel, step, unit
from afgen.autoencoder.mesh.topology import EyePoints
from afgen.signals import Floats, Image

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # Rec. 601

# Channels of EyePatch.image
_SCLERA, _OWN, _SEEN, _LID, _IRIS, _DISC = 0, 3, 6, 7, 10, 13
EDGE = 1.3  # pixels over which a lid's edge is soft


@dataclass(frozen=True, slots=True)
class EyeConfig:
    """Lengths are widths of the eye."""

    margin: float = 0.55  # of the patch around the eye
    lashes: float = 0.13  # skin this close to the lids counts as lashes
    crease: float = 0.035  # how far above the resting lid its fold lies
    closing_from: float = 0.12  # closure at which the covering lid begins to show ...
    closing_to: float = 0.50  # ... and where it is all there
    gaze_reach: float = 0.26  # how far the iris may leave its place
    lash_thickness: float = 0.036
    lash_strength: float = 0.55
    own_within: float = 0.035  # gaze up to here still shows some of the eye as pictured
    uncovered_shadow: float = 0.35


@dataclass(frozen=True, slots=True)
class EyePatch:
    """One eye of a portrait, completed. Patch pixels are texels of the portrait's texture."""

    points: EyePoints
    image_HWC: Image  # (h, w, 14): sclera 3, own 3, seen 1, lid 3, iris 3, disc 1
    anchors_32: Array  # where three points of the eyeball's plane lie in it
    carried_P3: Array  # those three points and the upper lid at rest, in face widths
    corners_23: Array  # outer and inner corner at rest, in face widths
    iris_3: Array  # iris centre at rest, in face widths
    opening: float  # mean gap at rest, in face widths
    lash_3: Floats  # colour of the lashes


def build_eye(
    points: EyePoints,
    landmarks_N3: Array,
    shape_N3: Array,
    rest: Pose,
    texture: Texture,
    skin_3: Floats,
    config: EyeConfig | None = None,
) -> EyePatch:
    """Complete one eye of the portrait. `skin_3` is the colour of its skin."""
    config = config or EyeConfig()
    texels_P2 = texture.texels(landmarks_N3[:, :2]).astype(np.float64)
    loop_P2 = texels_P2[points.loop]
    width = float(np.linalg.norm(texels_P2[points.outer_corner] - texels_P2[points.inner_corner]))
    side = texture.image_SSA.shape[0]
    low = np.clip(np.floor(loop_P2.min(0) - config.margin * width), 0, side - 2).astype(int)
    high = np.clip(np.ceil(loop_P2.max(0) + config.margin * width), low + 2, side).astype(int)
    own = texture.image_SSA[low[1] : high[1], low[0] : high[0], :3].astype(np.float32)
    local_P2 = texels_P2 - low
    seen = coverage(local_P2[points.loop], own.shape[:2])
    iris, round_iris, sclera = _eyeball(own, seen, local_P2, points, texture.oversampling)
    lid, lash_3 = _lid_skin(own, local_P2, points, width, skin_3, config)
    planes = [sclera, own, seen[..., None] * 255, lid, iris, round_iris[..., None] * 255]
    corners_23 = shape_N3[[points.outer_corner, points.inner_corner]]
    anchors_33 = corners_23.mean(0) + np.array([[0, 0, 0], [0.2, 0, 0], [0, 0.2, 0]])
    return EyePatch(
        points=points,
        image_HWC=to_image(np.concatenate(planes, axis=2)),
        anchors_32=texture.texels(project(rest, anchors_33)[:, :2]) - low,
        carried_P3=np.concatenate([anchors_33, shape_N3[points.upper]]),
        corners_23=corners_23,
        iris_3=shape_N3[points.iris_centre],
        opening=lid_gap(shape_N3, points),
        lash_3=lash_3,
    )


def lid_gap(shape_N3: Array, points: EyePoints) -> float:
    """Mean distance of the lids over the middle of the eye, in the shape's unit."""
    gap_P3 = shape_N3[points.lower[2:7]] - shape_N3[points.upper[2:7]]
    return float(np.linalg.norm(gap_P3, axis=1).mean())


def coverage(polygon_P2: Array, shape: tuple[int, ...], finer: int = 4) -> Floats:
    """How much of each pixel a polygon covers, 0..1."""
    height, width = shape[:2]
    mask = np.zeros((height * finer, width * finer), np.uint8)
    outline_P2 = np.round((polygon_P2 + 0.5) * finer - 0.5).astype(np.int32)
    cv2.fillPoly(mask, [outline_P2], (255.0,))
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255.0


def _eyeball(
    own: Floats, seen: Floats, local_P2: Array, points: EyePoints, oversampling: int
) -> tuple[Floats, Floats, Floats]:
    """Iris completed under the lids, its disc 0..1, and the sclera completed under the iris."""
    centre_2 = local_P2[points.iris_centre]
    radius = float(np.linalg.norm(local_P2[points.iris_ring] - centre_2, axis=1).mean())
    y, x = np.mgrid[: own.shape[0], : own.shape[1]].astype(np.float32)
    distance = np.hypot(x - centre_2[0], y - centre_2[1])
    inside = np.clip((radius * 1.12 - distance) / (1.2 * oversampling) + 0.5, 0, 1)
    clear = cv2.erode(seen, np.ones((3, 3), np.uint8))
    sclera = _sclera(own, (clear > 0.9) & (distance > radius * 1.22), oversampling)
    iris = _mirrored_iris(own, (clear > 0.85) & (distance < radius * 1.3), centre_2, x, y)
    if seen.sum() < 20:
        iris = own.copy()
    return iris, inside.astype(np.float32), sclera


def _sclera(own: Floats, visible: NDArray[np.bool_], oversampling: int) -> Floats:
    """The white of the eye without iris: what is visible, and its brighter half elsewhere."""
    if visible.sum() <= 6:
        return np.full_like(own, 180.0)
    filled = push_pull(own, visible.astype(np.float32))
    pixels = own[visible]
    luma = pixels @ LUMA
    bright_3 = np.median(pixels[luma >= np.percentile(luma, 55)], axis=0) * 0.93
    near = cv2.GaussianBlur(visible.astype(np.float32), (0, 0), 1.2 * oversampling)[..., None]
    sclera: Floats = filled * near + (filled * 0.35 + bright_3 * 0.65) * (1 - near)
    return sclera


def _mirrored_iris(
    own: Floats, visible: NDArray[np.bool_], centre_2: Array, x: Floats, y: Floats
) -> Floats:
    """Fill what the lids hide of the iris from its other side, then from across the centre."""
    filled, known = own.copy(), visible.astype(np.float32)
    mirror_x = (2 * centre_2[0] - x).astype(np.float32)
    for mirror_y in (y, (2 * centre_2[1] - y).astype(np.float32)):
        other_known = cv2.remap(known, mirror_x, mirror_y, cv2.INTER_LINEAR)
        other = cv2.remap(filled, mirror_x, mirror_y, cv2.INTER_LINEAR)
        new = (known < 0.5) & (other_known > 0.9)
        filled[new] = other[new]
        known[new] = 1.0
    return push_pull(filled, known)


def _lid_skin(
    own: Floats,
    local_P2: Array,
    points: EyePoints,
    width: float,
    skin_3: Floats,
    config: EyeConfig,
) -> tuple[Floats, Floats]:
    """Skin of a closed lid over the whole patch, and the colour of the lashes.

    The skin comes from around the eye. Sockets lie in shade that a lowered lid leaves, so their
    light is lifted towards the skin under the eye and their hue towards the face's.
    """
    around = disc(config.lashes * width)
    lashes: Floats = cv2.dilate(coverage(local_P2[points.loop], own.shape), around).astype(
        np.float32
    )
    y = np.mgrid[: own.shape[0], : own.shape[1]][0]
    brow = y < local_P2[points.upper, 1].min() - 0.28 * width
    skin = push_pull(own, ((lashes < 0.05) & ~brow).astype(np.float32))
    skin = cv2.GaussianBlur(skin, (0, 0), 0.05 * width).astype(np.float32)
    under = _under_eye(skin, local_P2, points, width)
    light = np.maximum(skin @ LUMA, 1.0)
    wanted = np.clip(0.72 * light + 0.22 * under, 0.60 * under, 0.97 * under)
    hue = 0.65 * skin / light[..., None] + 0.35 * skin_3 / max(float(skin_3 @ LUMA), 1.0)
    hue /= (hue @ LUMA)[..., None]
    lid = hue * (wanted * _lid_light(own.shape, local_P2, points))[..., None]
    return lid + _grain(own, lashes, width), _lash_colour(own, lashes, lid)


def _under_eye(skin: Floats, local_P2: Array, points: EyePoints, width: float) -> float:
    """How light the skin below the eye is."""
    low_2 = local_P2[points.lower[2:7]].mean(0)
    x, y = np.clip(
        np.round(low_2 + np.array([0.0, 0.28 * width])), 0, np.array(skin.shape[1::-1]) - 1
    )
    return max(float(skin[int(y), int(x)] @ LUMA), 1.0)


def _lid_light(shape: tuple[int, ...], local_P2: Array, points: EyePoints) -> Floats:
    """A lid is a ball's surface: dim in the fold above, light in the middle, dim at the lashes."""
    frame = opening(local_P2[points.upper], local_P2[points.lower])
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    ox, oy, ax, ay, length = (float(value) for value in frame.frame)
    sign = 1.0 if ax >= 0 else -1.0
    height = sign * ((y - oy) * ax - (x - ox) * ay)
    position = ((x - ox) * ax + (y - oy) * ay) / length
    axis = np.linspace(0, 1, len(frame.upper_K))
    top = np.interp(position, axis, frame.upper_K)
    depth = np.maximum(np.interp(position, axis, frame.lower_K) - top, 0.12 * length)
    across = np.clip((height - top) / depth, -0.1, 1.1)
    light: Floats = (0.90 + 0.14 * np.sin(np.pi * np.clip(0.1 + 0.8 * across, 0, 1))).astype(
        np.float32
    )
    return light


def _grain(own: Floats, lashes: Floats, width: float) -> Floats:
    """Fine texture as strong as that of the skin around."""
    fine = (own - cv2.GaussianBlur(own, (0, 0), 0.04 * width)).mean(2)
    strength = min(0.8 * float(np.median(np.abs(fine[lashes < 0.05]))), 4.0)
    return strength * grain(fine.shape, max(0.8, 0.012 * width))[..., None]


def _lash_colour(own: Floats, lashes: Floats, lid: Floats) -> Floats:
    """The darkest of what surrounds the eye, warmed by the lid's own colour."""
    pixels = own[lashes > 0.5]
    luma = pixels @ LUMA
    dark_3 = pixels[luma <= np.percentile(luma, 12)].mean(0)
    colour: Floats = (0.55 * dark_3 + 0.16 * lid.mean((0, 1))).astype(np.float32)
    return colour


class _EyeNow(NamedTuple):
    """Numbers of one eye in one frame. Lengths are pixels."""

    gaze_u: float  # how far the iris has moved, in patch pixels
    gaze_v: float
    keep: float  # 1 while the portrait's own eye may show
    still: float  # 1 while its lids are at rest too
    cover: float  # 0..1 of the covering lid
    lash: float  # strength and width of the closed lid's line
    lash_width: float
    shadow: float  # on what the lids uncover


def draw_eye(
    out_HWC: Image,
    patch: EyePatch,
    shape_N3: Array,
    now: Pose,
    pixels_N2: Array,
    config: EyeConfig | None = None,
) -> None:
    """Draw one eye over the mesh, in place. `shape_N3` is the face's shape in this frame."""
    config = config or EyeConfig()
    points = patch.points
    eye = opening(pixels_N2[points.upper], pixels_N2[points.lower])
    shift_3 = (shape_N3[[points.outer_corner, points.inner_corner]] - patch.corners_23).mean(0)
    openness = lid_gap(shape_N3, points) / max(patch.opening, 0.02)
    carried_P2 = project(now, patch.carried_P3 + shift_3)[:, :2]
    to_patch_23 = affine_between(carried_P2[:3], patch.anchors_32, patch.anchors_32[0])
    gaze_2 = _gaze(patch, shape_N3, shift_3, openness, now, config.gaze_reach) * eye.length
    gaze_u, gaze_v = (float(value) for value in to_patch_23[:, :2] @ gaze_2)
    crease_K = heights(carried_P2[3:], eye.frame) - np.float32(config.crease * eye.length)
    eye_now = _EyeNow(
        gaze_u=gaze_u,
        gaze_v=gaze_v,
        keep=max(0.0, 1.0 - float(np.hypot(*gaze_2)) / (config.own_within * eye.length)),
        still=float(np.clip(1.0 - abs(openness - 1.0) / 0.06, 0.0, 1.0)),
        cover=float(smooth_step(config.closing_from, config.closing_to, 1.0 - openness)),
        lash=config.lash_strength * float(smooth_step(0.35, 0.85, 1.0 - openness)),
        lash_width=config.lash_thickness * eye.length,
        shadow=config.uncovered_shadow * float(np.clip(openness - 1.0, 0.0, 1.0)),
    )
    lowest = float(eye.lower_K.max()) + 0.08 * eye.length
    box = eye.box(out_HWC.shape, min(float(crease_K.min()), float(eye.upper_K.min())), lowest)
    edges_3K = np.stack([eye.upper_K, eye.lower_K, crease_K])
    to_patch = to_patch_23.astype(np.float32)
    _draw_eye(
        out_HWC, box, eye.frame, edges_3K, to_patch, tuple(eye_now), patch.image_HWC, patch.lash_3
    )


def _gaze(
    patch: EyePatch, shape_N3: Array, shift_3: Array, openness: float, now: Pose, reach: float
) -> Array:
    """How far the iris has left its place, in widths of the eye; a closing eye keeps it."""
    moved_3 = shape_N3[patch.points.iris_centre] - patch.iris_3 - shift_3
    width = float(np.linalg.norm(patch.corners_23[1] - patch.corners_23[0]))
    open_enough = float(np.clip((openness - 0.35) / 0.35, 0.0, 1.0))
    gaze_2: Array = (now.rotation_33 @ moved_3)[:2] / width * open_enough
    size = float(np.hypot(*gaze_2))
    return gaze_2 * (reach * np.tanh(size / reach) / size) if size > 1e-6 else gaze_2


@kernel
def _draw_eye(
    out_HWC: Image,
    box: Box,
    frame: Floats,
    edges_3K: Floats,
    to_patch: Floats,
    numbers: tuple[float, ...],
    patch_HWC: Image,
    lash_3: Floats,
) -> None:  # pragma: no cover - compiled
    eye = _EyeNow(*numbers)
    ox, oy, ax, ay, length = frame[0], frame[1], frame[2], frame[3], frame[4]
    sign = 1.0 if ax >= 0 else -1.0
    colour = np.empty(3, np.float32)
    for y in range(box[1], box[3]):
        for x in range(box[0], box[2]):
            position = ((x - ox) * ax + (y - oy) * ay) / length
            ends = unit((position + 0.02) * length) * unit((1.02 - position) * length)
            if ends <= 0:
                continue
            height = sign * ((y - oy) * ax - (x - ox) * ay)
            from_top = height - height_at(edges_3K[0], position)
            from_low = height_at(edges_3K[1], position) - height
            from_crease = height - height_at(edges_3K[2], position)
            u = to_patch[0, 0] * x + to_patch[0, 1] * y + to_patch[0, 2]
            v = to_patch[1, 0] * x + to_patch[1, 1] * y + to_patch[1, 2]
            for c in range(3):
                colour[c] = out_HWC[y, x, c]
            side = step(0.0, 0.12, position) * step(1.0, 0.88, position)
            if eye.cover > 0 and from_top < 1.0:
                reach = max(0.045 * length, 1.0)
                lid = eye.cover * side * step(-reach, reach, from_crease)
                lid *= unit(0.15 - from_top / reach)
                for c in range(3):
                    colour[c] += lid * (sample_channel(patch_HWC, _LID + c, u, v) - colour[c])
            inside = ends * unit(from_top / EDGE + 0.5) * unit(from_low / EDGE + 0.5)
            if inside > 0:
                shade = 0.36 * np.exp(-from_top / (0.10 * length))
                shade += 0.14 * np.exp(-from_low / (0.06 * length)) + 0.22 * (1.0 - side)
                _add_ball(colour, inside, 1.0 - shade, patch_HWC, u, v, eye)
            if eye.lash > 0:
                line = from_top / eye.lash_width
                lash = eye.lash * side * np.exp(-line * line)
                for c in range(3):
                    colour[c] += lash * (lash_3[c] - colour[c])
            for c in range(3):
                out_HWC[y, x, c] = np.uint8(min(max(colour[c] + 0.5, 0.0), 255.0))


@inlined
def _add_ball(
    colour: Floats,
    inside: float,
    light: float,
    patch_HWC: Image,
    u: float,
    v: float,
    eye: _EyeNow,
) -> None:  # pragma: no cover - compiled
    """Lay the eyeball at patch pixel (u, v) over `colour`: sclera, moved iris, or the own eye.

    `light` is what the lids leave of it.
    """
    iris_u, iris_v = u - eye.gaze_u, v - eye.gaze_v
    disc = sample_channel(patch_HWC, _DISC, iris_u, iris_v) / 255.0
    seen = sample_channel(patch_HWC, _SEEN, u, v) / 255.0
    light *= 1.0 - eye.shadow * (1.0 - seen)
    for c in range(3):
        white = sample_channel(patch_HWC, _SCLERA + c, u, v)
        iris = sample_channel(patch_HWC, _IRIS + c, iris_u, iris_v)
        ball = (white + disc * (iris - white)) * light
        ball += eye.keep * max(seen, eye.still) * (sample_channel(patch_HWC, _OWN + c, u, v) - ball)
        colour[c] += inside * (ball - colour[c])

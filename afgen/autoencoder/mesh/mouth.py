"""The inside of an open mouth: dark cavity, teeth that stay with the skull, a hint of tongue.

A mouth convinces by what it hides. The upper teeth are fixed to the skull and show only as far as
the lip uncovers them; their edges are soft and their light falls off towards the corners; the lower
teeth barely rise above the lower lip; all lies in the shadow of the upper lip. Where the portrait
shows its own teeth, these are used instead and drawn teeth only fill in.

Lengths are mouth widths; u runs to the right of the picture and v down, from the middle of the seam
of the closed lips, in a plane fixed to the skull.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from afgen.autoencoder.compiled import inlined, kernel
from afgen.autoencoder.mesh.curves import Array, smooth_step
from afgen.autoencoder.mesh.eyes import LUMA, coverage
from afgen.autoencoder.mesh.layers import push_pull, to_image
from afgen.autoencoder.mesh.measures import mouth_opening, mouth_width
from afgen.autoencoder.mesh.openings import Box, affine_between, opening
from afgen.autoencoder.mesh.pose import Pose, project
from afgen.autoencoder.mesh.raster import Texture
from afgen.autoencoder.mesh.sampling import height_at, sample_channel, step, unit
from afgen.autoencoder.mesh.topology import (
    INNER_CORNERS,
    LOWER_LIP_INNER,
    MOUTH_LOOP,
    UPPER_LIP_INNER,
)
from afgen.signals import Floats, Image

_UPPER_MIDDLE, _LOWER_MIDDLE = 13, 14  # inner lips
_JAW = (152, 175, 199, 200)
_LIP_COLOUR = (16, 15, 85, 315, 86, 316, 12, 72, 302)

# Widths of the ten front teeth from one side to the other, and how low their edges reach.
_UPPER_WIDTHS = (0.52, 0.68, 0.84, 0.92, 1.22, 1.22, 0.92, 0.84, 0.68, 0.52)
_UPPER_REACH = (0.84, 0.89, 0.96, 0.94, 1.00, 1.00, 0.94, 0.96, 0.89, 0.84)
UPPER_SIZE = (1.04, 0.30)  # width and height of the row
LOWER_SIZE = (0.74, 0.24)
CURVE = 0.22  # of the rows: how fast they rise sideways
_LOWER_WIDTHS = (0.85, 0.90, 0.95, 0.88, 0.84, 0.84, 0.88, 0.95, 0.90, 0.85)
_LOWER_REACH = (0.88, 0.92, 0.96, 0.95, 0.95, 0.95, 0.95, 0.96, 0.92, 0.88)


@dataclass(frozen=True, slots=True)
class MouthConfig:
    """Lengths are widths of the mouth, light is a share of the skin's."""

    depth: float = 0.03  # of the teeth behind the lips, face widths
    shown_from: float = 0.030  # opening at which the inside begins to show ...
    shown_to: float = 0.080
    own_from: float = 0.06  # opening from which the portrait's own interior is used
    upper_edge: float = 0.060  # v of the upper incisors' edge
    upper_bare: tuple[float, float] = (0.030, 0.115)  # least and most of them below the lip
    upper_share: float = 0.66  # of a small opening that they fill
    cavity_light: float = 0.13
    tongue_light: float = 0.46
    gum_light: float = 0.42
    tooth_light: float = 0.97


@dataclass(frozen=True, slots=True)
class MouthPatch:
    """Inside of one portrait's mouth."""

    seam_3: Array  # middle of the closed lips, face widths
    width: float  # of the closed mouth, face widths
    jaw_3: Array  # mean of the jaw's points at rest, face widths
    inner_width: float  # between its inner corners, face widths
    opening: float  # of the portrait itself
    colours_53: Floats  # cavity, tongue, gum, tooth, lip
    upper_HWC: Image  # (h, w, 3): coverage, light, gum of the upper row
    lower_HWC: Image
    own_HWA: Image  # (h, w, 4) the portrait's own interior and where it was seen; one black pixel
    anchors_32: Array  # where three points of the plane of the lips lie in it
    anchors_33: Array  # the same in face widths
    own_lip_P: Array  # how low its upper lip hangs there


def build_mouth(
    landmarks_N3: Array,
    neutral_N3: Array,
    rest_N3: Array,
    rest: Pose,
    texture: Texture,
    skin_3: Floats,
    config: MouthConfig | None = None,
) -> MouthPatch:
    """Prepare the inside of the portrait's mouth.

    `neutral_N3` is its shape with the lips closed, `rest_N3` as pictured, in face widths.
    """
    config = config or MouthConfig()
    pictured = float(mouth_opening(rest_N3))
    texels_N2 = texture.texels(landmarks_N3[:, :2]).astype(np.float64)
    own, origin_2 = _own_interior(texels_N2, texture, shown=pictured > config.own_from)
    seam_3 = neutral_N3[[_UPPER_MIDDLE, _LOWER_MIDDLE]].mean(0)
    anchors_33 = seam_3 + np.array([[0, 0, 0], [0.2, 0, 0], [0, 0.2, 0]])
    return MouthPatch(
        seam_3=seam_3,
        width=float(mouth_width(neutral_N3)),
        jaw_3=neutral_N3[list(_JAW)].mean(0),
        inner_width=_inner_width(neutral_N3),
        opening=pictured,
        colours_53=_colours(texels_N2, texture, skin_3, config),
        upper_HWC=_teeth(_UPPER_WIDTHS, _UPPER_REACH, separation=0.09),
        lower_HWC=_teeth(_LOWER_WIDTHS, _LOWER_REACH, separation=0.12),
        own_HWA=own,
        anchors_32=texture.texels(project(rest, anchors_33)[:, :2]) - origin_2,
        anchors_33=anchors_33,
        own_lip_P=texels_N2[UPPER_LIP_INNER[2:-2], 1] - origin_2[1],
    )


def _colours(texels_N2: Array, texture: Texture, skin_3: Floats, config: MouthConfig) -> Floats:
    """Cavity, tongue, gum and tooth in the light of this portrait.

    Grey pictures stay grey: the more colour lips and skin have, the redder the inside.
    """
    side = texture.image_SSA.shape[0]
    at = np.clip(np.round(texels_N2[list(_LIP_COLOUR)]), 0, side - 1).astype(int)
    lips_3 = np.median(texture.image_SSA[at[:, 1], at[:, 0], :3].astype(np.float64), axis=0) + 1.0
    light = max(float(skin_3 @ LUMA), 1.0)
    flesh = np.array([1.55, 0.76, 0.80])
    flesh = (flesh / (flesh @ LUMA)) ** _colourfulness(lips_3)
    hue_3 = 0.5 * lips_3 / (lips_3 @ LUMA) + 0.5 * flesh
    warm = _colourfulness(skin_3)
    cast_3 = np.clip(skin_3 / light / np.array([1.21, 0.93, 0.79]), 0.7, 1.4) ** (0.5 * warm)
    enamel_3 = np.array([1.06, 0.99, 0.88]) ** warm * cast_3 / (cast_3 @ LUMA)
    brightness = np.clip(max(light, 0.80 * float(skin_3.max())), 45.0, 215.0)
    colours: Floats = np.stack(
        [
            hue_3 * config.cavity_light * light,
            hue_3 * config.tongue_light * light,
            hue_3 * config.gum_light * light,
            np.clip(enamel_3 * brightness * config.tooth_light, 0, 240),
            lips_3,
        ]
    ).astype(np.float32)
    return colours


def _colourfulness(colour_3: Array | Floats) -> float:
    """0 for greys, 1 for anything as colourful as skin."""
    saturation = (float(colour_3.max()) - float(colour_3.min())) / max(float(colour_3.max()), 1.0)
    return float(np.clip((saturation - 0.05) / 0.25, 0.0, 1.0))


def _teeth(widths: tuple[float, ...], reach: tuple[float, ...], separation: float) -> Image:
    """A row of teeth: coverage, light and gum; row 0 at the gums, last row at the edges."""
    across, along = 256, 96
    edges = np.concatenate([[0.0], np.cumsum(widths)]) / sum(widths) * across
    x, y = np.arange(across) + 0.5, ((np.arange(along) + 0.5) / along)[:, None]
    tooth = np.clip(np.searchsorted(edges, x) - 1, 0, len(widths) - 1)
    half = (edges[tooth + 1] - edges[tooth]) / 2
    within = (x - edges[tooth] - half) / half  # -1..1 over one tooth
    edge = np.array(reach)[tooth] * (0.97 - 0.06 * np.abs(within) ** 3)
    cover = 1.0 - smooth_step(-0.05, 0.05, y - edge)
    light = 1.0 - separation * np.abs(within) ** 5 * (0.4 + 0.6 * y) - 0.05 * within**2
    light = light * (0.86 + 0.14 * smooth_step(0.0, 0.45, y)) * (1 - 0.10 * smooth_step(0.8, 1, y))
    gum = (1.0 - smooth_step(0.26, 0.42, y - 0.06 * (1 - within**2))) * np.ones_like(within)
    planes = np.stack([cover, light, gum], axis=2).astype(np.float32)
    planes = cv2.GaussianBlur(planes, (0, 0), 3.0).astype(np.float32)
    return to_image(planes * 255)


def _own_interior(texels_N2: Array, texture: Texture, *, shown: bool) -> tuple[Image, Array]:
    """What the portrait shows between its lips, with a soft mask."""
    if not shown:
        return np.zeros((2, 2, 4), np.uint8), np.zeros(2)
    loop_P2 = texels_N2[MOUTH_LOOP]
    side = texture.image_SSA.shape[0]
    rise = 0.3 * float(np.ptp(loop_P2[:, 0]))
    low = np.clip(np.floor(loop_P2.min(0) - (6, rise)), 0, side - 4).astype(int)
    high = np.clip(np.ceil(loop_P2.max(0)) + 7, low + 4, side).astype(int)
    own = texture.image_SSA[low[1] : high[1], low[0] : high[0]]
    inside = coverage(loop_P2 - low, own.shape)
    height = float(np.linalg.norm(texels_N2[_UPPER_MIDDLE] - texels_N2[_LOWER_MIDDLE]))
    soft = max(1.0, 0.05 * height)
    clear = cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=max(1, round(soft)))
    filled = push_pull(own[..., :3].astype(np.float32), (clear > 0.9).astype(np.float32))
    seen = np.maximum.accumulate(clear[::-1], axis=0)[::-1]  # a risen lip shows more of the same
    seen = cv2.GaussianBlur(seen, (0, 0), soft)[..., None] * 255
    return to_image(np.concatenate([filled, seen], axis=2)), low.astype(np.float64)


class _MouthNow(NamedTuple):
    """Numbers of the mouth in one frame."""

    width: float  # of the mouth, pixels
    spread: float  # how much wider than at rest it is: a broad smile bares more teeth
    jaw_u: float
    upper_edge: float  # v of the incisors' edges
    lower_edge: float
    shown: float  # 0..1 of the whole inside
    tongue: float
    upper_teeth: float
    lower_teeth: float
    tooth_light: float
    own: float


def draw_mouth(
    out_HWC: Image,
    patch: MouthPatch,
    shape_N3: Array,
    now: Pose,
    pixels_N2: Array,
    config: MouthConfig | None = None,
) -> None:
    """Draw the inside of the mouth over the mesh, in place, where the lips are apart."""
    config = config or MouthConfig()
    gap = float(mouth_opening(shape_N3))
    shown = float(smooth_step(config.shown_from, config.shown_to, gap)) * _unlike_rest(
        gap, patch, config
    )
    if shown <= 0:
        return
    mouth = opening(pixels_N2[UPPER_LIP_INNER], pixels_N2[LOWER_LIP_INNER])
    to_plane_23 = _plane_map(patch, now, config)
    anchors_now_32 = project(now, patch.anchors_33)[:, :2]
    to_own_23 = affine_between(anchors_now_32, patch.anchors_32, patch.anchors_32[0])
    to_own_23[1, 2] += _rise(patch, to_own_23, pixels_N2)
    lips_v = to_plane_23[1, :2] @ pixels_N2[[_UPPER_MIDDLE, _LOWER_MIDDLE]].T + to_plane_23[1, 2]
    top_v, low_v = float(lips_v[0]), float(lips_v[1])
    least, most = (top_v + bare for bare in config.upper_bare)
    most = min(most, top_v + max(config.upper_bare[0], config.upper_share * (low_v - top_v)))
    has_own = patch.opening > config.own_from
    mouth_now = _MouthNow(
        width=1.25 * mouth.length,
        spread=float(np.clip(_inner_width(shape_N3) / patch.inner_width, 1.0, 1.35)),
        jaw_u=float(((shape_N3[list(_JAW)].mean(0) - patch.jaw_3) / patch.width)[0]),
        upper_edge=min(max(config.upper_edge, least), most),
        lower_edge=low_v - 0.055 * float(smooth_step(0.14, 0.44, gap)),
        shown=shown,
        tongue=float(smooth_step(0.10, 0.35, gap)),
        upper_teeth=0.0 if has_own else 1.0,
        lower_teeth=float(smooth_step(0.14, 0.36, gap)),
        tooth_light=0.90 + 0.10 * float(smooth_step(0.06, 0.30, gap)),
        own=1.0 if has_own else 0.0,
    )
    box = mouth.box(out_HWC.shape, float(mouth.upper_K.min()), float(mouth.lower_K.max()))
    edges_2K = np.stack([mouth.upper_K, mouth.lower_K])
    maps_223 = np.stack([to_plane_23, to_own_23]).astype(np.float32)
    pictures = (patch.upper_HWC, patch.lower_HWC, patch.own_HWA)
    _draw_mouth(
        out_HWC, box, mouth.frame, edges_2K, maps_223, tuple(mouth_now), pictures, patch.colours_53
    )


def _inner_width(shape_N3: Array) -> float:
    right_3, left_3 = shape_N3[INNER_CORNERS]
    return float(np.linalg.norm(left_3 - right_3))


def _unlike_rest(gap: float, patch: MouthPatch, config: MouthConfig) -> float:
    """0 where an open-mouthed portrait stands as pictured: then its own pixels stay."""
    if patch.opening <= config.own_from:
        return 1.0
    return float(smooth_step(0.04, 0.22, abs(gap - patch.opening) / patch.opening))


def _plane_map(patch: MouthPatch, now: Pose, config: MouthConfig) -> Array:
    """Affine map (2, 3) of pixels to (u, v) on the plane of the teeth."""
    origin_3 = patch.seam_3 + np.array([0.0, 0.0, config.depth])
    corners_32 = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    points_33 = origin_3 + patch.width * np.column_stack([corners_32, np.zeros(3)])
    return affine_between(project(now, points_33)[:, :2], corners_32, np.zeros(2))


def _rise(patch: MouthPatch, to_own: Array, pixels_N2: Array) -> float:
    """How far the upper lip rose from its own interior, in texels: the teeth go with it."""
    now_P = pixels_N2[UPPER_LIP_INNER[2:-2]] @ to_own[1, :2] + to_own[1, 2]
    return max(0.0, float((patch.own_lip_P - now_P).max()))


@kernel
def _draw_mouth(
    out_HWC: Image,
    box: Box,
    frame: Floats,
    edges_2K: Floats,
    maps_223: Floats,
    numbers: tuple[float, ...],
    pictures: tuple[Image, Image, Image],
    colours_53: Floats,
) -> None:  # pragma: no cover - compiled
    mouth = _MouthNow(*numbers)
    upper_HWC, lower_HWC, own_HWA = pictures
    to_plane, to_own = maps_223[0], maps_223[1]
    ox, oy, ax, ay, length = frame[0], frame[1], frame[2], frame[3], frame[4]
    soft = max(1.0, 0.012 * mouth.width)
    colour = np.empty(3, np.float32)
    for y in range(box[1], box[3]):
        for x in range(box[0], box[2]):
            position = ((x - ox) * ax + (y - oy) * ay) / length
            if position <= 0.0 or position >= 1.0:
                continue
            height = (y - oy) * ax - (x - ox) * ay
            under_lip = height - height_at(edges_2K[0], position)
            over_lip = height_at(edges_2K[1], position) - height
            alpha = unit(under_lip / soft + 0.5) * unit(over_lip / soft + 0.5) * mouth.shown
            if alpha <= 0:
                continue
            under_lip, over_lip = under_lip / mouth.width, over_lip / mouth.width
            corner = unit(min(position, 1.0 - position) * 5.0)
            u = to_plane[0, 0] * x + to_plane[0, 1] * y + to_plane[0, 2]
            v = to_plane[1, 0] * x + to_plane[1, 1] * y + to_plane[1, 2]
            _back(colour, colours_53, mouth, u, under_lip, over_lip, corner)
            _add_teeth(colour, colours_53, mouth, u, v, upper_HWC, lower_HWC)
            lit = (0.80 + 0.20 * step(-0.01, 0.05, under_lip)) * (0.75 + 0.25 * corner)
            for c in range(3):
                colour[c] *= lit
            if mouth.own > 0:
                u = to_own[0, 0] * x + to_own[0, 1] * y + to_own[0, 2]
                v = to_own[1, 0] * x + to_own[1, 1] * y + to_own[1, 2]
                _add_own(colour, u, v, own_HWA)
            _add_lips(colour, colours_53, under_lip, over_lip)
            for c in range(3):
                value = out_HWC[y, x, c] + alpha * (colour[c] - out_HWC[y, x, c])
                out_HWC[y, x, c] = np.uint8(min(max(value + 0.5, 0.0), 255.0))


@inlined
def _back(
    colour: Floats,
    colours_53: Floats,
    mouth: _MouthNow,
    u: float,
    under_lip: float,
    over_lip: float,
    corner: float,
) -> None:  # pragma: no cover - compiled
    """Cavity, lighter towards the front, and the tongue's back rising behind the lower lip."""
    across = abs(u - mouth.jaw_u)
    share = under_lip / max(under_lip + over_lip, 1e-4)
    tongue = step(0.25, 0.85, share) * step(0.42, 0.12, across) * mouth.tongue
    groove = 1.0 - 0.07 * step(0.09, 0.0, across)
    light = 0.45 + 0.55 * step(0.0, 0.10, under_lip) * corner
    light *= 0.72 + 0.28 * step(0.0, 0.06, over_lip)
    for c in range(3):
        dark = colours_53[0, c]
        colour[c] = (dark + tongue * (colours_53[1, c] * groove - dark)) * light


@inlined
def _add_teeth(
    colour: Floats,
    colours_53: Floats,
    mouth: _MouthNow,
    u: float,
    v: float,
    upper_HWC: Image,
    lower_HWC: Image,
) -> None:  # pragma: no cover - compiled
    """Lower teeth, dim behind the lip, then the upper ones, whose light falls off sideways."""
    low_u = (u - mouth.jaw_u) / mouth.spread
    u = u / mouth.spread
    if mouth.lower_teeth > 0:
        along = 1.0 - (v - mouth.lower_edge + CURVE * low_u * low_u) / LOWER_SIZE[1]
        share = 0.85 * mouth.lower_teeth * step(0.36, 0.16, abs(low_u))
        dim = 0.56 * mouth.tooth_light
        _add_row(colour, colours_53, lower_HWC, low_u / LOWER_SIZE[0] + 0.5, along, share, dim)
    along = 1.0 + (v - mouth.upper_edge + CURVE * u * u) / UPPER_SIZE[1]
    light = (0.62 + 0.44 * step(0.48, 0.12, abs(u))) * mouth.tooth_light
    share = step(0.54, 0.32, abs(u)) * mouth.upper_teeth
    _add_row(colour, colours_53, upper_HWC, u / UPPER_SIZE[0] + 0.5, along, share, light)


@inlined
def _add_row(
    colour: Floats,
    colours_53: Floats,
    row_HWC: Image,
    across: float,
    along: float,
    share: float,
    light: float,
) -> None:  # pragma: no cover - compiled
    """One row of teeth: `across` 0..1 from side to side, `along` 1 at the edges, less inwards."""
    if along > 1.1 or share <= 0:
        return
    u, v = across * (row_HWC.shape[1] - 1), along * (row_HWC.shape[0] - 1)
    cover = share * sample_channel(row_HWC, 0, u, v) / 255.0
    bright = light * sample_channel(row_HWC, 1, u, v) / 255.0
    gum = sample_channel(row_HWC, 2, u, v) / 255.0
    for c in range(3):
        tone = colours_53[3, c] + gum * (colours_53[2, c] - colours_53[3, c])
        colour[c] += cover * (tone * bright - colour[c])


@inlined
def _add_own(
    colour: Floats, u: float, v: float, own_HWA: Image
) -> None:  # pragma: no cover - compiled
    """What the portrait itself shows there."""
    if u < 0 or v < 0 or u >= own_HWA.shape[1] or v >= own_HWA.shape[0]:
        return
    seen = sample_channel(own_HWA, 3, u, v) / 255.0
    for c in range(3):
        colour[c] += seen * (sample_channel(own_HWA, c, u, v) - colour[c])


@inlined
def _add_lips(
    colour: Floats, colours_53: Floats, under_lip: float, over_lip: float
) -> None:  # pragma: no cover - compiled
    """Lips turn inwards: their wet inner side, ever darker, joins them to the inside."""
    low = 0.75 * step(0.034, 0.0, over_lip)
    high = 0.60 * step(0.022, 0.0, under_lip)
    for c in range(3):
        lip = colours_53[4, c]
        colour[c] += low * (0.62 * lip - colour[c])
        colour[c] += high * (0.42 * lip - colour[c])

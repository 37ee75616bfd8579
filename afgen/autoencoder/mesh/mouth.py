"""The inside of an open mouth: dark cavity, teeth that stay with the skull, a hint of tongue.

A mouth convinces by what it hides. The upper teeth are fixed to the skull and show only as far as
the lip uncovers them; their edges are soft and their light falls off towards the corners; the lower
teeth barely rise above the lower lip; all lies in the shadow of the upper lip. Where the portrait
shows its own teeth, these are used instead and drawn teeth only fill in.

Lengths are mouth widths; u runs to the right of the picture and v down, from the middle of the seam
of the closed lips, in a plane fixed to the skull.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from afgen.autoencoder.mesh.curves import Array, smooth_step
from afgen.autoencoder.mesh.eyes import LUMA, coverage
from afgen.autoencoder.mesh.layers import push_pull, to_image
from afgen.autoencoder.mesh.measures import mouth_opening, mouth_width
from afgen.autoencoder.mesh.openings import Opening, opening
from afgen.autoencoder.mesh.pose import Pose, project
from afgen.autoencoder.mesh.raster import Texture
from afgen.autoencoder.mesh.sampling import height_at, sample_channel, step, unit
from afgen.autoencoder.mesh.topology import (
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
_LOWER_WIDTHS = (0.85, 0.90, 0.95, 0.88, 0.84, 0.84, 0.88, 0.95, 0.90, 0.85)
_LOWER_REACH = (0.88, 0.92, 0.96, 0.95, 0.95, 0.95, 0.95, 0.96, 0.92, 0.88)


@dataclass(frozen=True, slots=True)
class MouthConfig:
    """Lengths are widths of the mouth, light is a share of the skin's."""

    depth: float = 0.05  # of the teeth behind the lips, face widths
    shown_from: float = 0.030  # opening at which the inside begins to show ...
    shown_to: float = 0.080
    own_from: float = 0.10  # opening from which the portrait's own interior is used
    upper_edge: float = 0.070  # v of the upper incisors' edge
    upper_bare: tuple[float, float] = (0.040, 0.125)  # least and most of them below the lip
    upper_size: tuple[float, float] = (1.04, 0.30)  # width and height of the row
    lower_size: tuple[float, float] = (0.74, 0.24)
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
    opening: float  # of the portrait itself
    colours_53: Floats  # cavity, tongue, gum, tooth, lip
    upper_HWC: Image  # (h, w, 3): coverage, light, gum of the upper row
    lower_HWC: Image
    own_HWA: Image  # (h, w, 4) the portrait's own interior and where it was seen; one black pixel
    own_origin_2: Array  # of it in texels
    own_lip_P: Array  # how low its upper lip hangs, in its texels
    scale: float  # texels per pixel
    pad: int


def build_mouth(
    landmarks_N3: Array,
    neutral_N3: Array,
    rest_N3: Array,
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
    return MouthPatch(
        seam_3=neutral_N3[[_UPPER_MIDDLE, _LOWER_MIDDLE]].mean(0),
        width=float(mouth_width(neutral_N3)),
        jaw_3=neutral_N3[list(_JAW)].mean(0),
        opening=pictured,
        colours_53=_colours(texels_N2, texture, skin_3, config),
        upper_HWC=_teeth(_UPPER_WIDTHS, _UPPER_REACH, separation=0.09),
        lower_HWC=_teeth(_LOWER_WIDTHS, _LOWER_REACH, separation=0.12),
        own_HWA=own,
        own_origin_2=origin_2,
        own_lip_P=texels_N2[UPPER_LIP_INNER[2:-2], 1] - origin_2[1],
        scale=float(texture.oversampling),
        pad=texture.pad,
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
    enamel_3 = np.array([1.06, 0.99, 0.88]) ** _colourfulness(skin_3)
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


def draw_mouth(
    out_HWC: Image,
    patch: MouthPatch,
    shape_N3: Array,
    rest: Pose,
    now: Pose,
    pixels_N2: Array,
    config: MouthConfig | None = None,
) -> None:
    """Draw the inside of the mouth over the mesh, in place, where the lips are apart."""
    config = config or MouthConfig()
    gap = float(mouth_opening(shape_N3))
    shown = float(smooth_step(config.shown_from, config.shown_to, gap))
    shown *= _unlike_rest(gap, patch)
    if shown <= 0:
        return
    mouth = opening(pixels_N2[UPPER_LIP_INNER], pixels_N2[LOWER_LIP_INNER])
    to_plane = _plane_map(patch, now, config)
    x0, y0, x1, y1 = _box(mouth, out_HWC.shape)
    if x1 <= x0 or y1 <= y0:
        return
    to_own = _own_map(patch, rest, now)
    to_own[1, 2] += _rise(patch, to_own, pixels_N2)
    settings = _settings(patch, shape_N3, pixels_N2, to_plane, gap, shown, mouth, config)
    _draw_mouth(
        out_HWC, x0, y0, x1, y1, mouth.frame, mouth.upper_K, mouth.lower_K,
        patch.upper_HWC, patch.lower_HWC, patch.own_HWA, patch.colours_53,
        to_plane.astype(np.float32), to_own.astype(np.float32), settings,
    )  # fmt: skip


def _unlike_rest(gap: float, patch: MouthPatch) -> float:
    """0 where an open-mouthed portrait stands as pictured: then its own pixels stay."""
    if patch.opening < 0.06:
        return 1.0
    return float(smooth_step(0.04, 0.22, abs(gap - patch.opening) / patch.opening))


def _plane_map(patch: MouthPatch, now: Pose, config: MouthConfig) -> Array:
    """Affine map (2, 3) of pixels to (u, v) on the plane of the teeth."""
    origin_3 = patch.seam_3 + np.array([0.0, 0.0, config.depth])
    points_33 = origin_3 + np.array([[0, 0, 0], [patch.width, 0, 0], [0, patch.width, 0]])
    pixels_32 = project(now, points_33)[:, :2]
    linear = np.linalg.inv((pixels_32[1:] - pixels_32[0]).T)
    return np.column_stack([linear, -linear @ pixels_32[0]])


def _own_map(patch: MouthPatch, rest: Pose, now: Pose) -> Array:
    """Affine map (2, 3) of pixels to the portrait's own interior, fixed to the skull."""
    points_33 = patch.seam_3 + np.array([[0, 0, 0], [0.2, 0, 0], [0, 0.2, 0]])
    before, after = project(rest, points_33)[:, :2], project(now, points_33)[:, :2]
    linear: Array = (
        patch.scale * (before[1:] - before[0]).T @ np.linalg.inv((after[1:] - after[0]).T)
    )
    origin = (before[0] + patch.pad) * patch.scale - patch.own_origin_2
    return np.column_stack([linear, origin - linear @ after[0]])


def _rise(patch: MouthPatch, to_own: Array, pixels_N2: Array) -> float:
    """How far the upper lip rose from its own interior, in texels: the teeth go with it."""
    now_P = pixels_N2[UPPER_LIP_INNER[2:-2]] @ to_own[1, :2] + to_own[1, 2]
    return max(0.0, float((patch.own_lip_P - now_P).max()))


def _settings(
    patch: MouthPatch,
    shape_N3: Array,
    pixels_N2: Array,
    to_plane: Array,
    gap: float,
    shown: float,
    mouth: Opening,
    config: MouthConfig,
) -> Floats:
    """Numbers of this frame for the kernel, in the order it unpacks them."""
    lips_v = to_plane[1, :2] @ pixels_N2[[_UPPER_MIDDLE, _LOWER_MIDDLE]].T + to_plane[1, 2]
    jaw_u = float(((shape_N3[list(_JAW)].mean(0) - patch.jaw_3) / patch.width)[0])
    least, most = config.upper_bare
    upper_edge = float(np.clip(config.upper_edge, lips_v[0] + least, lips_v[0] + most))
    lower_edge = float(lips_v[1]) - 0.055 * float(np.clip((gap - 0.14) / 0.30, 0.0, 1.0))
    return np.array(
        [
            shown,
            float(np.clip((gap - 0.10) / 0.25, 0.0, 1.0)),  # tongue
            float(np.clip((gap - 0.14) / 0.22, 0.0, 1.0)),  # lower teeth
            upper_edge,
            lower_edge,
            jaw_u,
            *config.upper_size,
            *config.lower_size,
            float(mouth.length) / 0.8,  # mouth width, pixels
            1.0 if patch.opening > config.own_from else 0.0,
        ],
        dtype=np.float32,
    )


def _box(mouth: Opening, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Pixels the opening can touch."""
    x, y, ax, ay, length = (float(value) for value in mouth.frame)
    low, high = float(mouth.upper_K.min()) - 2, float(mouth.lower_K.max()) + 2
    corners = [
        (x + along * ax - across * ay, y + along * ay + across * ax)
        for along in (0.0, length)
        for across in (low, high)
    ]
    xs, ys = zip(*corners, strict=True)
    height, width = shape[:2]
    return (
        max(int(min(xs)), 0),
        max(int(min(ys)), 0),
        min(int(max(xs)) + 2, width),
        min(int(max(ys)) + 2, height),
    )


@njit(cache=True, nogil=True, fastmath=True)
def _draw_mouth(
    out_HWC: Image,
    x0: int,
    y0: int,
    x1: int,
    y1: int,
    frame: Floats,
    upper_K: Floats,
    lower_K: Floats,
    upper_HWC: Image,
    lower_HWC: Image,
    own_HWA: Image,
    colours: Floats,
    to_plane: Floats,
    to_own: Floats,
    settings: Floats,
) -> None:  # pragma: no cover - compiled
    ox, oy, ax, ay, length = frame[0], frame[1], frame[2], frame[3], frame[4]
    shown, tongue_in, lower_in = settings[0], settings[1], settings[2]
    upper_edge, lower_edge, jaw_u = settings[3], settings[4], settings[5]
    width, own_in = settings[10], settings[11]
    soft = max(1.0, 0.012 * width)
    colour = np.empty(3, np.float32)
    for y in range(y0, y1):
        for x in range(x0, x1):
            dx, dy = x - ox, y - oy
            position = (dx * ax + dy * ay) / length
            if position <= 0.0 or position >= 1.0:
                continue
            height = dy * ax - dx * ay
            top, low = height_at(upper_K, position), height_at(lower_K, position)
            a = unit((height - top) / soft + 0.5)
            a *= unit((low - height) / soft + 0.5) * shown
            if a <= 0:
                continue
            u = to_plane[0, 0] * x + to_plane[0, 1] * y + to_plane[0, 2]
            v = to_plane[1, 0] * x + to_plane[1, 1] * y + to_plane[1, 2]
            under_lip = (height - top) / width
            over_lip = (low - height) / width
            corner = unit(min(position, 1.0 - position) * 5.0)
            open_here = step(0.0, 0.10, under_lip) * step(0.0, 0.06, over_lip) * corner
            _back(colour, colours, u - jaw_u, under_lip, over_lip, tongue_in, open_here)
            _lower_row(colour, colours, lower_HWC, u - jaw_u, v, lower_edge, settings, lower_in)
            _upper_row(colour, colours, upper_HWC, u, v, upper_edge, settings)
            lit = 0.74 + 0.26 * step(-0.01, 0.05, under_lip)
            lit *= 0.72 + 0.28 * corner
            for c in range(3):
                colour[c] *= lit
            if own_in > 0:
                ou = to_own[0, 0] * x + to_own[0, 1] * y + to_own[0, 2]
                ov = to_own[1, 0] * x + to_own[1, 1] * y + to_own[1, 2]
                inside = (ou >= 0) & (ov >= 0) & (ou < own_HWA.shape[1]) & (ov < own_HWA.shape[0])
                seen = sample_channel(own_HWA, 3, ou, ov) / 255.0 if inside else 0.0
                for c in range(3):
                    colour[c] += seen * (sample_channel(own_HWA, c, ou, ov) - colour[c])
            _lip_inside(colour, colours, under_lip, over_lip)
            for c in range(3):
                value = out_HWC[y, x, c] + a * (colour[c] - out_HWC[y, x, c])
                out_HWC[y, x, c] = np.uint8(min(max(value + 0.5, 0.0), 255.0))


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _back(
    colour: Floats,
    colours: Floats,
    u: float,
    under_lip: float,
    over_lip: float,
    tongue_in: float,
    open_here: float,
) -> None:  # pragma: no cover - compiled
    """Cavity, lighter towards the front, and the tongue's back rising behind the lower lip."""
    share = under_lip / max(under_lip + over_lip, (1e-4))
    tongue = step(0.25, 0.85, share) * step(0.42, 0.12, abs(u)) * tongue_in
    groove = 1.0 - 0.12 * step(0.05, 0.0, abs(u))
    light = 0.45 + 0.55 * open_here
    for c in range(3):
        dark = colours[0, c]
        colour[c] = (dark + tongue * (colours[1, c] * groove - dark)) * light


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _lip_inside(
    colour: Floats, colours: Floats, under_lip: float, over_lip: float
) -> None:  # pragma: no cover - compiled
    """Lips turn inwards: their wet inner side, ever darker, joins them to the inside."""
    low = 0.75 * step(0.034, 0.0, over_lip)
    high = 0.60 * step(0.022, 0.0, under_lip)
    for c in range(3):
        lip = colours[4, c]
        colour[c] += low * (0.62 * lip - colour[c])
        colour[c] += high * (0.42 * lip - colour[c])


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _lower_row(
    colour: Floats,
    colours: Floats,
    row_HWC: Image,
    u: float,
    v: float,
    edge: float,
    settings: Floats,
    amount: float,
) -> None:  # pragma: no cover - compiled
    place = (u / settings[8] + 0.5) * 255.0
    along = 1.0 - (v - edge + 0.22 * u * u) / settings[9]
    if along > 1.1 or amount <= 0:
        return
    along *= 95.0
    a = sample_channel(row_HWC, 0, place, along) * (1 / 255.0)
    a *= step(0.36, 0.16, abs(u)) * amount * 0.85
    light = sample_channel(row_HWC, 1, place, along) * (0.56 / 255.0)
    gum = sample_channel(row_HWC, 2, place, along) * (1 / 255.0)
    for c in range(3):
        tone = colours[3, c] + gum * (colours[2, c] - colours[3, c])
        colour[c] += a * (tone * light - colour[c])


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _upper_row(
    colour: Floats,
    colours: Floats,
    row_HWC: Image,
    u: float,
    v: float,
    edge: float,
    settings: Floats,
) -> None:  # pragma: no cover - compiled
    place = (u / settings[6] + 0.5) * 255.0
    along = 1.0 + (v - edge + 0.22 * u * u) / settings[7]
    if along > 1.1:
        return
    along *= 95.0
    a = sample_channel(row_HWC, 0, place, along) * (1 / 255.0)
    a *= step(0.50, 0.30, abs(u))
    light = sample_channel(row_HWC, 1, place, along) * (1 / 255.0)
    light *= 0.62 + 0.44 * step(0.44, 0.12, abs(u))
    gum = sample_channel(row_HWC, 2, place, along) * (1 / 255.0)
    for c in range(3):
        tone = colours[3, c] + gum * (colours[2, c] - colours[3, c])
        colour[c] += a * (tone * light - colour[c])

"""The portrait in two layers: the person with a soft matte, and the scene completed behind.

All pictures here are the padded crop, side P, at one texel per output pixel; the finished texture
is oversampled so that bilinear sampling of a head between two pixels stays sharp.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
from numpy.typing import NDArray

from afgen.autoencoder.mesh.curves import Array, smooth_step
from afgen.signals import Flags, Floats, Image

_SEED = 0x5EED


@dataclass(frozen=True, slots=True)
class LayersConfig:
    """Lengths are pixels of a 512 px crop and grow with it."""

    guide_radius: float = 6.0
    grow: float = 7.0  # how far around the person the scene is taken as unseen
    wisps: float = 14.0  # how far from the person thin hair is looked for
    halo: float = 11.0  # real background carried with the head, fading out over this


@dataclass(frozen=True, slots=True)
class Layers:
    """What moves and what stays."""

    image_PPC: Image  # the padded crop itself
    coverage_PP: Floats  # 0..1: what moves with the head, its halo of background included
    scene_PPC: Image  # the background without the person


def split_layers(
    image_PPC: Image, outline_O2: Array, scale: float, config: LayersConfig | None = None
) -> Layers:
    """Cut the person out and complete the scene. `scale` is crop side / 512."""
    config = config or LayersConfig()
    matte_PP = _matte(image_PPC, outline_O2, scale, config)
    hidden_PP = _hidden(matte_PP, scale, config)
    scene_PPC = _complete_scene(image_PPC, hidden_PP, scale)
    away_PP = cv2.distanceTransform((~hidden_PP).astype(np.uint8), cv2.DIST_L2, 5) / scale
    halo_PP = 1.0 - smooth_step(0.0, config.halo, away_PP)  # all of what was completed is covered
    coverage_PP = np.maximum(matte_PP, halo_PP).astype(np.float32)
    return Layers(image_PPC, coverage_PP, scene_PPC)


def push_pull(image_HWC: Floats, weight_HW: Floats, rounds: int = 0) -> Floats:
    """Fill the pixels of weight 0 smoothly from the others, coarse to fine.

    Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4. With `rounds` of smoothing at each
    level the filling comes close to a membrane over the hole, which meets its border without a
    step.
    """
    images, weights = [image_HWC * weight_HW[..., None]], [weight_HW]
    while min(weights[-1].shape) > 2:
        images.append(cv2.pyrDown(images[-1]).astype(np.float32))
        weights.append(cv2.pyrDown(weights[-1]).astype(np.float32))
    filled: Floats = images[-1] / np.maximum(weights[-1], 1e-4)[..., None]
    for image, weight in zip(images[-2::-1], weights[-2::-1], strict=True):
        height, width = weight.shape
        coarse = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
        known = np.clip(weight, 0.0, 1.0)[..., None]
        pulled = known * image / np.maximum(weight, 1e-4)[..., None]
        filled = coarse * (1 - known) + pulled
        for _ in range(rounds):
            filled = cv2.blur(filled, (3, 3)) * (1 - known) + pulled
    return filled


def _matte(image_PPC: Image, outline_O2: Array, scale: float, config: LayersConfig) -> Floats:
    """Soft coverage of the person 0..1, refined at the picture's own edges (guided filter)."""
    with mp.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as network:
        coarse_PP = np.asarray(network.process(image_PPC).segmentation_mask, dtype=np.float32)
    side = image_PPC.shape[0]
    coarse_PP = cv2.resize(coarse_PP, (side, side)).astype(np.float32)
    face_PP = np.zeros((side, side), np.uint8)
    cv2.fillPoly(face_PP, [np.round(outline_O2).astype(np.int32)], (1.0,))
    coarse_PP = np.maximum(coarse_PP, face_PP.astype(np.float32))
    guide = image_PPC.astype(np.float32) / 255.0
    radius = max(2, round(config.guide_radius * scale))
    fine_PP = cv2.ximgproc.guidedFilter(guide, coarse_PP, radius, 1e-4)
    matte_PP = np.clip((fine_PP - 0.12) / 0.76, 0.0, 1.0)
    return _only_joined(matte_PP, outline_O2.mean(0))


def _hidden(matte_PP: Floats, scale: float, config: LayersConfig) -> Flags:
    """Where the person hides the scene: the person grown a little, and thin hair close by."""
    person_PP = (matte_PP > 0.5).astype(np.uint8)
    wisps_PP = cv2.dilate((matte_PP > 0.03).astype(np.uint8), disc(2 * scale)) > 0
    close_PP = cv2.dilate(person_PP, disc(config.wisps * scale)) > 0
    grown_PP = cv2.dilate(person_PP, disc(config.grow * scale)) > 0
    hidden: Flags = grown_PP | (wisps_PP & close_PP)
    return hidden


def _only_joined(matte_PP: Floats, inside_2: Array) -> Floats:
    """Keep the part that holds the face: other people and objects stay in the scene."""
    _, labels_PP = cv2.connectedComponents((matte_PP > 0.3).astype(np.uint8))
    x, y = np.clip(np.round(inside_2).astype(int), 0, matte_PP.shape[0] - 1)
    own_PP = cv2.dilate((labels_PP == labels_PP[y, x]).astype(np.uint8), np.ones((5, 5), np.uint8))
    kept: Floats = (matte_PP * own_PP).astype(np.float32)
    return kept


def _complete_scene(image_PPC: Image, hidden_PP: Flags, scale: float) -> Image:
    """The scene with the person taken out; the completion gets the grain of what is visible."""
    image = image_PPC.astype(np.float32)
    visible_PP = (~hidden_PP).astype(np.float32)
    if visible_PP.sum() < 64:  # the person fills the picture
        return image_PPC
    filled = push_pull(image, visible_PP, rounds=16)
    fine = (image - cv2.GaussianBlur(image, (0, 0), 2 * scale)).mean(2)[~hidden_PP]
    strength = min(1.48 * float(np.median(np.abs(fine))), 10.0)
    filled += strength * grain(hidden_PP.shape, 0.8 * scale)[..., None]
    completed = np.where(hidden_PP[..., None], filled, image)
    return to_image(completed)


def to_image(values: NDArray[np.floating[Any]]) -> Image:
    """Rounded and clipped to bytes."""
    image: Image = np.clip(np.round(values), 0, 255).astype(np.uint8)
    return image


def grain(shape: tuple[int, ...], width: float) -> Floats:
    """Noise of deviation 1 whose grains are `width` pixels wide, the same every time."""
    noise = np.random.default_rng(_SEED).standard_normal(shape).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), width).astype(np.float32)
    even: Floats = soft / max(float(soft.std()), 1e-6)
    return even


def disc(radius: float) -> Image:
    """A round structuring element."""
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afgen.data.scenes import SceneConfig, Span, cuts_in, find_scenes, measure_changes, split_evenly
from afgen.media.encode import encode_video
from afgen.media.probe import probe


def shot(colour, frames, seed):
    """A soft picture that drifts a little."""
    patches = np.random.default_rng(seed).normal(0, 25, (3, 4, 3))
    still_HWC = np.clip(np.array(colour) + cv2.resize(patches, (64, 48)), 0, 255)
    for frame in range(frames):
        yield np.roll(still_HWC, frame, axis=1).astype(np.uint8)


def film(*shots):
    for seed, (colour, frames) in enumerate(shots):
        yield from shot(colour, frames, seed)


THREE = (((200, 60, 40), 20), ((40, 60, 200), 30), ((60, 180, 60), 25))


def test_cuts_are_where_the_shots_change():
    assert cuts_in(measure_changes(film(*THREE))) == [20, 50]


def test_motion_and_fades_are_no_cuts():
    assert cuts_in(measure_changes(shot((120, 90, 60), 60, 0))) == []
    fade = (np.full((48, 64, 3), level, np.uint8) for level in np.linspace(0, 250, 50))
    assert cuts_in(measure_changes(fade)) == []


def test_a_flash_is_one_cut_at_most():
    pictures = list(shot((60, 60, 60), 60, 0))
    pictures[30] = np.full_like(pictures[30], 255)
    assert len(cuts_in(measure_changes(pictures))) <= 1


def test_a_change_below_the_limit_is_no_cut():
    changes_T = np.full(30, 0.1, np.float32)
    changes_T[15] = 14.0
    assert cuts_in(changes_T) == []
    changes_T[15] = 16.0
    assert cuts_in(changes_T) == [15]
    assert cuts_in(changes_T, SceneConfig(least_change=20.0)) == []


def test_scenes_cover_a_recording(tmp_path):
    path = tmp_path / "film.mp4"
    encode_video(film(*THREE), path, size=(64, 48))
    scenes = find_scenes(probe(path), SceneConfig(longest_frames=20))
    assert scenes == [Span(0, 20), Span(20, 35), Span(35, 50), Span(50, 62), Span(62, 75)]


@given(start=st.integers(0, 100), frames=st.integers(1, 500), longest=st.integers(1, 80))
def test_parts_are_even_and_cover_the_span(start, frames, longest):
    parts = split_evenly(Span(start, start + frames), longest)
    assert parts[0].start == start
    assert parts[-1].stop == start + frames
    assert all(one.stop == after.start for one, after in pairwise(parts))
    lengths = [part.frames for part in parts]
    assert max(lengths) <= longest
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("frames", [1, 2])
def test_hardly_any_frames_have_no_cuts(frames):
    assert cuts_in(measure_changes(shot((1, 2, 3), frames, 0))) == []

from dataclasses import replace

import numpy as np
import pytest

from afgen.errors import ShardsError
from afgen.evaluate.comparison.cases import cases_of, person_of
from tests.evaluate.made_cases import MadeSample, MadeSamples, made_dyads


def test_every_side_of_a_sample_is_there() -> None:
    cases = list(cases_of(made_dyads(3, frames=30)))
    assert [case.key for case in cases] == ["clip0", "clip1", "clip2"]
    assert [case.person for case in cases] == ["person0", "person0", "person1"]
    assert cases[0].frames == 30
    assert cases[0].user_motion_TD is not None
    assert cases[0].mouth_T is None


def test_samples_without_the_avatars_motion_or_any_condition_are_left_out() -> None:
    samples = made_dyads(3, frames=30)
    first = samples.samples["clip0"].arrays
    del samples.samples["clip1"].arrays["avatar_motion_TD"]
    alone = {"avatar_motion_TD": first["avatar_motion_TD"], "avatar_mouth_T": np.zeros(30)}
    samples.samples["clip2"] = MadeSample("clip2", {}, alone)
    assert [case.key for case in cases_of(samples)] == ["clip0"]


def test_sides_of_different_lengths_are_refused() -> None:
    samples = made_dyads(1, frames=30)
    samples.samples["clip0"].arrays["user_motion_TD"] = np.zeros((29, 38), np.float32)
    with pytest.raises(ShardsError, match="user_motion_TD has 29 rows, not 30"):
        list(cases_of(samples))


def test_the_hash_is_of_the_contents_and_not_of_the_name() -> None:
    (case,) = cases_of(made_dyads(1, frames=30))
    assert replace(case, key="other", person="other").sha256 == case.sha256
    assert replace(case, motion_TD=case.motion_TD + 1).sha256 != case.sha256
    assert replace(case, user_audio_S=None).sha256 != case.sha256
    swapped = replace(case, audio_S=case.user_audio_S, user_audio_S=case.audio_S)
    assert swapped.sha256 != case.sha256


@pytest.mark.parametrize(
    ("metadata", "person"),
    [
        ({"identity_group": "anna", "source": {"file": "a.mp4"}}, "anna"),
        ({"source": {"file": "a.mp4"}, "roles": {"avatar": "left"}}, "a.mp4 left"),
        ({"source": "a.mp4"}, "a.mp4"),
        ({}, "key"),
    ],
)
def test_people_are_told_apart_as_well_as_the_metadata_allows(
    metadata: dict[str, object], person: str
) -> None:
    assert person_of(MadeSample("key", metadata, {})) == person


def test_only_the_keys_asked_for_are_read() -> None:
    samples = MadeSamples(made_dyads(3, frames=30).samples)
    assert [case.key for case in cases_of(samples, ["clip2"])] == ["clip2"]

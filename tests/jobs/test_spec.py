import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from afgen.jobs.spec import BatchItem, Inputs, JobSpec
from afgen.jobs.states import Priority
from afgen.render.settings import RenderSettings, Sources

ASSET = "ast_" + "0" * 26
URL = "https://example.com/a.mp4?x=1"
INPUTS = {"portrait": ASSET, "conversation": URL}


def test_the_least_that_can_be_said() -> None:
    spec = JobSpec(inputs=Inputs(**INPUTS))
    assert spec.settings == RenderSettings() and spec.priority is Priority.INTERACTIVE
    assert spec.inputs.by_role == INPUTS and spec.inputs.asset_ids == {ASSET}


def test_a_job_takes_what_a_render_takes() -> None:
    assert set(Inputs.model_fields) | {"avatar"} == set(Sources.model_fields)


def test_a_spec_comes_back_from_its_row() -> None:
    spec = JobSpec.model_validate(
        {"inputs": INPUTS, "avatar": "left", "settings": {"size": 256}, "priority": "batch"}
    )
    assert JobSpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    "inputs",
    [
        {"portrait": ASSET},
        {"conversation": ASSET},
        {**INPUTS, "portrait": "http://example.com/a.png"},
        {**INPUTS, "portrait": "file:///etc/passwd"},
        {**INPUTS, "portrait": "https:///a.png"},
        {**INPUTS, "portrait": "https://user:secret@example.com/a.png"},
        {**INPUTS, "portrait": "https://example.com/a\n.png"},
        {**INPUTS, "portrait": "https://example.com:99999/a.png"},
        {**INPUTS, "portrait": "https://example.com/" + "a" * 3000},
        {**INPUTS, "portrait": "ast_1"},
        {**INPUTS, "portrait": "job_" + "0" * 26},
        {**INPUTS, "voice": ASSET},
    ],
    ids=repr,
)
def test_unusable_inputs_are_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Inputs(**inputs)


@pytest.mark.parametrize("settings", [{"size": 64}, {"seed": -1}, {"no_such": 1}, {"head": "nan"}])
def test_settings_are_checked_as_on_the_command_line(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobSpec.model_validate({"inputs": INPUTS, "settings": settings})


@pytest.mark.parametrize("key", ["", "a/b", ".hidden", "a b", "x" * 129, "é"])
def test_keys_of_items_are_plain(key: str) -> None:
    with pytest.raises(ValidationError):
        BatchItem(key=key, job=JobSpec(inputs=Inputs(**INPUTS)))


def test_the_domain_loads_no_model_and_no_decoder() -> None:
    code = "import sys, afgen.jobs.service, afgen.jobs.keys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "cv2", "mediapipe", "numpy", "fastapi"} & set(loaded)

import pytest

from afgen.errors import InputError, OutputError
from afgen.media.audio import require_audible
from afgen.media.decode import decode_samples, decode_video
from afgen.media.files import require_writable_place
from afgen.media.images import load_portrait
from afgen.media.probe import probe
from tests.media.bad_inputs import BAD_PLACES, BAD_PORTRAITS, BAD_RECORDINGS


def use(path):
    """Everything a render does with a recording."""
    info = probe(path)
    if info.video:
        for _ in decode_video(path, info=info):
            pass
    if info.audio:
        require_audible(decode_samples(path, info=info), path.name)


def assert_refused(reader, path, code):
    with pytest.raises(InputError) as caught:
        reader(path)
    error = caught.value
    assert error.code == code, error
    assert error.exit_code == 2
    assert error.advice
    assert path.name in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize("bad", BAD_RECORDINGS, ids=str)
def test_a_bad_recording_is_refused_by_its_type(tmp_path, bad):
    assert_refused(use, bad.make(tmp_path), bad.code)


@pytest.mark.parametrize("bad", BAD_PORTRAITS, ids=str)
def test_a_bad_portrait_is_refused_by_its_type(tmp_path, bad):
    assert_refused(load_portrait, bad.make(tmp_path), bad.code)


@pytest.mark.parametrize("bad", BAD_PLACES, ids=str)
def test_a_bad_place_for_a_result_is_refused(tmp_path, bad):
    with pytest.raises(OutputError) as caught:
        require_writable_place(bad.make(tmp_path))
    assert caught.value.code == bad.code
    assert caught.value.exit_code == 2

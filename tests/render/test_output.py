from pathlib import Path

import pytest

from afgen.errors import DiskFullError, NoFaceError, OptionError, OutputUnwritableError
from afgen.render.output import check_output, half_made


def test_a_link_to_an_input_is_that_input(tmp_path: Path) -> None:
    call, link = tmp_path / "call.mp4", tmp_path / "out.mp4"
    call.write_bytes(b"precious")
    link.symlink_to(call)
    with pytest.raises(OptionError, match="also an input"):
        check_output(link, force=True, inputs=[call])


def test_an_existing_file_needs_force(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    check_output(output, force=False)
    output.touch()
    check_output(output, force=True)
    with pytest.raises(OutputUnwritableError):
        check_output(output, force=False)


@pytest.mark.parametrize(
    ("error", "kept"),
    [(NoFaceError("nobody"), False), (DiskFullError("full"), True), (KeyboardInterrupt(), True)],
)
def test_work_is_kept_unless_the_inputs_are_what_is_wrong(
    error: BaseException, kept: bool, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    with pytest.raises(type(error)), half_made(output, "key", resume=False) as folder:
        (folder / "understanding.npz").write_bytes(b"minutes of work")
        raise error
    assert folder.exists() == kept


def test_nothing_is_kept_where_nothing_was_done(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        half_made(tmp_path / "out.mp4", "key", resume=False) as folder,
    ):
        (folder / "understanding.partial").write_bytes(b"half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_going_on_needs_the_same_key(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with half_made(output, "key", resume=False) as folder:
        (folder / "understanding.npz").write_bytes(b"minutes of work")
    with half_made(output, "key", resume=True) as again:
        assert (again / "understanding.npz").exists()
    with pytest.raises(OptionError), half_made(output, "other", resume=True):
        pass
    assert (folder / "understanding.npz").exists()
    with half_made(output, "other", resume=False) as anew:
        assert not (anew / "understanding.npz").exists()

"""What every store of files has to do, held against each: a folder, moto, rclone, Ceph."""

import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes, token_hex

import httpx
import pytest

from afgen.errors import (
    BlobDamagedError,
    BlobExistsError,
    BlobKeyError,
    BlobMissingError,
    BlobTooLargeError,
    UploadIncompleteError,
    UploadMissingError,
)
from afgen.jobs.blobs.interface import LEAST_PART_BYTES, Part, Stored, read_bytes
from tests.jobs.blobs.ceph import missing_programs
from tests.jobs.blobs.places import (
    ANY_KEY,
    ANY_LENGTH,
    ANY_SIGNATURE,
    ANY_WRITER,
    FIRST_PART,
    PLACES,
    Place,
    an_hour_ago,
)

REFUSED = (400, 403)
CEPH = [pytest.mark.slow, pytest.mark.rgw]


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=CEPH if name == "ceph" else ()) for name in PLACES],
)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    if request.param == "ceph" and missing_programs():
        pytest.skip(f"not installed: {', '.join(missing_programs())}")
    with PLACES[request.param](tmp_path_factory.mktemp("store")) as place:
        place.blobs.prepare()
        yield place


@pytest.fixture
def key() -> str:
    """A key of this test's own."""
    return f"tests/{token_hex(8)}/blob.bin"


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, verify=False)  # reading certificates takes its time


def put(url: str, data: bytes) -> int:
    return httpx.put(url, content=data, verify=False).status_code


def upload_parts(place: Place, key: str, upload_id: str, parts: list[bytes]) -> None:
    for number, data in enumerate(parts, 1):
        size = len(data)
        url = place.blobs.presigned_part(key, upload_id, number, expires_s=60, size=size)
        assert put(url, data) == 200


def test_bytes_come_back(place: Place, key: str) -> None:
    stored = place.blobs.put_bytes(key, b"some bytes")
    assert stored == Stored(key, 10, sha256(b"some bytes").hexdigest())
    assert read_bytes(place.blobs, key, limit_bytes=10) == b"some bytes"


@pytest.mark.parametrize("data", [b"", token_bytes(3_000_000)], ids=["empty", "large"])
def test_files_come_back(place: Place, key: str, data: bytes, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    stored = place.blobs.put_file(key, source)
    blob = place.blobs.get(key, target, sha256=stored.sha256)
    assert target.read_bytes() == data
    assert blob.bytes == stored.bytes == len(data)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_small_read_is_bounded(place: Place, key: str) -> None:
    place.blobs.put_bytes(key, b"12345")
    with pytest.raises(BlobTooLargeError):
        read_bytes(place.blobs, key, limit_bytes=4)


def test_a_later_put_takes_the_place_of_an_earlier(place: Place, key: str) -> None:
    place.blobs.put_bytes(key, b"first")
    first = place.blobs.head(key)
    place.blobs.put_bytes(key, b"other")
    assert read_bytes(place.blobs, key, limit_bytes=10) == b"other"
    assert place.blobs.head(key).etag != first.etag


def test_if_absent_refuses_other_bytes_and_takes_the_same_again(place: Place, key: str) -> None:
    first = place.blobs.put_bytes(key, b"first", if_absent=True)
    assert place.blobs.put_bytes(key, b"first", if_absent=True) == first
    with pytest.raises(BlobExistsError):
        place.blobs.put_bytes(key, b"other", if_absent=True)
    assert read_bytes(place.blobs, key, limit_bytes=10) == b"first"


def test_of_many_at_once_only_one_is_the_first(place: Place, key: str) -> None:
    place.skip_if_it_accepts(ANY_WRITER)
    won: list[bytes] = []
    begin = threading.Barrier(6)

    def race(data: bytes) -> None:
        begin.wait()
        try:
            place.blobs.put_bytes(key, data, if_absent=True)
            won.append(data)
        except BlobExistsError:
            pass

    threads = [threading.Thread(target=race, args=(bytes([number]),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [read_bytes(place.blobs, key, limit_bytes=1)]


def test_nothing_is_there_that_was_not_put(place: Place, key: str, tmp_path: Path) -> None:
    for ask in (
        lambda: place.blobs.head(key),
        lambda: place.blobs.get(key, tmp_path / "target"),
        lambda: list(place.blobs.stream(key)),
        lambda: read_bytes(place.blobs, key, limit_bytes=5),
    ):
        with pytest.raises(BlobMissingError):
            ask()
    assert list(tmp_path.iterdir()) == []


def test_other_bytes_than_were_stored_are_refused(place: Place, key: str, tmp_path: Path) -> None:
    place.blobs.put_bytes(key, b"changed")
    with pytest.raises(BlobDamagedError):
        place.blobs.get(key, tmp_path / "target", sha256=sha256(b"stored").hexdigest())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, None), (0, 3), (2, 5), (4, None), (9, 20), (10, None), (20, None), (3, 3)],
)
def test_ranges(place: Place, key: str, start: int, stop: int | None) -> None:
    place.blobs.put_bytes(key, b"0123456789")
    assert b"".join(place.blobs.stream(key, start, stop)) == b"0123456789"[start:stop]


def test_an_empty_blob_has_no_bytes_at_any_range(place: Place, key: str) -> None:
    place.blobs.put_bytes(key, b"")
    assert list(place.blobs.stream(key)) == []
    assert list(place.blobs.stream(key, 0, 10)) == []


def test_times_have_a_zone(place: Place, key: str) -> None:
    place.blobs.put_bytes(key, b"x")
    blob = place.blobs.head(key)
    assert (blob.key, blob.bytes) == (key, 1)
    assert blob.modified_at.tzinfo is not None


def test_a_prefix_is_a_folder_and_not_what_begins_alike(place: Place, key: str) -> None:
    home = key.rpartition("/")[0]
    inside = [f"{home}/{name}" for name in ("a-b/1", "a/1", "a/2/3", "b")]
    for name in (*inside, f"{home}2/b"):
        place.blobs.put_bytes(name, b"x")
    assert [blob.key for blob in place.blobs.list_prefix(f"{home}/")] == inside
    assert {blob.bytes for blob in place.blobs.list_prefix(f"{home}/")} == {1}
    assert place.blobs.delete_prefix(f"{home}/a/") == 2
    assert [blob.key for blob in place.blobs.list_prefix(f"{home}/")] == [inside[0], inside[3]]
    assert place.blobs.head(f"{home}2/b").bytes == 1
    assert place.blobs.delete_prefix(f"{home}/a/") == 0


def test_what_is_deleted_is_gone_and_may_be_deleted_again(place: Place, key: str) -> None:
    place.blobs.put_bytes(key, b"x")
    place.blobs.delete(key)
    place.blobs.delete(key)
    with pytest.raises(BlobMissingError):
        place.blobs.head(key)
    place.blobs.put_bytes(key, b"y")
    assert place.blobs.head(key).bytes == 1


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/./b", ".a", "a/.b"),
        *("a b", "a\0b", "a\n", "ä", "a" * 513),
    ],
)
def test_what_is_no_key_is_refused(place: Place, wrong: str, tmp_path: Path) -> None:
    for ask in (
        lambda: place.blobs.put_bytes(wrong, b"x"),
        lambda: place.blobs.head(wrong),
        lambda: list(place.blobs.stream(wrong)),
        lambda: place.blobs.get(wrong, tmp_path / "target"),
        lambda: place.blobs.delete(wrong),
        lambda: place.blobs.begin_upload(wrong),
        lambda: place.blobs.presigned_get(wrong, expires_s=1),
        lambda: place.blobs.presigned_put(wrong, expires_s=1, size=1),
    ):
        with pytest.raises(BlobKeyError):
            ask()


@pytest.mark.parametrize("wrong", ["", "/", "a", "../", "a//", "/a/"])
def test_what_is_no_prefix_is_refused(place: Place, wrong: str) -> None:
    with pytest.raises(BlobKeyError):
        place.blobs.delete_prefix(wrong)


def test_a_signed_address_gives_the_blob(place: Place, key: str) -> None:
    key = key.replace(".bin", ".mp4")
    place.blobs.put_bytes(key, b"0123456789")
    url = place.blobs.presigned_get(key, expires_s=60, filename='Zoë "1".mp4')
    answer = get(url)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-type"] == "video/mp4"
    saved_as = answer.headers["content-disposition"]
    assert (
        saved_as == "attachment; filename=\"Zo_ _1_.mp4\"; filename*=UTF-8''Zo%C3%AB%20%221%22.mp4"
    )
    assert get(url, Range="bytes=2-4").content == b"234"


def test_a_signed_address_takes_a_blob_of_its_length(place: Place, key: str) -> None:
    url = place.blobs.presigned_put(key, expires_s=60, size=5)
    if ANY_LENGTH not in place.accepts:
        assert put(url, b"123456") in REFUSED
        assert put(url, b"1234") in REFUSED
        with pytest.raises(BlobMissingError):
            place.blobs.head(key)
    assert put(url, b"12345") == 200
    assert read_bytes(place.blobs, key, limit_bytes=5) == b"12345"


def test_a_signed_address_is_for_one_blob_and_one_method(place: Place, key: str) -> None:
    place.skip_if_it_accepts(ANY_SIGNATURE)
    other = key.replace("blob", "other")
    place.blobs.put_bytes(key, b"12345")
    place.blobs.put_bytes(other, b"54321")
    fetch = place.blobs.presigned_get(key, expires_s=60)
    assert get(fetch).status_code == 200
    assert get(fetch.replace("/blob", "/other")).status_code in REFUSED
    assert put(fetch, b"99999") in REFUSED
    assert read_bytes(place.blobs, key, limit_bytes=5) == b"12345"
    send = place.blobs.presigned_put(key, expires_s=60, size=5)
    assert put(send.replace("/blob", "/other"), b"99999") in REFUSED
    assert get(send).status_code in REFUSED


def test_a_signed_address_expires(place: Place, key: str) -> None:
    place.skip_if_it_accepts(ANY_SIGNATURE)
    place.blobs.put_bytes(key, b"12345")
    with an_hour_ago(place):
        expired = place.blobs.presigned_get(key, expires_s=3500)
        valid = place.blobs.presigned_get(key, expires_s=3700)
    assert get(expired).status_code in REFUSED
    assert get(valid).status_code == 200


def test_an_upload_in_parts_goes_on_where_it_stopped(place: Place, key: str) -> None:
    parts = [token_bytes(LEAST_PART_BYTES), b"the end"]
    upload_id = place.blobs.begin_upload(key)
    assert place.blobs.list_parts(key, upload_id) == []
    upload_parts(place, key, upload_id, parts[:1])
    assert [part.number for part in place.blobs.list_parts(key, upload_id)] == [1]
    with pytest.raises(BlobMissingError):
        place.blobs.head(key)
    upload_parts(place, key, upload_id, parts)
    arrived = place.blobs.list_parts(key, upload_id)
    assert [part.bytes for part in arrived] == [len(part) for part in parts]
    blob = place.blobs.complete_upload(key, upload_id, arrived)
    assert blob.bytes == sum(len(part) for part in parts)
    assert b"".join(place.blobs.stream(key)) == b"".join(parts)
    assert place.blobs.head(key) == blob
    with pytest.raises(UploadMissingError):
        place.blobs.complete_upload(key, upload_id, arrived)


def test_a_part_sent_again_takes_the_place_of_the_first(place: Place, key: str) -> None:
    place.skip_if_it_accepts(FIRST_PART)
    upload_id = place.blobs.begin_upload(key)
    upload_parts(place, key, upload_id, [b"first"])
    [first] = place.blobs.list_parts(key, upload_id)
    upload_parts(place, key, upload_id, [b"again"])
    [again] = place.blobs.list_parts(key, upload_id)
    with pytest.raises(UploadIncompleteError):
        place.blobs.complete_upload(key, upload_id, [first])
    place.blobs.complete_upload(key, upload_id, [again])
    assert read_bytes(place.blobs, key, limit_bytes=5) == b"again"


def test_an_upload_that_is_not_whole_is_not_completed(place: Place, key: str) -> None:
    upload_id = place.blobs.begin_upload(key)
    upload_parts(place, key, upload_id, [b"small", b"the end"])
    first, last = place.blobs.list_parts(key, upload_id)
    for wrong in (
        [],
        [first, last],  # the first is too small
        [last, first],
        [last, last],
        [last, Part(3, 7, last.etag)],
        [Part(2, 7, "another")],
    ):
        with pytest.raises(UploadIncompleteError):
            place.blobs.complete_upload(key, upload_id, wrong)
    assert place.blobs.list_parts(key, upload_id) == [first, last]
    with pytest.raises(BlobMissingError):
        place.blobs.head(key)
    place.blobs.abort_upload(key, upload_id)


def test_an_aborted_upload_leaves_nothing(place: Place, key: str) -> None:
    upload_id = place.blobs.begin_upload(key)
    upload_parts(place, key, upload_id, [b"a part"])
    arrived = place.blobs.list_parts(key, upload_id)
    place.blobs.abort_upload(key, upload_id)
    place.blobs.abort_upload(key, upload_id)
    with pytest.raises(UploadMissingError):
        place.blobs.list_parts(key, upload_id)
    with pytest.raises(UploadMissingError):
        place.blobs.complete_upload(key, upload_id, arrived)
    with pytest.raises(BlobMissingError):
        place.blobs.head(key)


def test_an_upload_belongs_to_its_key(place: Place, key: str) -> None:
    with pytest.raises(UploadMissingError):
        place.blobs.list_parts(key, "0" * 32)
    place.skip_if_it_accepts(ANY_KEY)
    upload_id = place.blobs.begin_upload(key)
    with pytest.raises(UploadMissingError):
        place.blobs.list_parts(key.replace("blob", "other"), upload_id)
    place.blobs.abort_upload(key, upload_id)


def test_a_part_has_its_length(place: Place, key: str) -> None:
    place.skip_if_it_accepts(ANY_LENGTH)
    upload_id = place.blobs.begin_upload(key)
    url = place.blobs.presigned_part(key, upload_id, 1, expires_s=60, size=6)
    assert put(url, b"12345") in REFUSED
    assert place.blobs.list_parts(key, upload_id) == []
    assert put(url, b"123456") == 200
    place.blobs.abort_upload(key, upload_id)


def test_a_store_that_answers_is_ready(place: Place) -> None:
    place.blobs.prepare()  # once more
    place.blobs.check()

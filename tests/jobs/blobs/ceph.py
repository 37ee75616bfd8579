"""A whole Ceph for tests: one monitor, one store in memory, one gateway that speaks S3.

From the Debian packages ceph-mon, ceph-osd, ceph-mgr and radosgw; nothing of the machine's own Ceph
is touched, if it has one: every path is in the folder given.
"""

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.service.servers import Spawned, free_port, wait_until

PROGRAMS = (
    "ceph",
    "ceph-authtool",
    "ceph-mon",
    "ceph-osd",
    "monmaptool",
    "radosgw",
    "radosgw-admin",
)
PATIENCE_S = 180.0  # four processes one after the other, on a machine that may be busy
_CONFIG = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{port}]
mon initial members = a
public addr = 127.0.0.1
keyring = {folder}/keyring
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
log to stderr = false
crash dir = {folder}
auth allow insecure global id reclaim = false
mon data = {folder}/mon
mon allow pool size one = true
mon data avail crit = 0
osd data = {folder}/osd
osd objectstore = memstore
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
memstore device bytes = 4294967296
rgw region root pool = .rgw.root
rgw gc processor period = 3600
"""
_KEYS = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
    "client.gateway": {"mon": "allow rw", "osd": "allow rwx"},
}


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextmanager
def ceph_gateway(folder: Path, access_key: str, secret_key: str) -> Iterator[str]:
    """The URL of a gateway with one user, ready for requests."""
    config = folder / "ceph.conf"
    fsid, osd_id, port = str(uuid.uuid4()), str(uuid.uuid4()), free_port()
    config.write_text(_CONFIG.format(fsid=fsid, port=port, folder=folder), "utf-8")
    _make_keys(folder / "keyring")
    started: list[Spawned] = []

    def run(*command: str) -> str:
        whole = [command[0], "-c", str(config), *command[1:]]
        return subprocess.run(
            whole, check=True, capture_output=True, text=True, timeout=PATIENCE_S
        ).stdout

    def start(*command: str) -> None:
        whole = [command[0], "-c", str(config), "-f", *command[1:]]
        started.append(Spawned(command[0], whole, folder / f"{command[0]}.out"))

    try:
        monmap, address = str(folder / "monmap"), f"[v2:127.0.0.1:{port}]"
        _quietly("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        keyring = str(folder / "keyring")
        run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        start("ceph-mon", "-i", "a")
        (folder / "osd").mkdir()
        run("ceph", "osd", "new", osd_id)
        run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd_id)
        start("ceph-osd", "-i", "0")
        endpoint = f"http://127.0.0.1:{free_port()}"
        user = ("--uid=tests", "--display-name=tests", f"--access-key={access_key}")
        run("radosgw-admin", "user", "create", *user, f"--secret={secret_key}")
        front = f"--rgw-frontends=beast endpoint={endpoint.removeprefix('http://')}"
        start("radosgw", "-n", "client.gateway", front)
        wait_until(lambda: _answers(endpoint), "the gateway answers", PATIENCE_S)
        yield endpoint
    finally:
        for process in reversed(started):
            process.stop()


def _make_keys(keyring: Path) -> None:
    _quietly("ceph-authtool", "--create-keyring", str(keyring))
    for name, rights in _KEYS.items():
        caps = [word for over, what in rights.items() for word in ("--cap", over, what)]
        _quietly("ceph-authtool", str(keyring), "--gen-key", "-n", name, *caps)


def _quietly(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)


def _answers(endpoint: str) -> bool:
    try:
        return httpx.get(endpoint, verify=False).is_success
    except httpx.TransportError:
        return False

from html.parser import HTMLParser

import numpy as np
import pytest

from afgen.data.crops import to_jpeg
from afgen.data.parts import Finding, Packed
from afgen.data.quality import GateConfig, gates_of
from afgen.data.report import histogram, hours_of, page, spread, write_report

GATES = gates_of(GateConfig())


def finding(number, *, rejected=None, two=False):
    face = to_jpeg(np.full((96, 96, 3), 40 + number % 200, np.uint8), 80)
    roles = {"avatar": "left person"} | ({"user": "right person"} if two else {})
    metadata = {
        "frames": 50,
        "licence": "CC BY <4.0>",
        "roles": roles,
        "people": {role: {"speaks": 0.5} for role in roles},
        "measures": {"face_px": 40.0 + number, "yaw_deg": 5.0},
    }
    if rejected:
        metadata["rejected"] = rejected
    return Finding(f"clip-{number}", metadata, lambda: dict.fromkeys(roles, face))


@pytest.fixture
def packed():
    small = {"face_px": "height of the face in pixels 40 is below 64"}
    return Packed(
        kept=[finding(number, two=number % 2 == 0) for number in range(30, 150)],
        rejected=[finding(number, rejected=small) for number in range(3)],
        unusable=[{"file": "wall & door.mp4", "code": "clip_unusable", "reason": "nobody"}],
    )


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.count = {}
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.addresses += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_shows_everything_and_needs_nothing_else(packed):
    text = page(packed, GATES)
    tags = Tags()
    tags.feed(text)
    assert tags.count["figure"] == 96 + 3
    assert all(address.startswith("data:image/jpeg;base64,") for address in tags.addresses)
    assert "Left out: height of the face in pixels" in text
    assert "wall &amp; door.mp4" in text
    assert "CC BY &lt;4.0&gt; (120)" in text


def test_a_histogram_counts_everything_once(packed):
    found = histogram(packed, GATES[0])
    assert (sum(found.kept), sum(found.rejected)) == (120, 3)
    assert 0 < found.place(64.0) < 1
    assert histogram(packed, next(gate for gate in GATES if gate.name == "sync")) is None


def test_hours_and_an_even_choice(packed):
    assert hours_of(packed.kept) == pytest.approx(120 * 2 / 3600)
    assert [one.key for one in spread(packed.kept[:6], 3)] == ["clip-30", "clip-32", "clip-34"]


def test_both_files_are_written(packed, tmp_path):
    write_report(packed, GateConfig(), tmp_path)
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_an_empty_corpus_has_a_report_too(tmp_path):
    write_report(Packed([], [], []), GateConfig(), tmp_path)
    assert "0 samples" in (tmp_path / "report.html").read_text()

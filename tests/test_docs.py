"""What the documents name is there, and what there is they name."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"].values()
WANTED = [*PROJECT["dependencies"], *(one for extra in EXTRAS for one in extra)]


def prose(document: Path) -> str:
    """A document without its examples."""
    return re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Files of the project that a document leads to, and the heading in each ("" for the top)."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if not target.startswith(("https://", "http://", "mailto:")):
            path, _, heading = target.partition("#")
            yield (document.parent / path if path else document), heading


def headings(document: Path) -> set[str]:
    """The headings of a document as links name them."""
    titles = re.findall(r"^#+ +(.+?) *$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for path, heading in links(document):
        assert path.exists(), f"{document.name} leads to {path}"
        assert not heading or heading in headings(path), f"{document.name}: #{heading}"


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, ahead = set(), [DOCUMENTS[0]]
    while ahead:
        document = ahead.pop().resolve()
        if document not in reached and document.suffix == ".md":
            reached.add(document)
            ahead += [path for path, _ in links(document)]
    assert set(DOCUMENTS) <= reached


def test_every_dependency_is_argued_for() -> None:
    argued = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()
    names = {re.split(r"[\[<>=!~]", wanted)[0].lower() for wanted in WANTED} - {"afgen"}
    assert names
    assert not {name for name in names if not re.search(rf"\b{name}\b", argued)}


@pytest.mark.parametrize(
    "top", ["afgen", "afgen/evaluate", "afgen/jobs", "api", "workers", "migrations"]
)
def test_every_room_has_its_line_in_the_architecture(top: str) -> None:
    told = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = [
        path for path in sorted((ROOT / top).iterdir()) if not path.name.startswith(("_", "."))
    ]
    names = [f"{path.name}/" if path.is_dir() else path.name for path in rooms]
    assert names
    assert not [name for name in names if f"{name}`" not in told]

"""Rules of the code that can be checked by machine."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import afgen

PACKAGE = Path(afgen.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("torch", "cv2", "mediapipe", "numba", "numpy", "pydantic", "afgen.render")
ONLY_MODULES_TO_IMPORT = {  # a library that must stay behind one door: where that door is
    "boto3": {"jobs/blobs/s3.py"},
    "botocore": {"jobs/blobs/s3.py"},
    "ffmpeg": {"media/arguments.py"},
    "torchaudio": {"conditions/torchaudio_pure.py"},
}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = "import sys, afgen.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(HEAVY) & set(loaded)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_functions_are_short_and_imports_stand_at_the_top(path: Path) -> None:
    if path.parent.name == "cli":
        return  # options make its functions long, and they must import late
    for function in functions(path):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        assert lines <= 60, f"{function.name} has {lines} lines"
        assert not list(imported(function)), f"{function.name} imports inside"


@pytest.mark.parametrize("library", ONLY_MODULES_TO_IMPORT)
def test_some_libraries_stay_behind_one_door(library: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in SOURCES
        if library in imported(ast.parse(path.read_text()))
    }
    assert users <= ONLY_MODULES_TO_IMPORT[library]

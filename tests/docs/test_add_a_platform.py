"""docs/add-a-platform.md: its blocks, applied to a copy of the packages, add a platform that passes what the others must."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/add-a-platform.md"
PACKAGES = {"perscom_receiver": ".", "perscom_adapters": "adapters", "perscom_bridge": "bridge"}
"""The folder of each among the sources. They are copied from where they are installed: the sources may not be here."""


class Step(NamedTuple):
    """A block of the page and the file it is for: a new one, or a change to one that is there."""

    file: str
    language: str
    text: str


def steps() -> list[Step]:
    """All blocks of the page, in order."""
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    found = re.findall(r"^`([\w./]+)`[^\n]*:\n\n```(\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(found) == page.count("\n```") // 2, "a block without the name of its file"
    return [Step(*one) for one in found]


def changed(text: str, diff: str) -> str:
    """``text`` after ``diff``, whose parts are apart by ``@@`` and must each fit in one place."""
    for part in diff.split("@@\n"):
        marked = [(line[:1], line[1:]) for line in part.splitlines(keepends=True)]
        old, new = ("".join(line for mark, line in marked if mark != other) for other in "+-")
        assert text.count(old) == 1, f"found {text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages and of the tests that a platform must pass, with the steps of the page taken."""
    tree = tmp_path_factory.mktemp("tree")
    for package, folder in PACKAGES.items():
        source = Path(import_module(package).__file__ or "").parent
        shutil.copytree(source, tree / folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (
        "tests/conformance/conftest.py",
        "tests/conformance/test_destinations.py",
        "tests/bridge/test_preview.py",
        "tests/support/hostile.py",
    ):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tree / path)
    shutil.copy(ROOT / "tests/docs/added_platform.py", tree / "tests/test_mattermost.py")
    shutil.copy(ROOT / "pyproject.toml", tree)
    for step in steps():
        path = tree / step.file
        if step.language == "diff":
            path.write_text(changed(path.read_text(encoding="utf-8"), step.text), encoding="utf-8")
        else:
            assert not path.exists()
            path.write_text(step.text, encoding="utf-8")
    return tree


def run(tree: Path, *words: str) -> str:
    """What a module of Python says in the tree, where it ends well."""
    paths = os.pathsep.join(str((tree / folder).resolve()) for folder in PACKAGES.values())
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_added_platform_passes_what_the_others_must_and_its_own_tests(tree: Path) -> None:
    said = run(tree, "pytest", "-q", "-k", "mattermost", "-p", "no:cacheprovider", "tests")
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", said.splitlines()[-1])}
    assert "skipped" not in counts
    assert counts["passed"] > 100


def test_the_code_of_the_page_is_as_tidy_as_the_rest(tree: Path) -> None:
    files = [step.file for step in steps() if step.file.endswith(".py")]
    run(tree, "ruff", "check", "--no-cache", *files)
    run(tree, "ruff", "format", "--no-cache", "--check", *files)


def test_the_extra_is_one(tree: Path) -> None:
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"]["mattermost"] == ["aiohttp>=3.12"]

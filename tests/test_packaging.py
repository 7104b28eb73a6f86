"""What is installed: the wheel, its metadata, the pins, and the Makefile's word on a machine where something is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from email import message_from_bytes
from email.message import Message
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = {
    "perscom_receiver": "perscom_receiver",
    "perscom_adapters": "adapters/perscom_adapters",
    "perscom_sender": "sender/perscom_sender",
    "perscom_bridge": "bridge/perscom_bridge",
}
EXTRAS = {
    "starlette",
    "flask",
    "discord",
    "slack",
    "telegram",
    "webhook",
    "postgres",
    "nats",
    "bridge",
    "sender",
    "automations",
    "all",
    "dev",
    "bench",
}
DIST_INFO = f"perscom_receiver-{PROJECT['version']}.dist-info"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of these sources, built once."""
    if not (ROOT / "perscom_receiver").is_dir():
        pytest.skip("the sources are not here: the suite runs against an installed wheel")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(f"{DIST_INFO}/METADATA"))


def test_the_wheel_holds_every_file_of_the_four_packages_and_nothing_else(names: set[str]) -> None:
    sources = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.startswith(DIST_INFO)} == sources
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {"perscom_bridge/golden/requests.json", "perscom_bridge/templates/status.html"} <= names
    assert f"{DIST_INFO}/licenses/LICENSE" in names


def test_the_wheel_names_its_extras_and_needs_msgspec_alone_without_them(metadata: Message) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS
    needed = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    assert [one.name for one in needed if one.marker is None] == ["msgspec"]
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_wheel_imports_with_nothing_but_msgspec_beside_it(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    script = f"""
import sys
sys.path[:0] = [{str(tmp_path)!r}, {str(wheel)!r}]
from perscom_receiver import Event, SQLiteInbox, Worker, sign, verify
from perscom_receiver.testing import signed_request
headers, body = signed_request("rankrecord.created", "0123456789abcdef")
verify(body, headers["Signature"], "0123456789abcdef")
print(Event.parse(body).name)
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("rankrecord.created\n", "")


def test_the_installed_version_is_the_one_of_the_project() -> None:
    assert version("perscom-receiver") == PROJECT["version"]


def test_every_package_is_installed_with_its_types_and_the_demo_with_its_requests() -> None:
    assert all(files(package).joinpath("py.typed").is_file() for package in PACKAGES)
    shipped = files("perscom_bridge").joinpath("golden/requests.json").read_bytes()
    assert shipped == (ROOT / "tests/vectors/requests.json").read_bytes()


# constraints.txt


def pins() -> dict[str, list[str]]:
    """Name to pinned versions; several where markers tell them apart."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        pinned = Requirement(line)
        (specifier,) = pinned.specifier
        found.setdefault(canonicalize_name(pinned.name), []).append(specifier.version)
    return found


def test_the_constraints_are_exact_versions_and_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; [^/@:]+)?", line)]
    assert not wrong


def test_every_dependency_of_ours_is_pinned_to_a_version_that_it_allows() -> None:
    texts = [*PROJECT["dependencies"], *(text for group in PROJECT["optional-dependencies"].values() for text in group)]
    needed = [one for one in map(Requirement, texts) if one.name != PROJECT["name"]]
    pinned = pins()
    for one in needed:
        versions = pinned.get(canonicalize_name(one.name), [])
        assert versions, f"{one.name} is not pinned"
        assert all(one.specifier.contains(text) for text in versions), f"{one} is pinned to {versions}"


# CHANGELOG.md


def test_the_changelog_has_a_section_for_what_is_here_and_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.+?)\]( - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert sections[0][0] in ("Unreleased", PROJECT["version"])
    assert all(dated for name, dated in sections if name != "Unreleased")
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert len(sections) == text.count("\n## ")


# The Makefile


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
@pytest.mark.parametrize(
    ("script", "said", "helps"),
    [
        pytest.param(
            'case "$1" in --version) echo "Python 3.9.2";; *) exit 1;; esac',
            "needs Python 3.11 or newer; {python} is Python 3.9.2.",
            "make demo PYTHON=python3.12",
            id="an older Python",
        ),
        pytest.param(
            'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac',
            "Python's venv module is missing.",
            "sudo apt-get install python3-venv",
            id="a Python without venv",
        ),
        pytest.param(None, "needs Python 3.11 or newer; {python} is ", "sudo apt-get install python3", id="no Python"),
    ],
)
def test_make_names_what_is_missing_and_the_command_that_helps(
    script: str | None, said: str, helps: str, tmp_path: Path
) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python-of-this-test"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        python.chmod(0o755)
    done = subprocess.run(["make", "demo", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert said.format(python=python) in done.stdout
    assert helps in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / ".venv").exists()

"""The comparison, broken by hand in several ways: each time one of its tests must fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import perscom_receiver

SOURCES = Path(perscom_receiver.__file__).parent
TESTS = Path(__file__).with_name("test_signature.py")
COMPARISON = "hmac.compare_digest(secret.sign(body), signature)"

# What is written instead, and the tests that are there to notice.
MUTANTS = {
    "an early end": (COMPARISON, "secret.sign(body) == signature", "test_it_compares_in_constant_time"),
    "the first half": (
        COMPARISON,
        "hmac.compare_digest(secret.sign(body)[:32], signature[:32])",
        "test_one_other_digit_at_any_place_is_refused",
    ),
    "the signature with itself": (
        COMPARISON,
        "hmac.compare_digest(signature, signature)",
        "test_one_other_digit_at_any_place_is_refused",
    ),
    "the other way round": (COMPARISON, f"not {COMPARISON}", "test_the_secret_zero_is_a_secret"),
    "the first secret alone": (
        "for secret in secrets:\n        if hmac",
        "for secret in secrets[:1]:\n        if hmac",
        "test_any_of_several_secrets_will_do",
    ),
    "an empty body": ("if not body:", "if body is None:", "test_an_empty_body_is_refused_even_with_the_right_hmac_of_nothing"),
    "more than the digits": (".fullmatch", ".match", "test_anything_around_the_digits_is_malformed"),
    "capital letters": ("[0-9a-f]{64}", "[0-9a-fA-F]{64}", "test_upper_case_is_malformed"),
}


def outcome_of(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of that name against the copy of the package in ``folder``."""
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", tests, str(TESTS)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The file that holds the comparison, in a copy of the package."""
    package = shutil.copytree(SOURCES, tmp_path / "perscom_receiver", ignore=shutil.ignore_patterns("__pycache__"))
    return Path(package) / "_signature.py"


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_comparison_is_noticed(mutant: str, copied: Path, tmp_path: Path) -> None:
    right, wrong, test = MUTANTS[mutant]
    source = copied.read_text()
    assert source.count(right) == 1, "there is one place to break"
    copied.write_text(source.replace(right, wrong))
    done = outcome_of(tmp_path, test)
    assert done.returncode == 1, done.stdout
    assert re.search(rf"^FAILED .*{test}", done.stdout, re.MULTILINE), done.stdout


def test_the_comparison_as_it_is_passes_all_of_these_tests(copied: Path, tmp_path: Path) -> None:
    done = outcome_of(tmp_path, " or ".join(test for *_, test in MUTANTS.values()))
    assert done.returncode == 0, done.stdout

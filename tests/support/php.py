"""A real PHP, to compare with."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

__all__ = ["Php"]

LOOP = r"""
while (($line = fgets(STDIN)) !== false) {
    fwrite(STDOUT, answer(...array_map('hex2bin', explode(' ', rtrim($line, "\n")))) . "\n");
}
"""


class Php:
    """One long-running php, which answers with the text that ``body``, the inside of a PHP function, returns.

    Where there is no php the test is skipped, or has failed in CI.
    """

    def __init__(self, parameters: str, body: str) -> None:
        executable = shutil.which("php")
        if executable is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("no php here to compare with (Debian: php-cli)")
        code = f"function answer({parameters}) {{ {body} }} {LOOP}"
        self._process = subprocess.Popen(
            [executable, "-n", "-d", "precision=14", "-r", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __call__(self, *arguments: bytes) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(" ".join(argument.hex() for argument in arguments).encode() + b"\n")
        stdin.flush()
        return stdout.readline().rstrip(b"\n").decode()

    def close(self) -> None:
        self._process.communicate(timeout=10)

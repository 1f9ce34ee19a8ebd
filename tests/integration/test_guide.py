"""What docs/make-it-yours.md says to type works on the running stack."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.stack import ADMIN_EMAIL, PASSWORD, ROOT, Stack

pytestmark = pytest.mark.stack

GUIDE = (ROOT / "docs" / "make-it-yours.md").read_text()


def test_its_lines_for_a_script_log_in_and_start_a_job(stack: Stack) -> None:
    assert stack.http.get("/account").status_code == 200, "the first password is changed"
    program = re.search(r"```python\n(import time\n.+?)```", GUIDE, re.DOTALL)[1]
    for shown, here in (
        ("8443", str(stack.https_port)),
        ("admin@example.org", ADMIN_EMAIL),
        ("the one you chose", PASSWORD),
    ):
        assert shown in program
        program = program.replace(shown, here)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=stack.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("succeeded {"), done.stdout

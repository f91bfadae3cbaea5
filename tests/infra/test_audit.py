from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "infra" / "audit.py"
KNOWN = {"id": "CVE-1", "fix_versions": ["2.0"]}


@pytest.mark.parametrize(
    ("told", "code", "line"),
    [
        ("", 0, "out of reach"),
        ({"dependencies": [{"name": "a", "skip_reason": "not found"}]}, 0, "out of reach"),
        ({"dependencies": [{"name": "a", "version": "1.0", "vulns": []}]}, 0, "1 of 1 packages looked up, 0 known"),
        ({"dependencies": [{"name": "a", "version": "1.0", "vulns": [KNOWN]}]}, 1, "a 1.0: CVE-1, mended in 2.0"),
    ],
)
def test_an_audit_fails_on_a_known_vulnerability_and_says_where_nothing_was_looked_up(
    told: object, code: int, line: str
) -> None:
    text = json.dumps(told) if told else ""
    done = subprocess.run([sys.executable, str(PROGRAM)], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert line in done.stdout

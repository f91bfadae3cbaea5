from __future__ import annotations

import os
from pathlib import Path

from evergreen.functions import find_function, project_first


def test_a_function_whose_code_was_edited_is_imported_anew(tmp_path: Path) -> None:
    (tmp_path / "edited_here.py").write_text("import helping_it\n\ndef answer():\n    return helping_it.ANSWER\n")
    (tmp_path / "helping_it.py").write_text("ANSWER = 41\n")
    with project_first(tmp_path):
        first = find_function("edited_here:answer", tmp_path)
        assert find_function("edited_here:answer", tmp_path) is first
        assert first() == 41
        (tmp_path / "helping_it.py").write_text("ANSWER = 42\n")
        os.utime(tmp_path / "helping_it.py", (2e9, 2e9))
        assert find_function("edited_here:answer", tmp_path)() == 42

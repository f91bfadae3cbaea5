"""What a model is called that nobody has named."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from evergreen.errors import UsageError


def model_name(source: str) -> str:
    """A model's name from a file's, folder's or glob's: lower-case letters, digits and dashes.

    Raises:
        UsageError: nothing of the kind is left.
    """
    stem = re.sub(r"[*?\[\]]", "", PurePosixPath(source.rstrip("/*")).name).split(".")[0]
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
    if not name:
        raise UsageError(f"{source}: gives no name for the model; say one: --name NAME")
    return name

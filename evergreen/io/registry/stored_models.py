"""Stored models as objects again, also those written when our classes lay in other modules."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

_SCHEMA = "schema.json"
#: Where the classes of stored models lay before, and where they lie now.
MOVED = {
    f"evergreen.training.{name}": f"evergreen.training.families.{name}"
    for name in ("adjusted", "ensemble", "loglinear", "quantiles", "standardised")
}


def read_model(file: Path, trusted: Sequence[str]) -> Any:
    """Load a model that skops wrote; classes that have moved since are found at their new place.

    Args:
        file: The model; its digest has been compared.
        trusted: Types that it may hold, by their present names.

    Raises:
        skops.io.exceptions.UntrustedTypesFoundException: it holds another type.
    """
    import skops.io

    with zipfile.ZipFile(file) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        if not _rename(schema):
            return skops.io.load(file, trusted=list(trusted))
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[_SCHEMA] = json.dumps(schema).encode()
    renamed = BytesIO()
    with zipfile.ZipFile(renamed, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return skops.io.loads(renamed.getvalue(), trusted=list(trusted))


def _rename(node: Any) -> bool:
    """Replace the names of modules that have moved, in place; whether there was one."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    changed = sum(_rename(one) for one in inner) > 0
    if isinstance(node, dict) and node.get("__module__") in MOVED:
        node["__module__"] = MOVED[node["__module__"]]
        return True
    return changed

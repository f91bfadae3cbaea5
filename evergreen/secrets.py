"""Secrets by their names: what an address says in ``${...}`` is filled in where a door opens, and nowhere else.

``${NAME}`` is a variable of this process's environment, ``${file:/path}`` the first line of a file. Addresses travel,
are logged and are kept with these names; this module alone reads what they stand for.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

from evergreen.errors import UsageError
from evergreen.masking import masked

_NAMED = re.compile(r"\$\{(file:)?([^{}]+)\}")
#: A secret that is named, with the name of the parameter or the colon before it.
_PLACE = re.compile(r"(?::|[^?&#=:/]+=)?\$\{[^{}]+\}")


def shows_a_secret(url: str) -> bool:
    """Whether an address holds a secret itself, rather than its name."""
    without = _PLACE.sub("", url)
    return masked(without) != without


def resolved(url: str) -> str:
    """An address with its secrets, for the library that opens it; to be kept by nobody.

    Args:
        url: Such as ``postgresql+psycopg://evergreen:${DB_PASSWORD}@db/evergreen``; each secret is escaped for a URL.

    Raises:
        UsageError: a variable is not set, or a file cannot be read.
    """

    def secret(match: re.Match[str]) -> str:
        of_file, name = match.groups()
        try:
            text = Path(name).read_text(encoding="utf-8").split("\n")[0] if of_file else os.environ[name]
        except KeyError:
            raise UsageError(f"{url}: the environment variable {name} is not set; set it to the secret") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{url}: the secret's file {name} cannot be read ({error})") from None
        return quote(text.strip(), safe="")

    return _NAMED.sub(secret, url)

"""Where rows come from: a place of files, a function of the project, or a query to a database."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Discriminator, Field, PlainSerializer, Tag, field_serializer, field_validator, model_validator

from evergreen.errors import did_you_mean
from evergreen.masking import masked
from evergreen.spec.kinds import Section

#: What a query may be bound to.
BOUND = ("start", "end", "as_of")
#: Texts, quoted names and comments of a query: nothing in them is a command or a parameter.
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1", re.DOTALL)
_WRITES = re.compile(r"\b(insert|update|delete|merge|into)\b", re.IGNORECASE)
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_SHOWN = 60


class Sql(Section):
    """The rows of one query to a database, by SQLAlchemy."""

    sql: str
    """One SELECT (or WITH ... SELECT). `:as_of` is bound to the moment whose knowledge counts; `:start` and `:end`
    to a day before and after the window of event times, which is then cut to the microsecond. All are UTC; SQLite,
    which has no times, gets texts such as `2024-01-31 12:00:00`."""
    url: str | None = None
    """The database, as SQLAlchemy writes it; a relative SQLite file lies in the project. Passwords are never shown."""
    url_env: str | None = None
    """The environment variable that holds the URL instead, so that no secret stands in this file."""

    @field_validator("sql")
    @classmethod
    def _reads_only(cls, sql: str) -> str:
        bare = _QUOTED.sub(" ", sql).strip().rstrip(";").strip()
        if ";" in bare:
            raise ValueError("holds more than one statement; write a single SELECT")
        first = re.match(r"[(\s]*(\w*)", bare)
        if first is None or first[1].lower() not in ("select", "with"):
            raise ValueError("is no SELECT; a source only reads: begin with SELECT or WITH")
        writing = _WRITES.search(bare)
        if writing:
            raise ValueError(
                f"holds {writing[1].upper()}: a source only reads; take it out, or quote it if it is a column's name"
            )
        for name in _PARAMETER.findall(bare):
            if name not in BOUND:
                raise ValueError(f"nothing is bound to :{name}{did_you_mean(name, BOUND)}")
        return sql

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str | None) -> str | None:
        if url is not None and "://" not in url:
            raise ValueError("is no URL of a database; write e.g. sqlite:///data.db or postgresql://user@host/name")
        return url

    @model_validator(mode="after")
    def _one_url(self) -> Sql:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("needs one of url and url_env: where the database is, or the variable that says so")
        return self

    @field_serializer("url", when_used="json")
    def _without_password(self, url: str | None) -> str | None:
        return None if url is None else masked(url)

    def __str__(self) -> str:
        """The query's beginning and its database, as errors and logs name them."""
        query = " ".join(self.sql.split())
        shown = query if len(query) <= _SHOWN else f"{query[:_SHOWN].rstrip()}..."
        return f"{shown} ({masked(self.url) if self.url else f'${self.url_env}'})"

    def __repr__(self) -> str:
        return f"Sql({self})"

    @property
    def table(self) -> str:
        """The first table that the query names, or ``joined``."""
        found = re.search(r"\bfrom\s+[\"`\[]?(?:\w+[\"`\]]?\.[\"`\[]?)*(\w+)", self.sql, re.IGNORECASE)
        return found[1] if found else "joined"


def _kind(value: Any) -> str:
    return "tagged-sql" if isinstance(value, dict | Sql) else "tagged-place"


#: What `data.source` and `join.source` hold.
Source = Annotated[
    Annotated[str, Field(min_length=1), PlainSerializer(masked, return_type=str, when_used="json"), Tag("tagged-place")]
    | Annotated[Sql, Tag("tagged-sql")],
    Discriminator(_kind),
]

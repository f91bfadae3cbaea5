"""Verdicts get a number in their order: clocks of several machines, and one that is set back, give none."""

import sqlalchemy as sql
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Number each model's verdicts, the oldest 1; a program that knows no revisions refuses the file from here on."""
    op.add_column("verdicts", sql.Column("sequence", sql.Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE verdicts SET sequence = (SELECT count(*) FROM verdicts AS earlier WHERE earlier.model = verdicts.model "
        "AND (earlier.at, earlier.run_key) <= (verdicts.at, verdicts.run_key))"
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("PRAGMA user_version=3")

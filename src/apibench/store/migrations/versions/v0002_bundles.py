"""Code that plans have called, beside them."""

import sqlalchemy as sa
from alembic import op

from apibench.store.column_types import Words

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make room for bundles, and for their names in what has them called."""
    names = ("sha256", "bundle", "created_at", "created_by")
    op.create_table("bundle", *(sa.Column(name, Words, nullable=False, primary_key=name == "sha256") for name in names))
    for table in ("test_version", "run"):
        op.add_column(table, sa.Column("bundle_sha256", Words))

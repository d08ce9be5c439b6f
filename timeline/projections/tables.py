"""The tables of the read model, as statements."""

from pathlib import Path

from timeline.db.statements import load

TABLES = load(Path(__file__).with_name("tables.sql"))

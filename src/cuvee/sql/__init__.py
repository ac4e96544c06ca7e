"""The tables behind the event log, on SQLite and PostgreSQL."""

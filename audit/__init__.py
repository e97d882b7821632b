"""The append-only log: who changed what, written with the change. A room of its own."""

"""The refund ledger: one row per sum that is owed. Paying it out comes with its own routes."""

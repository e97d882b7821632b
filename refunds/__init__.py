"""The refund ledger: one row per sum that is owed, and how it is paid back, once."""

"""Orders: one purchase, one invoice, one payment hash; holds, settlement, expiry."""

"""Facts to deliver after the commit, with retry."""

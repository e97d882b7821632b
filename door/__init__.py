"""The door: who gets in, once."""

"""Promo codes. A code is only ever named by who knows it; no public answer lists one."""

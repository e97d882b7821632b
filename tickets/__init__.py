"""Tickets: one row per attendee, with an id that is the credential at the door."""

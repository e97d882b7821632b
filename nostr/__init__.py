"""Nostr: organisers' keys, the listing of each event, and the relays it is kept on."""

"""Messages to people: mail and Nostr DM, made of facts, sent until they arrive."""

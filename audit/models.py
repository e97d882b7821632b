"""What the log is told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One field of one thing that changed, or, without a field, what was done with it.

    `old` and `new` are what JSON can say (a moment is written as ISO 8601); None: there was, or
    is, none. `event_id` is None for what belongs to the whole instance.
    """

    action: str
    entity: str
    entity_id: str
    event_id: str | None
    field: str | None = None
    old: object = None
    new: object = None

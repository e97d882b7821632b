"""What was published and is to be found no more: requests for deletion (NIP-09).

They are documents of their own, signed by the key that signed what they are of, retired or not,
and are kept: whoever publishes the same address again has to be newer.
"""

import json
from dataclasses import dataclass

from ..crud import Tx
from . import crud_documents
from .crud_documents import document_id, forget_signed, get_document, put_document
from .drafts import Draft, coordinate
from .models import KIND_DELETION, Document, Purpose

# Ids of earlier versions: relays that know no addresses delete by them.
_MAX_IDS = 20


@dataclass(frozen=True)
class Deleted:
    """What a request is of: an address, the last ids under it, and the time (unix seconds) of its
    last version."""

    kind: int
    pubkey: str
    d: str
    ids: tuple[str, ...]
    created_at: int

    @classmethod
    def from_json(cls, text: str | None) -> "Deleted":
        value = json.loads(text or "{}")
        return cls(
            kind=value.get("kind", 0),
            pubkey=value.get("pubkey", ""),
            d=value.get("d", ""),
            ids=tuple(value.get("ids", ())),
            created_at=value.get("created_at", 0),
        )


def deletion_id(document_id_: str, kind: int, pubkey: str) -> str:
    """The document that holds the request for what was signed of another one as this kind."""
    return document_id(Purpose.DELETION, f"{document_id_}:{kind}:{pubkey}")


async def get_deletion(tx: Tx, document: Document, kind: int, pubkey: str) -> Document | None:
    """The request for an address that a document had before, if there ever was one."""
    return await get_document(tx, deletion_id(document.id, kind, pubkey))


async def request_deletion(tx: Tx, document: Document) -> None:
    """Ask for the deletion of what was signed, as it was read. The document has nothing signed
    from then on. Does nothing for one that has not, or not any more."""
    if document.kind is None or document.key_id is None or document.pubkey is None:
        return
    id_ = deletion_id(document.id, document.kind, document.pubkey)
    calendar = document_id(Purpose.CALENDAR, document.wallet)
    await crud_documents.lock_these(tx, [document.id, id_, calendar])
    if not await forget_signed(tx, document):
        return
    before = await get_document(tx, id_)
    known = Deleted.from_json(before.content).ids if before else ()
    wallet, key_id = await _who_deletes(tx, document, document.key_id)
    content = {
        "kind": document.kind,
        "pubkey": document.pubkey,
        "d": document.d or "",
        "ids": [*known, document.nostr_id][-_MAX_IDS:],
        "created_at": document.created_at,
    }
    await put_document(
        tx,
        Purpose.DELETION,
        wallet,
        document.event_id,
        of=id_.partition(":")[2],
        more={
            "content": json.dumps(content),
            "key_id": key_id,
            "pubkey": document.pubkey,
        },
    )
    if document.purpose is Purpose.LISTING:
        await crud_documents.bump(tx, [calendar])


async def _who_deletes(tx: Tx, document: Document, key_id: str) -> tuple[str, str]:
    """Wallet and key: of the keys with this author in the wallet that signed, the newest, because
    who was paired or imported anew cannot sign by the old row.

    An event may have moved to another wallet; the key, and the relays, are the old one's.
    """
    row = await tx.fetch_one(
        "SELECT same.wallet, same.id FROM events.nostr_keys AS own JOIN events.nostr_keys AS same"
        " ON same.wallet = own.wallet AND same.pubkey = own.pubkey WHERE own.id = :id"
        " ORDER BY CASE WHEN same.retired_at IS NULL THEN 0 ELSE 1 END, same.created_at DESC,"
        " CASE WHEN same.id = own.id THEN 0 ELSE 1 END LIMIT 1",
        {"id": key_id},
    )
    return (str(row["wallet"]), str(row["id"])) if row else (document.wallet, key_id)


def deletion_draft(document: Document) -> Draft:
    """Kind 5 with the address, the ids and the kind: relays differ in which of them they heed."""
    of = Deleted.from_json(document.content)
    tags = [["a", coordinate(of.kind, of.pubkey, of.d)], *(["e", id_] for id_ in of.ids)]
    return Draft(KIND_DELETION, "", [*tags, ["k", str(of.kind)]], "", after=of.created_at)

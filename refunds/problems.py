"""Why a payment failed, in words for people. The host's and the node's own are for the log."""

from .models import Problem

# What the host says, in its own words, and what it means. The first match counts.
_MEANINGS = (
    (("insufficient balance", "must reserve", "potential routing fees"), "balance_too_low"),
    (("only incoming", "permission", "not allowed to spend"), "outgoing_disabled"),
    (("too high", "limit"), "limit_reached"),
    (("could not fetch wallet",), "wallet_unavailable"),
    (("already paid", "still pending", "already exists"), "invoice_used"),
)
_NO_ROUTE = ("route", "balance", "liquidity", "capacity")
_SENTENCES = {
    "balance_too_low": "The organiser's wallet holds too little: the sum and the host's reserve"
    " for routing fees (1 %, at least 2 sat).",
    "outgoing_disabled": "This host, or the organiser's wallet, may not send payments.",
    "limit_reached": "A limit of this host for outgoing payments was reached.",
    "wallet_unavailable": "The organiser's wallet does not exist any more.",
    "invoice_used": "This invoice was used already. Please make a new one.",
    "no_route": "No route with enough capacity to the receiving wallet was found.",
    "payment_failed": "The payment failed on its way.",
    "destination_unreachable": "The wallet behind the address did not answer as it should.",
    "destination_refused": "The wallet behind the address does not take this sum.",
    "invoice_expired": "The invoice expired before it was paid.",
}


def problem(code: str) -> Problem:
    return Problem(code, _SENTENCES[code])


def meaning(said: str) -> str:
    """The code for what the host raised."""
    words = said.lower()
    # The node's own words: its "insufficient balance" is not the wallet's.
    if words.startswith("payment failed") and any(word in words for word in _NO_ROUTE):
        return "no_route"
    for needles, code in _MEANINGS:
        if any(needle in words for needle in needles):
            return code
    return "payment_failed"

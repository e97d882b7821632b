"""What a scanner may be shown instead of a ticket."""

import base64
import json
from urllib.parse import quote

HOST = "https://events.example"
# What comes right before, after or between the characters of an id, and makes it another text.
_STRANGE = (
    *("\x00", "\x07", "\x1b[2J", "\ud800", "\udfff", "\u200b", "\u202e", "\ufeff", "\U000e0001"),
    *("%00", "%20", "%2e", "&#x41;", "\\", "'", '"', "`", "$", ";", ",", "*", "=", "+", "~", "|"),
    *("💸", "e\u0301", "ß", "İ", "<", ">", "{", "}", "(", ")", "[", "]", "^", "!", "@", ":", "&"),
)
_SQL = (
    *("' OR '1'='1", "' OR 1=1 --", "'; DROP TABLE events.scans; --", "' UNION SELECT id FROM t--"),
    *("%", "_" * 22, "%%", "*", "?" * 22, "[a-z]*", "1; COMMIT;", "')); DELETE FROM ticket; --"),
    *(":ticket_id", "$1", "{0}", "%s", "%(id)s", "NULL", "null", "undefined", "NaN", "true", "0"),
    *("\\'; SELECT pg_sleep(9); --", "/**/", "CAST(1 AS TEXT)", "0x41", "''", "E'\\x41'"),
)
_HTML = (
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>"),
    *("javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "{{7*7}}", "${7*7}"),
    *("<!--", "]]>", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>", "&lt;b&gt;"),
)
_OTHER_QR = (
    *("WIFI:T:WPA;S=net;P=secret;;", "BEGIN:VCARD\nFN:Ada\nEND:VCARD", "mailto:a@b.example"),
    *("tel:+4912345", "smsto:1:hello", "geo:52.5,13.4", "bitcoin:bc1qxy?amount=1", "otpauth://a/b"),
    *("lnbc20u1pvjluez", "LNURL1DP68GURN8GHJ7", "lightning:lnbc1", "upi://pay?pa=a", "nostr:npub1"),
    *("BEGIN:VEVENT\nEND:VEVENT", "http://", "https://", "ftp://a.example", "file:///etc/passwd"),
    *("urn:isbn:0", "about:blank", "intent://scan/#Intent;end", "market://a", "ws://a.example"),
)
_BOMBS = (
    # The most a QR code holds: digits, letters, bytes.
    *("9" * 7089, "A1" * 2148, "\xff" * 2953),
    *("A" * 10_000, "\x00" * 10_000, " " * 10_000, "💸" * 10_000, "\n" * 5_000, "[" * 10_000),
    *('{"a":' * 2_000, "<a>" * 3_000, "%25" * 3_000, "../" * 3_000, "ticket://" * 1_000),
    *("https://" * 250, "https://a/" + "/events/t" * 220, "/events/t/" * 200, "?" * 2_000),
    *("a/" * 1_000, "#" * 1_999, "a" * 2_001, "e" + "\u0301" * 1_999, "\u202e" * 1_000),
)


def around(ticket: str) -> list[str]:
    """Texts that hold the id of a valid ticket, in part or as a whole, and are not it."""
    half = len(ticket) // 2
    found = [
        *(ticket.swapcase(), ticket[::-1], ticket[:-1], ticket[1:], ticket * 2, ticket * 100),
        *(f"{ticket} {ticket}", f"{ticket}\n{ticket}", f"{ticket},{ticket}", f"{ticket}/{ticket}"),
        *(quote(ticket[0]) + "%" + ticket, "".join(f"%{ord(char):02x}" for char in ticket)),
        *("".join(f"&#{ord(char)};" for char in ticket), ticket.encode().hex()),
        *(base64.b64encode(ticket.encode()).decode(), ticket.encode("utf-16").decode("latin-1")),
        # Full-width letters, which some compare as if they were plain ones.
        "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in ticket),
        *(json.dumps({"id": ticket}), json.dumps([ticket]), f'"{ticket}"', f"<b>{ticket}</b>"),
        *(f"{ticket}' OR '1'='1", f"{ticket}'--", f"{ticket}%", f"{ticket[:-1]}_", f"x={ticket}"),
        *(f"{ticket[:half]} {ticket[half:]}", f"{ticket[:half]}\x00{ticket[half:]}"),
    ]
    for strange in _STRANGE:
        found += [strange + ticket, ticket[:half] + strange + ticket[half:], ticket + strange]
    return found


def _addresses(ticket: str) -> list[str]:
    """Nearly the address of a ticket's page."""
    paths = (
        *("events/o/{}", "events/r/{}", "events/{}", "events/t", "events/t//{}", "events/t/../{}"),
        *("events/t/{}/calendar.ics", "events/t/{}//", "event/t/{}", "events/tt/{}", "t/{}"),
        *("events/t/{}%00", "events/t/%2e%2e/{}", "events/t/{};x", "events/ticket", "?events/t/{}"),
        *("#/events/t/{}", "events/t/ {}", "events\\t\\{}", "events/api/v1/tickets/{}"),
        *("events/register/{}", "events/door/{}", "lnurlp/{}", "events/t/{}/x"),
    )
    schemes = (
        *("ticket:{}", "tickets://{}", "ticket:///{}", "ticket://u@{}", "ticket:\\\\{}", "//{}"),
        *("http://{}", "https://{}", "javascript:ticket://{}", "file:///events/t/{}", "x-{}://"),
        *("ftp://a/events/t/{}", "https:///events/t/{}", "https:/a/events/t/{}", "data:,{}"),
        *("ticket://ticket://{}", "ticket:// {}", "ticket://\x00{}", "view-source:ticket://{}"),
        *("ticket://a/{}", "ticket://{}/a", "http:{}", "https://a /events/t/{}", " / {}"),
    )
    return [
        *(f"{HOST}/{path.format(ticket)}" for path in paths),
        *(s.format(ticket) for s in schemes),
    ]


def hostile(ticket: str) -> list[str]:
    """None of these is the valid ticket, nor any other."""
    fixed = ["", " ", "\t", *_STRANGE, *_SQL, *_HTML, *_OTHER_QR, *_BOMBS]
    return [*fixed, *around(ticket), *_addresses(ticket)]


def accepted(ticket: str) -> list[str]:
    """The forms in which an id is read."""
    return [
        ticket,
        f" {ticket}\n",
        f"ticket://{ticket}",
        f"TICKET://{ticket}/",
        f"{HOST}/events/t/{ticket}",
        f"{HOST}/a/b/events/ticket/{ticket}?x=1#y",
    ]

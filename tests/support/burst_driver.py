"""A process that sells, signs, sends and mails all at once, killed again and again in the middle.

`python -m support.burst_driver`, a process of its own because forking needs a parent without
threads. Each child is a process of the extension with all its loops, for a fraction of a second;
the last one lives until nothing waits any more. Prints one JSON object about what was sold.
"""

import argparse
import asyncio
import functools
import gc
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from support import host
from support.builders import event_body, execute, row, rows
from support.crash_sale import wake
from support.forking import Tell, in_child
from support.rates import URL_VARIABLE

_SHORTEST_S, _LONGEST_S = 0.15, 0.7
_AT_ONCE = 2
_PATIENCE_S = 60.0
# What still waits, in one number.
_WAITING = """
    SELECT (SELECT COUNT(*) FROM events.outbox)
        + (SELECT COUNT(*) FROM events.messages WHERE state IN ('queued', 'sending'))
        + (SELECT COUNT(*) FROM events.nostr_documents WHERE rev > signed_rev)
        + (SELECT COUNT(*) FROM events.nostr_documents d WHERE d.event_json IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM events.nostr_lanes l WHERE l.document_id = d.id
            AND l.acked_created_at = d.created_at)) AS waiting
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database-url")
    parser.add_argument("--relay", required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--kills", type=int, required=True)
    arguments = parser.parse_args()
    os.environ.setdefault(URL_VARIABLE, "http://127.0.0.1:9")
    _import_everything(host.prepare("burst", arguments.database_url))
    [made] = in_child(functools.partial(_first_boot, arguments.relay)).told
    gc.collect()
    gc.freeze()
    chance = random.Random(6)  # noqa: S311 - the moments of the kills, the same each time
    sold: list[list[str]] = []
    killed = 0
    for number in range(arguments.kills):
        lives_s = chance.uniform(_SHORTEST_S, _LONGEST_S)
        work = functools.partial(_live, made["event"], arguments.smtp_port, number, lives_s)
        child = in_child(work)
        killed += child.killed
        sold += child.told
    [left] = in_child(functools.partial(_finish, made["event"], arguments.smtp_port)).told
    print(json.dumps({"killed": killed, "told": sold, **made, **left}))


def _import_everything(root: Path) -> None:
    """Once, in the parent: each child has it for nothing."""
    import lnbits.app  # noqa: F401 - children boot with it
    from loguru import logger

    logger.remove()
    sys.path.append(str(root / "ext" / "extensions"))
    for name in ("tasks", "views_api", "nostr.worker", "notifications.worker"):
        host.ext(name)


async def _first_boot(relay: str, tell: Tell) -> None:
    """All migrations, an organiser with a relay, and a published event with room for everybody."""
    from asgi_lifespan import LifespanManager
    from lnbits.app import create_app
    from loguru import logger

    from support.people import a_person

    app = create_app()
    logger.remove()
    async with LifespanManager(app, startup_timeout=60, shutdown_timeout=30):
        await host.ext("tasks").require_ready()
        settings = host.ext("settings")
        roomy = {"allow_private_relays": True, "mail_security": "none"}
        await settings.change_settings(settings.SettingsPatch(**roomy))
        organiser = await a_person()
        body = host.ext("nostr.bodies").NostrSettingsBody(relays=[relay])
        accounts, now = host.ext("nostr.accounts"), host.ext("clock").now()
        await accounts.change_account(organiser.wallet, body, now)
        tell({"event": await _open_event(organiser.wallet)})


async def _open_event(wallet: str) -> str:
    catalog, now = host.ext("catalog.services"), host.ext("clock").now()
    wish = event_body(price_per_ticket=0, capacity=100_000, nostr_publish=True)
    body = host.ext("catalog.bodies").EventBody(**wish)
    codes = host.ext("promos.services").EventCodes()
    known = host.ext("catalog.rules").Currencies({"GBP"}, {"GBP"})
    listing = await catalog.create_event(wallet, body, codes, known, now)
    return str(listing.event.id)


async def _start(smtp_port: int) -> list["asyncio.Task[None]"]:
    """What a start of the host does, a while after the process before was killed."""
    from lnbits.settings import settings as found

    settings: Any = found
    settings.lnbits_email_notifications_enabled = True
    settings.lnbits_email_notifications_email = "tickets@example.org"
    settings.lnbits_email_notifications_server = "127.0.0.1"
    settings.lnbits_email_notifications_port = smtp_port
    await wake()
    # What the dead process had taken for itself has lapsed: nobody has to wait a minute here.
    await execute("UPDATE events.messages SET next_try_at = 0 WHERE state = 'sending'")
    await execute("UPDATE events.nostr_relays SET lease_until = 0, retry_at = 0")
    tasks = host.ext("tasks")
    quiet = {tasks.SWEEP_TASK, tasks.NUDGE_TASK, tasks.REFUND_TASK}
    return [asyncio.create_task(run()) for name, run in tasks.LOOPS.items() if name not in quiet]


async def _live(event: str, smtp_port: int, number: int, lives_s: float, tell: Tell) -> None:
    """Sell until somebody else ends this process; tells each order that was answered."""
    _be_killed_in(lives_s)
    running = await _start(smtp_port)
    await asyncio.gather(*(_sell(event, f"{number}-{seat}", tell) for seat in range(_AT_ONCE)))
    await asyncio.gather(*running)


def _be_killed_in(lives_s: float) -> None:
    """By a process beside this one, wherever this one then is."""
    victim = os.getpid()
    if os.fork() == 0:
        time.sleep(lives_s)
        os.kill(victim, signal.SIGKILL)
        os._exit(0)


async def _sell(event: str, who: str, tell: Tell) -> None:
    bodies, checkout = host.ext("orders.bodies"), host.ext("orders.checkout")
    turn = 0
    while True:
        turn += 1
        email = f"guest-{who}-{turn}@example.com"
        request = bodies.PurchaseBody(name="Ada", email=email).request(event, who, None, "api")
        purchase = await checkout.place_order(request, host.ext("clock").now())
        tell([purchase.order.id, email])


async def _finish(event: str, smtp_port: int, tell: Tell) -> None:
    running = await _start(smtp_port)
    give_up = time.monotonic() + _PATIENCE_S
    while (await row(_WAITING))["waiting"]:
        if time.monotonic() > give_up:
            break
        await asyncio.sleep(0.2)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    tell(await _told(event))


async def _told(event: str) -> dict[str, Any]:
    sold = await row("SELECT sold, capacity FROM events.events WHERE id = :id", id=event)
    listing = await row("SELECT * FROM events.nostr_documents WHERE event_id = :id", id=event)
    orders = await rows("SELECT id, buyer_email FROM events.orders WHERE status = 'confirmed'")
    messages = await rows("SELECT recipient, message_id, state FROM events.messages")
    return {
        "waiting": (await row(_WAITING))["waiting"],
        "sold": sold["sold"],
        "listing": {"created_at": listing["created_at"], "id": listing["nostr_id"]},
        "orders": [[order["id"], order["buyer_email"]] for order in orders],
        "messages": [[m["recipient"], m["message_id"], m["state"]] for m in messages],
    }


if __name__ == "__main__":
    main()

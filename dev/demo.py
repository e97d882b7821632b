"""Play the demo sale against the running development host, step by step.

`make run` plays it once; `make demo` plays it again, with a new event each time.
"""

import argparse
import sys
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import mail
import state as states
import witness
from client import Client, Refused, balance_sat, give_sats
from host import port_number
from state import Sale, State
from words import Trouble, say, short, step

SEATS = 3
PRICE_SAT = 1000
API = "/events/api/v1"
RECIPIENTS = {"ada@example.com", "grace@example.com", "linus@example.com"}


def day(days_ahead: int) -> str:
    """A date as the host's extension stores it, YYYY-MM-DD, counted from today in UTC."""
    return (datetime.now(timezone.utc) + timedelta(days=days_ahead)).strftime("%Y-%m-%d")


def event_body(state: State, name: str, info: str, seats: int) -> dict[str, Any]:
    return {
        "wallet": state.organiser.wallet,
        "name": name,
        "info": info,
        "closing_date": day(29),
        "event_start_date": day(30),
        "event_end_date": day(31),
        "currency": "sat",
        "amount_tickets": seats,
        "price_per_ticket": PRICE_SAT,
    }


def create_demo_event(client: Client, state: State) -> str:
    """An event small enough to be sold out. :returns: its id."""
    info = "Three seats, one price. This event is sold out by the demo."
    body = event_body(state, "Demo evening", info, SEATS) | {
        "starts_at": f"{day(30)}T18:00:00Z",
        "ends_at": f"{day(30)}T22:00:00Z",
        "timezone": "Europe/Berlin",
        "location": "Lightning Hall, Berlin",
        "nostr_publish": True,
    }
    event = client.call("POST", f"{API}/events", body, key=state.organiser.adminkey)
    step("event", f'"{event["name"]}", {SEATS} seats at {PRICE_SAT} sat')
    return str(event["id"])


def order_seats(client: Client, event: str, guest: str) -> Any:
    """Order all seats at once, for three people. :returns: the purchase, with its invoice."""
    attendees = [
        {"name": "Ada Buyer", "email": "ada@example.com"},
        {"name": "Grace Guest", "email": "grace@example.com"},
        {"name": "Linus Guest", "email": "linus@example.com", "nostr_identifier": guest},
    ]
    body = attendees[0] | {"quantity": SEATS, "attendees": attendees}
    purchase = client.call("POST", f"{API}/tickets/{event}", body)
    step("order", f"{SEATS} tickets, held until {purchase['hold_expires_at']}")
    step("invoice", f"{short(purchase['payment_request'])}, {purchase['total_sat']} sat")
    if purchase["total_sat"] != SEATS * PRICE_SAT:
        raise Trouble(f"The invoice should be over {SEATS * PRICE_SAT} sat.")
    return purchase


def pay(client: Client, state: State, invoice: str) -> None:
    body = {"out": True, "bolt11": invoice}
    client.call("POST", "/api/v1/payments", body, key=state.buyer.adminkey)
    step("paid", f"by the buyer's wallet, {balance_sat(client, state.buyer)} sat are left in it")


def wait_for_tickets(client: Client, event: str, purchase: Any) -> list[str]:
    """:returns: the ticket ids. :raises Trouble: there are not as many as were paid for."""
    path = f"{API}/tickets/{event}/{purchase['payment_hash']}"
    deadline = time.monotonic() + 15
    while True:
        answer = client.call("POST", path, {"order_secret": purchase["order_secret"]})
        if answer["paid"]:
            break
        if time.monotonic() > deadline:
            raise Trouble("The invoice is paid, but no tickets came within 15 s.")
        time.sleep(0.1)
    tickets = [str(ticket) for ticket in answer["ticket_ids"]]
    step("tickets", ", ".join(tickets))
    if len(set(tickets)) != SEATS:
        raise Trouble(f"There should be {SEATS} tickets.")
    return tickets


def expect_sold_out(client: Client, event: str) -> None:
    try:
        client.call("POST", f"{API}/tickets/{event}", {"name": "Late Buyer", "quantity": 1})
    except Refused as refusal:
        if refusal.code != "sold_out":
            raise
        step("sold out", f"a fourth buyer is refused: {refusal.status} {refusal.detail}")
    else:
        raise Trouble("A fourth buyer got a seat that does not exist.")


def scan(client: Client, state: State, ticket: str) -> None:
    client.call("PUT", f"{API}/tickets/register/{ticket}", key=state.organiser.adminkey)


def expect_second_scan_refused(client: Client, state: State, ticket: str) -> None:
    try:
        scan(client, state, ticket)
    except Refused as refusal:
        if refusal.status != 403:
            raise
        step("door", f"ticket 1 again is refused: {refusal.status} {refusal.detail}")
    else:
        raise Trouble("The same ticket was let in twice.")


def play(client: Client, state: State) -> None:
    """The whole sale; its pages are noted in the state.

    :raises Trouble: something did not go as it must.
    """
    say(f"Demo sale on {client.url}")
    give_sats(client, state)
    guest, mail_before = witness.prepare_guest(state), mail.newest()
    event = create_demo_event(client, state)
    witness.expect_listing(state, event, "published", 0)
    purchase = order_seats(client, event, guest)
    pay(client, state, purchase["payment_request"])
    tickets = wait_for_tickets(client, event, purchase)
    expect_sold_out(client, event)
    naddr = witness.expect_listing(state, event, "sold_out", SEATS)
    witness.expect_mail(mail_before, RECIPIENTS)
    witness.expect_message(state, tickets[-1])
    for number, ticket in enumerate(tickets, start=1):
        scan(client, state, ticket)
        step("door", f"ticket {number} is admitted")
    expect_second_scan_refused(client, state, tickets[0])
    state.sale = Sale(event, purchase["order_secret"], tickets, naddr)
    state.save()


def say_result() -> None:
    say(f"One invoice of {SEATS * PRICE_SAT} sat, {SEATS} tickets; the door refused a second scan.")
    say(f"{SEATS} admitted, 1 refused: the fourth buyer, because nothing is left.")


def say_sale_links(url: str, sale: Sale) -> None:
    step("demo event", f"{url}/events/{sale.event}")
    if sale.naddr:
        step("naddr", sale.naddr)
    step("order", f"{url}/events/o/{sale.order_secret}")
    for ticket in sale.tickets:
        step("ticket", f"{url}/events/ticket/{ticket}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=port_number, default=0, help="default: the last run's")
    port = parser.parse_args().port
    try:
        state = states.load()
        if state is None or not state.open_event:
            raise Trouble("There is no development host yet; start one with: make run")
        with Client(f"http://127.0.0.1:{port or state.port}") as client:
            play(client, state)
            if state.sale is not None:
                say_sale_links(client.url, state.sale)
        say_result()
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

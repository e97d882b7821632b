"""Kill a scenario at each of its awaits, in a process per kill; `python -m support.crash_driver`.

A process of its own, because forking needs a parent without threads. Prints one JSON object:
per scenario the number of awaits, of kills, and what was wrong afterwards.
"""

import argparse
import dataclasses
import functools
import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from support import host
from support.crash_facts import wrong_facts
from support.crash_sale import Place, Scenario, nothing, open_event, wake
from support.crash_scenarios import SCENARIOS, look, restart
from support.crash_steps import Writes, follow_tasks
from support.forking import Helper, Tell, in_child
from support.rates import URL_VARIABLE
from support.stepping import Stepped

# After so many the rest would tell nothing new.
_ENOUGH = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="+", choices=SCENARIOS)
    parser.add_argument("--database-url")
    parser.add_argument(
        "--control", nargs="*", default=[], help="scenarios to repeat without transactions"
    )
    arguments = parser.parse_args()
    # Rates are put into the host's cache instead: a server would be a thread.
    os.environ.setdefault(URL_VARIABLE, "http://127.0.0.1:9")
    _import_everything(host.prepare("crashes", arguments.database_url))
    [wallets] = in_child(first_boot).told
    # What is here stays: the children need not copy it to look for garbage.
    gc.collect()
    gc.freeze()
    sound = kill_all(arguments.scenarios, wallets)
    commit_each_statement()
    print(json.dumps({"sound": sound, "control": kill_all(arguments.control, wallets)}))


def kill_all(scenarios: list[str], wallets: list[str]) -> dict[str, Any]:
    """Reports per scenario; the helper is forked here, with the code as it is now."""
    helper = Helper(serve)
    helper.ask(["wake", next(iter(SCENARIOS))])
    report = {name: Killer(name, wallets, helper).run() for name in scenarios}
    helper.close()
    return report


def _import_everything(root: Path) -> None:
    """Once, in the parent: each child has it for nothing."""
    import lnbits.app  # noqa: F401 - children boot with it
    from loguru import logger

    logger.remove()
    sys.path.append(str(root / "ext" / "extensions"))
    for name in (
        "tasks",
        "views_api",
        "orders.checkout",
        "refunds.claims",
        "refunds.worker",
        "door.services",
    ):
        host.ext(name)


async def first_boot(tell: Tell) -> None:
    """A real boot with all migrations; tells the wallets of an organiser and of a buyer."""
    from asgi_lifespan import LifespanManager
    from lnbits.app import create_app
    from loguru import logger

    from support.people import a_person

    app = create_app()
    logger.remove()
    async with LifespanManager(app, startup_timeout=60, shutdown_timeout=30):
        await host.ext("tasks").require_ready()
        organiser, buyer = await a_person(), await a_person(balance_sat=9_000_000)
        tell([organiser.wallet, buyer.wallet])


class Killer:
    """Kills one scenario at each of its awaits, and looks what is left each time.

    After every kill one of the ways to go on is tried, in turn; all of them where the kill left
    the database in another state than the kill before. Where it left every row as it was before
    the scenario began there is nothing new to try, and the next kill takes place there as well.
    """

    def __init__(self, name: str, wallets: list[str], helper: Helper) -> None:
        self._scenario = SCENARIOS[name]
        self._name = name
        self._wallets = wallets
        self._helper = helper
        self.kills = 0
        self.states: set[str] = set()
        self.wrong: list[str] = []

    def run(self) -> dict[str, Any]:
        steps: int = in_child(
            functools.partial(_run, self._scenario, self._prepared()[0], None)
        ).told[0]
        last_state, unused = "", None
        for step in range(1, steps + 1):
            place, before = unused or self._prepared()
            state, now = self._kill(place, step)
            unused = (place, before) if now == before and last_state else None
            if unused is None:
                self._go_on(place, step, state, all_ways=state != last_state)
            last_state = state
            if len(self.wrong) >= _ENOUGH:
                break
        return {
            "steps": steps,
            "kills": self.kills,
            "states": len(self.states),
            "wrong": self.wrong,
        }

    def _prepared(self) -> tuple[Place, str]:
        """A place, and the fingerprint of its rows."""
        place = Place(*self._helper.ask(["prepare", self._name, *self._wallets]))
        return place, self._look(place)[1]

    def _look(self, place: Place) -> tuple[str, str]:
        state, rows = self._helper.ask(["look", self._name, *dataclasses.astuple(place)])
        return state, rows

    def _kill(self, place: Place, step: int) -> tuple[str, str]:
        self.kills += in_child(functools.partial(_run, self._scenario, place, step)).killed
        state, rows = self._look(place)
        self.states.add(state)
        return state, rows

    def _go_on(self, place: Place, step: int, state: str, all_ways: bool) -> None:
        ways = list(self._scenario.afterwards)
        turn = ways[step % len(ways)]
        self._try(place, turn, f"killed at {step} ({state})")
        for way in ways if all_ways else ():
            if way != turn:
                place, _ = self._prepared()
                state, _ = self._kill(place, step)
                self._try(place, way, f"killed at {step} ({state})")

    def _try(self, place: Place, way: str, killed: str) -> None:
        wrong = self._helper.ask(["go on", self._name, way, *dataclasses.astuple(place)])
        self.wrong += [f"{killed}, then {way}: {text}" for text in wrong]


async def _run(scenario: Scenario, place: Place, kill_at: int | None, tell: Tell) -> None:
    """Tells the number of awaits, if it is not killed before."""
    await wake()
    # `make test-kills` has the time for all of them.
    only_writes = scenario.only_writes and not host.every_await()
    kind = Writes if only_writes else Stepped
    stepped = kind(await scenario.aim(place), kill_at)
    follow_tasks(stepped)
    await stepped
    tell(stepped.steps)


async def serve(question: list[str]) -> object:
    """The process that prepares what is killed, and that goes on as a start of the host does."""
    what, name, *rest = question
    scenario = SCENARIOS[name]
    if what == "wake":
        await wake()
        return None
    if what == "prepare":
        place = Place(await open_event(rest[0], scenario.seats), *rest)
        await scenario.ready(place)
        return dataclasses.astuple(place)
    if what == "look":
        return await look(Place(*rest))
    return await _go_on(scenario, *rest)


async def _go_on(scenario: Scenario, way: str, *where: str) -> list[str]:
    """What is wrong afterwards."""
    place = Place(*where)
    try:
        await scenario.at_once.get(way, nothing)(place)
        await restart()
        return await scenario.afterwards[way](place) + await wrong_facts(place)
    except Exception as error:  # noqa: BLE001 - that it cannot go on is what was to be found out
        return [repr(error)]


def commit_each_statement() -> None:
    """Take away what protects against kills, to see that the kills notice."""
    crud = host.ext("crud")
    execute = crud.Tx.execute

    async def execute_and_commit(self: Any, *arguments: Any) -> int:
        changed: int = await execute(self, *arguments)
        await self.raw.commit()
        return changed

    crud.Tx.execute = execute_and_commit


if __name__ == "__main__":
    main()

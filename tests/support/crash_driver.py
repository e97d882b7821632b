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
from support.crash_scenarios import (
    SCENARIOS,
    Place,
    Scenario,
    open_event,
    restart,
    state_of,
    wake,
)
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
    for name in ("tasks", "views_api", "orders.checkout", "orders.sweeper"):
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
    the database in another state than the kill before.
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
        steps: int = in_child(functools.partial(_run, self._scenario, self._prepared(), None)).told[
            0
        ]
        ways = list(self._scenario.afterwards)
        last_state = None
        for step in range(1, steps + 1):
            turn = ways[step % len(ways)]
            state = self._kill_and_go_on(step, turn)
            if state != last_state:
                for way in ways:
                    if way != turn:
                        self._kill_and_go_on(step, way)
            last_state = state
            if len(self.wrong) >= _ENOUGH:
                break
        return {
            "steps": steps,
            "kills": self.kills,
            "states": len(self.states),
            "wrong": self.wrong,
        }

    def _prepared(self) -> Place:
        return Place(*self._helper.ask(["prepare", self._name, *self._wallets]))

    def _kill_and_go_on(self, step: int, way: str) -> str:
        place = self._prepared()
        killed = in_child(functools.partial(_run, self._scenario, place, step)).killed
        self.kills += killed
        state, wrong = self._helper.ask(["go on", self._name, way, *dataclasses.astuple(place)])
        self.states.add(state)
        self.wrong += [f"killed at {step} ({state}), then {way}: {text}" for text in wrong]
        return str(state)


async def _run(scenario: Scenario, place: Place, kill_at: int | None, tell: Tell) -> None:
    """Tells the number of awaits, if it is not killed before."""
    await wake()
    stepped = Stepped(await scenario.aim(place), kill_at)
    await stepped
    tell(stepped.steps)


async def serve(question: list[str]) -> object:
    """The process that prepares what is killed, and that goes on as a start of the host does."""
    what, name, *rest = question
    scenario = SCENARIOS[name]
    if what == "prepare":
        place = Place(await open_event(rest[0]), *rest)
        await scenario.ready(place)
        return dataclasses.astuple(place)
    if what == "wake":
        await wake()
        return None
    way, *where = rest
    place = Place(*where)
    state = await state_of(place)
    try:
        await restart()
        return [state, await scenario.afterwards[way](place)]
    except Exception as error:  # noqa: BLE001 - that it cannot go on is what was to be found out
        return [state, [repr(error)]]


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

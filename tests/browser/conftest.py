"""A browser and a shop for it: one of each per test run, on SQLite only.

The pages do not know which engine is behind them, and a second boot would only cost time.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from browser.desk import Desk
from browser.shop import Shop
from support.host import REPO, on_postgres

# Debian's. The shell is the same engine without the windows nobody sees, and takes half the time.
_BROWSERS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = next((Path(path) for path in _BROWSERS if Path(path).exists()), None)
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# What reads codes where the browser cannot; `make install` goes on without npm's registry.
READER = REPO / "static/vendor/zxing-wasm/reader/zxing_reader.wasm"
needs_reader = pytest.mark.skipif(not READER.exists(), reason=f"There is no {READER}.")


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    if on_postgres():
        pytest.skip("Pages are tested once, on SQLite.")
    if CHROMIUM is None:
        pytest.skip(f"There is none of {_BROWSERS}.")
    opened = Shop()
    yield opened
    opened.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(shop: Shop) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(browser: Browser, shop: Shop) -> AsyncIterator[Desk]:
    """Fails the test whose pages left the origin, threw, or opened a dialog."""
    opened = Desk(browser, shop)
    yield opened
    await opened.close()
    assert opened.watch.faults == []

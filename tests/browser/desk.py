"""Browser pages for tests, watched for what no page of ours may do."""

from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

from browser.shop import ORGANISER, PASSWORD, Shop

# The host packs its scripts anew for each browser, which takes longer than to send them.
_UNPACKED = {"Accept-Encoding": "identity"}


class Watch:
    """What a browser context does that no page of ours may do."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.faults: list[str] = []

    def over(self, context: BrowserContext) -> BrowserContext:
        context.on("request", lambda request: self._is_ours(request.url))
        context.on("dialog", lambda dialog: self.faults.append(f"dialog {dialog.message}"))
        context.on("weberror", lambda error: self._script(str(error.error.stack)))
        context.on("console", self._console)
        return context

    def _is_ours(self, url: str) -> None:
        if not url.startswith((self.origin, "data:", "blob:")):
            self.faults.append(f"request to {url}")

    def _script(self, stack: str) -> None:
        # The host's own script stumbles over payments that arrive while no wallet is chosen.
        if "/static/bundle-components" in stack and "/events/static/" not in stack:
            return
        self.faults.append(f"script {stack}")

    def _console(self, message: ConsoleMessage) -> None:
        # A page or an answer with an error status is logged too; tests ask for those on purpose.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console {message.text}")


class Desk:
    """Opens pages, each in a browser context of its own."""

    def __init__(self, browser: Browser, shop: Shop) -> None:
        self._browser = browser
        self._shop = shop
        self._contexts: list[BrowserContext] = []
        self.watch = Watch(shop.url)

    async def context(self, width: int = 1280, **options: Any) -> BrowserContext:
        viewport: ViewportSize = {"width": width, "height": 800}
        opened = await self._browser.new_context(
            viewport=viewport, extra_http_headers=_UNPACKED, **options
        )
        opened.set_default_timeout(10_000)
        self._contexts.append(self.watch.over(opened))
        return opened

    async def page(self, path: str = "", own_clock: bool = False, **options: Any) -> Page:
        """A page of the shop, by its path; `java_script_enabled=False` and the like are options.

        :param own_clock: `page.clock` moves its timers on, so that nobody waits for them.
        """
        page = await (await self.context(**options)).new_page()
        if own_clock:
            await page.clock.install()
        if path:
            await page.goto(self._shop.url + path)
        return page

    async def organiser_page(self, path: str, own_clock: bool = False) -> Page:
        """The same for somebody who is logged in as the organiser."""
        context = await self.context()
        # Otherwise the host's own dialog lies over every page of somebody logged in.
        await context.add_init_script(
            "try { localStorage.setItem('lnbits.disclaimerShown', '__q_bool|1') } catch {}"
        )
        login = {"username": ORGANISER, "password": PASSWORD}
        await context.request.post(f"{self._shop.url}/api/v1/auth", data=login)
        page = await context.new_page()
        if own_clock:
            await page.clock.install()
        await page.goto(self._shop.url + path)
        return page

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

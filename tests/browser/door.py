"""Phones at the door: the page on a phone, and a camera that sees what a test holds before it."""

import asyncio
import io
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyqrcode
from playwright.async_api import Page, expect

from browser.desk import Desk
from browser.shop import Shop
from support.builders import API

PHONE = (390, 844)
GREEN, AMBER, RED, GREY = (
    "rgb(27, 94, 32)",
    "rgb(93, 64, 55)",
    "rgb(183, 28, 28)",
    "rgb(55, 71, 79)",
)
# A camera that looks at a canvas, where `hold` puts a picture a little askew, as hands do.
_CAMERA = """{
const canvas = document.createElement('canvas')
canvas.width = 640
canvas.height = 480
const pen = canvas.getContext('2d')
let held = null
function draw() {
  pen.fillStyle = '#777'
  pen.fillRect(0, 0, 640, 480)
  if (!held) return
  pen.save()
  pen.translate(320, 240)
  pen.rotate(0.12)
  pen.drawImage(held, -170, -170, 340, 340)
  pen.restore()
}
setInterval(draw, 30)
window.hold = async address => {
  held = null
  if (address) {
    const picture = new Image(340, 340)
    picture.src = address
    await picture.decode()
    held = picture
  }
  draw()
  window.heldAt = performance.now()
}
if (navigator.mediaDevices) {
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30)
  navigator.mediaDevices.enumerateDevices = async () => [
    { kind: 'videoinput', deviceId: 'back', label: 'Back' }
  ]
}
}"""
# Tells every verdict that goes up, also those that are gone before a test could look.
_VERDICTS = """addEventListener('DOMContentLoaded', () => {
  const panel = document.getElementById('result')
  if (!panel) return
  const text = id => document.getElementById(id).textContent
  new MutationObserver(() => {
    if (panel.hidden) return
    const told = {
      kind: panel.dataset.outcome,
      colour: getComputedStyle(panel).backgroundColor,
      word: text('result-word'),
      name: text('result-name'),
      ticket: text('result-ticket'),
      lines: Array.from(document.querySelectorAll('#result-lines p'), line => line.textContent),
      is_offline: !document.getElementById('result-offline').hidden
    }
    // After the browser has painted it.
    requestAnimationFrame(() => setTimeout(() => {
      window.toldVerdict({ ...told, took_ms: performance.now() - (window.heldAt ?? 0) })
    }))
  }).observe(panel, { attributes: true, attributeFilter: ['hidden'] })
})"""


@dataclass(frozen=True)
class Verdict:
    """What staff were shown. `took_ms`: since a code was last held before the camera."""

    kind: str
    colour: str
    word: str
    name: str
    ticket: str
    lines: list[str]
    is_offline: bool
    took_ms: float


def qr_picture(text: str) -> str:
    out = io.BytesIO()
    pyqrcode.create(text, error="M").svg(out, scale=8, quiet_zone=4, background="white")
    return f"data:image/svg+xml;base64,{b64encode(out.getvalue()).decode()}"


class Phone:
    """A device at the door. Call `open` before anything else."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.body = page.locator("body")
        self._told: asyncio.Queue[Verdict] = asyncio.Queue()

    async def open(self, link: str) -> None:
        await self.page.expose_function(
            "toldVerdict", lambda told: self._told.put_nowait(Verdict(**told))
        )
        await self.page.add_init_script(_CAMERA + _VERDICTS)
        await self.page.goto(link)

    async def is_online(self) -> None:
        await expect(self.body).to_have_attribute("data-link", "online", timeout=15_000)

    async def is_ready(self) -> None:
        """Online, and with all it needs to go on without network."""
        await self.is_online()
        await expect(self.body).to_have_attribute("data-list", "ready")
        await expect(self.page.locator("#hint")).not_to_contain_text("offline", timeout=15_000)

    async def go_offline(self) -> None:
        await self.page.context.set_offline(True)
        await expect(self.body).to_have_attribute("data-link", "offline")

    async def go_online(self) -> None:
        await self.page.context.set_offline(False)
        await self.is_online()

    async def has_pending(self, count: int) -> None:
        await expect(self.body).to_have_attribute("data-pending", str(count), timeout=15_000)

    async def has_counted(self, words: str) -> None:
        """The server counts anew every few seconds, and the page asks as often."""
        await expect(self.page.locator("#counts")).to_contain_text(words, timeout=20_000)

    async def camera_on(self) -> None:
        await expect(self.page.locator("#lens")).to_have_attribute("data-camera", "live")

    async def verdict(self) -> Verdict:
        """The next one."""
        return await asyncio.wait_for(self._told.get(), 10)

    def is_silent(self) -> bool:
        """Whether every verdict was asked for."""
        return self._told.empty()

    async def close_verdict(self) -> None:
        """Whether or not one is up."""
        result = self.page.locator("#result")
        if await result.is_visible():
            await self.page.keyboard.press("Escape")
            await expect(result).to_be_hidden()

    async def hold(self, picture: str) -> Verdict:
        """Hold it before the camera, where it stays."""
        await self.page.evaluate("picture => hold(picture)", picture)
        await self.close_verdict()
        return await self.verdict()

    async def put_away(self) -> None:
        """Nothing before the camera, and no verdict up."""
        await self.page.evaluate("hold(null)")
        await self.close_verdict()

    async def enter(self, code: str) -> Verdict:
        """Type it."""
        await self.close_verdict()
        field = self.page.get_by_label("Ticket code")
        await field.fill(code)
        await field.press("Enter")
        return await self.verdict()

    async def press(self, name: str) -> None:
        """A button, by its words."""
        await self.close_verdict()
        await self.page.get_by_role("button", name=name).click()


class Door:
    """An event's door as its organiser sees it. Tickets are free unless `changes` says so."""

    def __init__(self, shop: Shop, **changes: object) -> None:
        self.shop = shop
        self.event = shop.an_event(**{"price_per_ticket": 0, "amount_tickets": 50, **changes})

    def a_ticket(self, **changes: object) -> str:
        return self.tickets(1, **changes)[0]

    def tickets(self, quantity: int, **changes: object) -> list[str]:
        """Of one order."""
        found: list[str] = self.shop.buy(self.event, quantity=quantity, **changes)["ticket_ids"]
        return found

    def scanner(self, name: str = "Main gate", **changes: object) -> dict[str, Any]:
        body = {"name": name, "may_work_offline": True, "sees_names": True, **changes}
        made: dict[str, Any] = self._ask("POST", f"events/{self.event}/scanners", json=body).json()
        return made

    def revoke(self, scanner: dict[str, Any]) -> None:
        self._ask("DELETE", f"events/{self.event}/scanners/{scanner['id']}")

    def link(self, scanner: dict[str, Any]) -> str:
        """To join by; on the address that the tests reach the host at."""
        made = urlsplit(scanner["door_url"])
        return f"{self.shop.url}{made.path}#{made.fragment}"

    def scans(self, **only: str) -> list[dict[str, Any]]:
        """The log, oldest first."""
        answer = self._ask("GET", f"events/{self.event}/scans", params={"limit": "100", **only})
        found: list[dict[str, Any]] = answer.json()["data"]
        return found[::-1]

    def outcomes(self) -> list[str]:
        return [scan["outcome"] for scan in self.scans()]

    def admitted(self) -> list[str]:
        """Ids of the tickets that scans admitted, as often as they did."""
        found = [scan for scan in self.scans() if scan["outcome"] == "admitted"]
        return sorted(scan["ticket"]["id"] for scan in found if not scan["annulled_at"])

    def outcome_now(self, ticket: str) -> str:
        """What a scan would come to."""
        answer = self._ask("POST", f"door/{self.event}/validate", json={"code": ticket})
        return str(answer.json()["outcome"])

    async def phone(
        self, desk: Desk, scanner: dict[str, Any] | None = None, width: int = PHONE[0]
    ) -> Phone:
        """Joined, online, with its camera on; by a scanner of its own unless one is given."""
        context = await desk.context(width=width, permissions=["camera"])
        page = await context.new_page()
        await page.set_viewport_size({"width": width, "height": PHONE[1]})
        phone = Phone(page)
        await phone.open(self.link(scanner or self.scanner()))
        await phone.is_online()
        await phone.camera_on()
        return phone

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = self.shop.organiser.headers
        answer = self.shop.client.request(method, f"{API}/{path}", headers=headers, **options)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer

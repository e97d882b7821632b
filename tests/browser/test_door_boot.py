"""What the door page stands on: it boots without network, reads codes, and runs a camera."""

import asyncio
import base64
import json
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Error, Page

from browser.conftest import needs_reader
from browser.desk import Desk
from browser.shop import Shop
from support.builders import API

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_reader]

MODULES = "/events/static/js/door"
READ = """async address => {
  const { makeDecoder } = await import('/events/static/js/door/decoder.js')
  const picture = new Image()
  picture.src = address
  await picture.decode()
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 480
  canvas.getContext('2d').drawImage(picture, 60, 60, 360, 360)
  const decoder = await makeDecoder()
  const none = await decoder.read(document.createElement('video'))
  return [decoder.kind, none, await decoder.read(canvas)]
}"""
# A camera without hardware, and a log of what `openCamera` says and asks.
CAMERA = """
window.asked = []
window.refusal = ''
window.streams = []
const canvas = document.createElement('canvas')
const pen = canvas.getContext('2d')
setInterval(() => pen.fillRect(0, 0, 64, 64), 20)
navigator.mediaDevices.getUserMedia = async ({ video }) => {
  asked.push(video.deviceId?.exact ?? video.facingMode.ideal)
  if (refusal) throw new DOMException('no', refusal)
  if (video.deviceId?.exact === 'gone') throw new DOMException('no', 'OverconstrainedError')
  const stream = canvas.captureStream(20)
  const track = stream.getVideoTracks()[0]
  track.getCapabilities = () => ({ torch: true })
  track.applyConstraints = async wish => asked.push(wish.advanced[0].torch)
  streams.push(stream)
  return stream
}
navigator.mediaDevices.enumerateDevices = async () => [
  { kind: 'audioinput', deviceId: 'm', label: '' },
  { kind: 'videoinput', deviceId: 'front', label: '' }
]
"""
OPEN = """async () => {
  const { openCamera, eachFrame } = await import('/events/static/js/door/camera.js')
  window.told = []
  window.video = document.createElement('video')
  document.body.append(video)
  window.camera = openCamera(video, { onState: state => told.push(state) })
  window.eachFrame = eachFrame
}"""


async def stored(page: Page) -> bool:
    found = await page.evaluate(f"import('{MODULES}/install.js').then(module => module.stored)")
    return bool(found)


def a_code(shop: Shop, ticket_id: str) -> str:
    answer = shop.client.get(f"{API}/qr/{ticket_id}")
    return "data:image/png;base64," + base64.b64encode(answer.content).decode()


async def go_offline(context: BrowserContext, page: Page) -> None:
    """Without what the browser itself may have kept of the files."""
    session = await context.new_cdp_session(page)
    await session.send("Network.clearBrowserCache")
    await context.set_offline(True)


async def test_the_page_and_its_decoder_boot_without_network_after_one_visit(
    desk: Desk, shop: Shop
) -> None:
    context = await desk.context()
    page = await context.new_page()
    event = shop.an_event()
    await page.goto(f"{shop.url}/events/door/{event}#token")
    assert await stored(page)
    code = a_code(shop, "aTicketOfThatEvent")
    await go_offline(context, page)
    asked: list[str] = []
    page.on("requestfailed", lambda request: asked.append(request.url))
    await page.reload()
    assert await page.locator("h1").count() == 1
    assert await page.evaluate(READ, code) == ["wasm", [], ["ticket://aTicketOfThatEvent"]]
    # Nothing the page is made of was missing; only the API and the manifest are.
    assert [url for url in asked if "/static/" in url] == []
    # An event whose page was never seen cannot be there.
    with pytest.raises(Error, match="net::ERR_"):
        await page.goto(f"{shop.url}/events/door/another")


async def test_pages_of_all_visited_events_are_kept(desk: Desk, shop: Shop) -> None:
    context = await desk.context()
    page = await context.new_page()
    await page.goto(f"{shop.url}/events/door/first")
    assert await stored(page)
    await page.goto(f"{shop.url}/events/door/second")
    await go_offline(context, page)
    for event in ("first", "second"):
        await page.goto(f"{shop.url}/events/door/{event}")
        link = page.locator("link[rel=manifest]")
        assert await link.get_attribute("href") == f"/events/door/{event}/manifest.webmanifest"


KEEP_AN_OLD_RELEASE = """async address => {
  const cache = await caches.open('events-door-old')
  await cache.put('/events/door/kept', new Response('old'))
  await cache.put(address, new Response('known by its hash', { headers: { Vary: 'Origin' } }))
  await cache.put('/events/static/js/door/gone.js?v=1', new Response('old'))
}"""
WHAT_IS_KEPT = """async () => {
  const [name, ...others] = await caches.keys()
  const keys = await (await caches.open(name)).keys()
  return [others.length, keys.map(({ url }) => url.replace(location.origin, ''))]
}"""


async def test_a_new_release_replaces_the_old_one_and_keeps_its_pages(
    desk: Desk, shop: Shop
) -> None:
    context = await desk.context()
    page = await context.new_page()
    worker = shop.client.get("/events/sw.js").text
    files = json.loads(worker.splitlines()[0].removeprefix("const RELEASE = "))["files"]
    icon = next(file for file in files if file.startswith("/events/static/image/door.svg"))
    await page.goto(f"{shop.url}/events/{shop.an_event()}")
    await page.evaluate(KEEP_AN_OLD_RELEASE, icon)
    await page.goto(f"{shop.url}/events/door/open")
    assert await stored(page)
    # The old cache goes when the worker is active, which is a moment after it is ready.
    for _ in range(100):
        others, keys = await page.evaluate(WHAT_IS_KEPT)
        if not others:
            break
        await asyncio.sleep(0.05)
    assert others == 0
    assert sorted(keys) == sorted([*files, "/events/door/kept", "/events/door/open"])
    await go_offline(context, page)
    await page.goto(f"{shop.url}/events/door/kept")
    assert await page.locator("h1").count() == 1
    # What has the same hash is not asked for again.
    kept = await page.evaluate("address => fetch(address).then(answer => answer.text())", icon)
    assert kept == "known by its hash"


NATIVE = """
window.BarcodeDetector = class {
  static async getSupportedFormats() { return %s }
  async detect(source) {
    if (%s) throw new Error('no service')
    if (source.width === 480) return [{ rawValue: 'by the browser' }]
    return []
  }
}
"""
DETECTORS = [
    ("['qr_code', 'ean_13']", "false", "native"),
    ("['ean_13']", "false", "wasm"),
    # The class without the service behind it.
    ("['qr_code']", "true", "wasm"),
    # Works at first.
    ("['qr_code']", "source.width === 480", "failing"),
]


@pytest.mark.parametrize(("formats", "fails", "expected"), DETECTORS)
async def test_the_browsers_own_detector_comes_first_where_it_works(
    desk: Desk, shop: Shop, formats: str, fails: str, expected: str
) -> None:
    page = await desk.page()
    await page.add_init_script(NATIVE % (formats, fails))
    await page.goto(f"{shop.url}/events/door/any")
    found = await page.evaluate(READ, a_code(shop, "aTicket"))
    assert (
        found
        == {
            "native": ["native", [], ["by the browser"]],
            "wasm": ["wasm", [], ["ticket://aTicket"]],
            "failing": ["native", [], []],
        }[expected]
    )


async def test_a_device_that_can_read_no_codes_is_told_so(desk: Desk, shop: Shop) -> None:
    page = await desk.page("/events/door/any")
    code = a_code(shop, "aTicket")
    # Neither detector nor vendored files, then WebAssembly switched off.
    content = "document.querySelector('meta[name=door-decoder]').content"
    address = await page.evaluate(f"{content}")
    await page.evaluate(f"{content} = ''")
    assert await page.evaluate(READ, code) == ["none", [], []]
    await page.evaluate(f"address => {{ {content} = address; delete window.WebAssembly }}", address)
    assert await page.evaluate(READ, code) == ["none", [], []]


async def a_camera(desk: Desk, shop: Shop, more: str = "") -> Page:
    page = await desk.page()
    await page.add_init_script(CAMERA + more)
    await page.goto(f"{shop.url}/events/door/any")
    await page.evaluate(OPEN)
    return page


async def told(page: Page) -> list[str]:
    """What `onState` heard since the last time."""
    said: list[str] = await page.evaluate("told.splice(0)")
    return said


async def test_the_camera_starts_switches_lights_and_stops(desk: Desk, shop: Shop) -> None:
    page = await a_camera(desk, shop)
    await page.evaluate("camera.start()")
    assert await told(page) == ["starting", "live"]
    devices = await page.evaluate("camera.devices")
    assert devices == [{"id": "front", "label": "Camera 1"}]
    assert await page.evaluate("[camera.hasTorch, camera.torch(true)].at(0)") is True
    await page.evaluate("camera.switchTo('front')")
    assert await page.evaluate("asked.splice(0)") == ["environment", True, "front"]
    # The one before is let go, and the choice is remembered.
    assert await page.evaluate("streams.map(stream => stream.active)") == [False, True]
    await page.evaluate("camera.stop()")
    assert await told(page) == ["starting", "live", "stopped"]
    assert await page.evaluate("video.srcObject") is None
    assert await page.evaluate("camera.hasTorch") is False
    assert await page.evaluate("camera.torch(true)") is False
    await page.evaluate("camera.start()")
    assert await page.evaluate("asked.splice(0)") == ["front"]
    # A camera that is gone is no reason to show none.
    await page.evaluate("camera.switchTo('gone')")
    assert await page.evaluate("asked.splice(0)") == ["gone", "environment"]
    assert (await told(page))[-1] == "live"


async def test_only_the_last_of_hasty_starts_and_stops_counts(desk: Desk, shop: Shop) -> None:
    page = await a_camera(desk, shop)
    await page.evaluate("Promise.all([camera.start(), camera.start(), camera.switchTo('front')])")
    assert await page.evaluate("streams.filter(stream => stream.active).length") == 1
    assert (await told(page)).count("live") == 1
    await page.evaluate(
        "(async () => { const start = camera.start(); camera.stop(); await start })()"
    )
    assert await page.evaluate("streams.some(stream => stream.active)") is False
    assert (await told(page))[-1] == "stopped"


REFUSALS = [
    ("NotAllowedError", "denied"),
    ("NotFoundError", "missing"),
    ("NotReadableError", "busy"),
    ("TypeError", "failed"),
]


async def test_each_reason_for_having_no_picture_has_its_word(desk: Desk, shop: Shop) -> None:
    page = await a_camera(desk, shop)
    for refusal, word in REFUSALS:
        await page.evaluate("name => { refusal = name }", refusal)
        await page.evaluate("camera.start()")
        assert await told(page) == ["starting", word]
    await page.evaluate("refusal = ''; camera.start()")
    assert await told(page) == ["starting", "live"]
    await page.evaluate("streams.at(-1).getTracks()[0].dispatchEvent(new Event('ended'))")
    assert await told(page) == ["lost"]
    # Plugged in again.
    await page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    await page.wait_for_function("() => told.includes('live')")
    page = await a_camera(
        desk, shop, "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
    )
    await page.evaluate("camera.start()")
    await page.evaluate("Object.defineProperty(window, 'isSecureContext', { value: false })")
    await page.evaluate("camera.start()")
    assert await told(page) == ["missing", "insecure"]


async def test_frames_come_one_at_a_time_until_told_to_end(desk: Desk, shop: Shop) -> None:
    page = await a_camera(desk, shop)
    await page.evaluate("camera.start()")
    found: Any = await page.evaluate(
        """async () => {
          let running = 0, most = 0, count = 0
          await new Promise(resolve => {
            const end = eachFrame(video, async () => {
              most = Math.max(most, ++running)
              await new Promise(done => setTimeout(done, 5))
              running -= 1
              count += 1
              if (count === 3) {
                end()
                setTimeout(resolve, 200)
              }
            })
          })
          return [most, count]
        }"""
    )
    assert found == [1, 3]

"""The door page as the host serves it: headers, files, manifest, worker, and the old address."""

import hashlib
import json
import re
import runpy
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.builders import an_event
from support.host import REPO, ext
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "/events/door/any-event"
DECODER = r'<meta name="door-decoder" content="([^"]*)">'


async def text_of(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def release(client: httpx.AsyncClient) -> dict[str, Any]:
    """What the server puts in front of the worker."""
    first = (await text_of(client, "/events/sw.js")).splitlines()[0]
    found: dict[str, Any] = json.loads(first.removeprefix("const RELEASE = "))
    return found


async def test_the_door_page_lets_in_webassembly_and_its_own_import_map_but_nothing_else(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get(PAGE)
    assert answer.status_code == 200
    inline = re.findall(r"<script(?![^>]* src=)([^>]*)>(.*?)</script>", answer.text, re.DOTALL)
    assert [attributes for attributes, _ in inline] == [' type="importmap"']
    digest = b64encode(hashlib.sha256(inline[0][1].encode()).digest()).decode()
    rules = dict(
        rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; ")
    )
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'self' 'wasm-unsafe-eval' 'sha256-{digest}'"
    assert rules["style-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    assert not re.search(r"<style|<[^>]+ (style|on[a-z]+)=", answer.text)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-robots-tag"] == "noindex"


async def test_the_door_page_is_the_same_for_every_event_and_tells_nothing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, name="Hush", status="draft")
    page = await text_of(client, f"/events/door/{event['id']}")
    assert "Hush" not in page
    assert page.replace(event["id"], "any-event") == await text_of(client, PAGE)
    for path in ("/events/door/a%20b", "/events/door/%00", f"/events/door/{'x' * 500}"):
        assert (await client.get(path)).status_code == 404


async def test_every_module_has_an_address_with_its_contents_hash(
    client: httpx.AsyncClient,
) -> None:
    """Also what modules import from each other; otherwise a browser mixes two releases."""
    page = await text_of(client, PAGE)
    found = re.search(r'<script type="importmap">(.*?)</script>', page)
    assert found
    imports = json.loads(found[1])["imports"]
    modules = {
        f"/events/static/js/door/{path.name}" for path in (REPO / "static/js/door").iterdir()
    }
    assert modules - {"/events/static/js/door/sw.js"} <= set(imports)
    for path, address in imports.items():
        text = (REPO / path.removeprefix("/events/")).read_bytes()
        assert address == f"{path}?v={hashlib.sha256(text).hexdigest()[:12]}"
    # Before any module: a map that comes later is not obeyed.
    assert page.index("importmap") < page.index('type="module"')
    for name in re.findall(r'(?:href|src)="(/events/static/[^"]+)"', page):
        assert re.fullmatch(r".+\?v=[0-9a-f]{12}", name)
        assert (await client.get(name)).status_code == 200


async def test_the_worker_keeps_every_file_of_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/events/sw.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["service-worker-allowed"] == "/events/door/"
    assert answer.headers["cache-control"] == "no-cache"
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
    page = await text_of(client, PAGE)
    known = await release(client)
    assert f'<meta name="door-version" content="{known["version"]}">' in page
    assert set(known["files"]) == set(re.findall(r'/events/static/[^"]+', page)) - paths_of(page)
    kept = {address.split("?")[0].removeprefix("/events/static/") for address in known["files"]}
    wanted = {"js/door/decoder.js", "js/door/camera.js", "js/door/install.js", "image/door.svg"}
    assert wanted <= kept
    if (REPO / "static/vendor").is_dir():
        zxing = ("reader/index.js", "reader/zxing_reader.wasm", "share.js")
        assert {f"vendor/zxing-wasm/{name}" for name in zxing} <= kept
    for address in known["files"]:
        assert (await client.get(address)).status_code == 200


def paths_of(page: str) -> set[str]:
    """The left side of the import map: what modules say, never what is asked for."""
    found = re.search(r'<script type="importmap">(.*?)</script>', page)
    return set(json.loads(found[1])["imports"]) if found else set()


async def test_a_changed_file_makes_another_release(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await release(client)
    views: Any = ext("views_door")
    real = views.asset

    def changed(path: str) -> str:
        address: str = real(path)
        return address[:-1] + "0f"[address.endswith("0")] if path.endswith("camera.js") else address

    monkeypatch.setattr(views, "asset", changed)
    after = await release(client)
    assert after["version"] != before["version"]
    assert len(set(after["files"]) ^ set(before["files"])) == 2


async def test_the_manifest_makes_the_page_of_one_event_installable(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, name='Söhne & "Töchter" </script>')
    path = f"/events/door/{event['id']}"
    assert f'<link rel="manifest" href="{path}/manifest.webmanifest">' in await text_of(
        client, path
    )
    answer = await client.get(f"{path}/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert manifest["name"] == 'Door: Söhne & "Töchter" </script>'
    assert (manifest["start_url"], manifest["scope"], manifest["id"]) == (path, path, path)
    assert manifest["display"] == "standalone"
    assert [icon["sizes"] for icon in manifest["icons"]] == ["192x192", "512x512"]
    for icon in manifest["icons"]:
        picture = await client.get(icon["src"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    draft = await an_event(client, organiser, name="Hush", status="draft")
    for hidden in (draft["id"], "no-such-event"):
        answer = await client.get(f"/events/door/{hidden}/manifest.webmanifest")
        assert answer.json()["name"] == "Door"
    assert (await client.get("/events/door/a%20b/manifest.webmanifest")).status_code == 404


async def test_the_door_page_of_1_6_9_leads_to_ours(client: httpx.AsyncClient) -> None:
    answer = await client.get("/events/register/any-event")
    assert answer.status_code == 303
    assert answer.headers["location"] == PAGE
    assert (await client.get("/events/register/a%20b")).status_code == 404


async def test_a_source_tree_without_vendored_files_has_a_door_page_without_them(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Browsers that can read codes themselves still do; others are told (decoder.js)."""
    for folder in ("js", "image", "css"):
        (tmp_path / folder).symlink_to(REPO / "static" / folder)
    monkeypatch.setattr(ext("views_door"), "_STATIC", tmp_path)
    page = await text_of(client, PAGE)
    assert re.search(DECODER, page)
    assert re.findall(DECODER, page) == [""]
    assert "vendor" not in page
    known = await release(client)
    assert known["files"]
    assert not [address for address in known["files"] if "vendor" in address]


async def test_the_bundle_brings_what_the_lock_file_names() -> None:
    bundle = runpy.run_path(str(REPO / "dev" / "bundle.py"))
    left_out = bundle["left_out"]
    assert left_out("package.json")
    assert left_out("package-lock.json")
    assert not left_out("static/js/door/sw.js")
    lock = json.loads((REPO / "package-lock.json").read_text())["packages"]
    wanted = json.loads((REPO / "package.json").read_text())["dependencies"]
    # Exact, and hashed: whichever registry answers, it is this file or none.
    assert wanted == {"zxing-wasm": lock["node_modules/zxing-wasm"]["version"]}
    assert all(entry["integrity"].startswith("sha512-") for name, entry in lock.items() if name)
    assert not [name for name, entry in lock.items() if "resolved" in entry]

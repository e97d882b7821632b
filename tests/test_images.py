"""Pictures of ticket types: judged by content, drawn anew, kept by the host, deleted with them."""

from collections.abc import AsyncIterator
from io import BytesIO

import httpx
import pytest
from PIL import Image

from support.builders import API, Json, an_event, eventually, rows
from support.host import ext
from support.people import Person, a_person
from support.pictures import (
    bad_pictures,
    encoded,
    noted_png,
    phone_jpeg,
    picture,
    turned_jpeg,
    two_halves,
)
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def an_organiser_without_bounds() -> Person:
    """The host bounds the pictures of everybody but these."""
    from lnbits.settings import settings

    person = await a_person()
    settings.lnbits_assets_no_limit_users = [*settings.lnbits_assets_no_limit_users, person.id]
    return person


async def a_place(client: httpx.AsyncClient, organiser: Person) -> str:
    """Where the picture of the one package of a new event is put."""
    event = await an_event(client, organiser)
    return f"{API}/events/{event['id']}/packages/{event['packages'][0]['id']}"


async def put(
    client: httpx.AsyncClient, url: str, raw: bytes, person: Person, name: str = "file"
) -> httpx.Response:
    files = {name: ("x.jpg", raw, "image/jpeg")}
    return await client.put(f"{url}/image", files=files, headers=person.admin)


async def shown(client: httpx.AsyncClient, package: Json) -> Image.Image:
    answer = await client.get(package["image_url"])
    assert answer.status_code == 200, answer.text
    return Image.open(BytesIO(answer.content))


async def assets(person: Person) -> int:
    from lnbits.core.crud.assets import get_user_assets_count

    return int(await get_user_assets_count(person.id))


async def test_pictures_are_drawn_anew_and_shown_to_everybody(client: httpx.AsyncClient) -> None:
    organiser = await an_organiser_without_bounds()
    url = await a_place(client, organiser)
    clear = two_halves().convert("RGBA")
    clear.putalpha(0)
    for raw, kind, size in (
        (picture("PNG"), "PNG", (64, 32)),
        (picture("JPEG"), "JPEG", (64, 32)),
        (picture("WEBP"), "JPEG", (64, 32)),
        (phone_jpeg(), "JPEG", (64, 32)),
        (encoded(clear, "WEBP"), "PNG", (64, 32)),
        (encoded(two_halves().convert("P"), "PNG"), "PNG", (64, 32)),
        (encoded(two_halves().convert("CMYK"), "JPEG"), "JPEG", (64, 32)),
        (picture("JPEG", 4000, 2000), "JPEG", (1600, 800)),
    ):
        answer = await put(client, url, raw, organiser)
        assert answer.status_code == 200, answer.text
        assert answer.json()["image_url"].startswith("/api/v1/assets/")
        image = await shown(client, answer.json())
        assert (image.format, image.size) == (kind, size)
        assert image.convert("RGB").tobytes()[0] > 250
    assert await assets(organiser) == 1, "each picture takes the place of the one before"


def strongest(image: Image.Image, y: int) -> str:
    """The colour at that height."""
    red, _, blue = image.convert("RGB").resize((1, image.height)).tobytes()[y * 3 : y * 3 + 3]
    return "red" if red > blue else "blue"


async def test_what_a_camera_notes_is_applied_and_dropped(client: httpx.AsyncClient) -> None:
    organiser = await an_organiser_without_bounds()
    url = await a_place(client, organiser)
    turned = await shown(client, (await put(client, url, turned_jpeg(), organiser)).json())
    assert turned.size == (32, 64)
    assert [strongest(turned, y) for y in (4, 60)] == ["red", "blue"]
    assert not turned.getexif()
    for raw in (turned_jpeg(), noted_png()):
        package = (await put(client, url, raw, organiser)).json()
        stored = (await client.get(package["image_url"])).content
        assert b"business" not in stored
        assert b"at home" not in stored


@pytest.mark.parametrize("name", sorted(bad_pictures()))
async def test_what_is_not_one_whole_still_picture_is_refused(
    client: httpx.AsyncClient, organiser: Person, name: str
) -> None:
    url = await a_place(client, organiser)
    before = await assets(organiser)
    async with nothing_written():
        answer = await put(client, url, bad_pictures()[name], organiser)
        assert assert_refused(answer, 400) == "invalid_image"
    assert await assets(organiser) == before


async def test_what_is_not_a_picture_in_a_form_is_refused(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    url = await a_place(client, organiser)
    async with nothing_written():
        too_big = picture("JPEG") + b"\0" * (5 * 1024 * 1024)
        for answer in (
            await put(client, url, too_big, organiser),
            await put(client, url, too_big * 3, organiser),
            await put(client, url, picture(), organiser, name="picture"),
            await client.put(f"{url}/image", content=picture(), headers=organiser.admin),
            await client.put(f"{url}/image", json={"file": "x"}, headers=organiser.admin),
            await client.put(f"{url}/image", data={"file": "x"}, headers=organiser.admin),
            await client.put(f"{url}/image", headers=organiser.admin),
        ):
            assert assert_refused(answer, 400) == "invalid_image"
        broken = {**organiser.admin, "Content-Type": "multipart/form-data; boundary=x"}
        answer = await client.put(f"{url}/image", content=b"--y\r\n\r\n", headers=broken)
        assert_refused(answer, 400)


async def test_a_body_without_an_end_is_cut_off(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """It says no length: what comes is counted, and the rest is not read."""
    url, sent = await a_place(client, organiser), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        while sent < 100 * 2**20:
            sent += 2**20
            yield b"\0" * 2**20

    headers = {**organiser.admin, "Content-Type": "multipart/form-data; boundary=x"}
    answer = await client.put(f"{url}/image", content=endless(), headers=headers)
    assert assert_refused(answer, 400) == "invalid_image"


async def test_a_foreign_key_stores_nothing(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    url = await a_place(client, organiser)
    async with nothing_written():
        assert_refused(await put(client, url, picture(), other_organiser), 403)
        nobody = await client.put(f"{url}/image", files={"file": ("x", picture())})
        assert_refused(nobody, 401)
        missing = url.rsplit("/", 1)[0] + "/none"
        assert_refused(await put(client, missing, picture(), organiser), 404)
        assert_refused(await client.delete(f"{missing}/image", headers=organiser.admin), 404)
    assert await assets(other_organiser) == 0


async def test_the_host_bounds_pictures_per_user(client: httpx.AsyncClient) -> None:
    organiser = await a_person()
    urls = [await a_place(client, organiser) for _ in range(11)]
    for url in urls[:10]:
        assert (await put(client, url, picture(), organiser)).status_code == 200
    async with nothing_written():
        refused = await put(client, urls[10], picture(), organiser)
        assert assert_refused(refused, 400) == "image_refused"
    gone = await client.delete(f"{urls[0]}/image", headers=organiser.admin)
    assert gone.status_code == 204
    assert (await put(client, urls[10], picture(), organiser)).status_code == 200
    assert await assets(organiser) == 10


async def test_a_picture_goes_with_its_package_and_its_event(client: httpx.AsyncClient) -> None:
    organiser = await a_person()
    url = await a_place(client, organiser)
    package = (await put(client, url, picture(), organiser)).json()
    assert (await client.delete(f"{url}/image", headers=organiser.admin)).status_code == 204
    assert (await client.get(package["image_url"])).status_code == 404
    assert (await put(client, url, picture(), organiser)).status_code == 200
    assert (await client.delete(url, headers=organiser.admin)).status_code == 204
    assert await assets(organiser) == 0
    url = await a_place(client, organiser)
    assert (await put(client, url, picture(), organiser)).status_code == 200
    event_url = url.rsplit("/", 2)[0]
    assert (await client.delete(event_url, headers=organiser.admin)).is_success

    async def all_gone() -> bool:
        return await assets(organiser) == 0

    await eventually(all_gone)


async def test_a_picture_that_cannot_be_shown_is_not_kept(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package is deleted while the host stores its picture."""
    organiser = await a_person()
    url = await a_place(client, organiser)
    images, real = ext("catalog.images"), ext("catalog.images").create_user_asset

    async def store_late(*arguments: object, **more: object) -> object:
        stored = await real(*arguments, **more)
        assert (await client.delete(url, headers=organiser.admin)).status_code == 204
        return stored

    monkeypatch.setattr(images, "create_user_asset", store_late)
    assert_refused(await put(client, url, picture(), organiser), 404)
    assert await assets(organiser) == 0


async def test_each_change_of_a_picture_is_on_record(client: httpx.AsyncClient) -> None:
    organiser = await a_person()
    url = await a_place(client, organiser)
    package = (await put(client, url, picture(), organiser)).json()
    await client.delete(f"{url}/image", headers=organiser.admin)
    found = await rows(
        "SELECT field, old, new, actor FROM events.audit WHERE entity_id = :id AND"
        " field = 'image_url' ORDER BY at, id",
        id=package["id"],
    )
    said = f'"{package["image_url"]}"'
    actor = f"admin_key:{organiser.wallet}"
    assert [tuple(row.values()) for row in found] == [
        ("image_url", None, said, actor),
        ("image_url", said, None, actor),
    ]

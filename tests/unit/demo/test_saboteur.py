"""Sabotage does exactly one thing wrong to the chosen dossier and leaves all other calls alone."""

import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from lienthong.testing.simulator import running
from lienthong_connectors.demo.sabotage import Sabotage, choose_target
from lienthong_connectors.demo.saboteur import Saboteur

TARGET = "H57.21-261005-0001"


def write(code, marker, *, is_update=True):
    """Return the body of a write."""
    record = {"MaHoSo": code, "ChuHoSo": "Nguyễn Thị Thử", "GhiChu": marker}
    return {"service": "DongBoHoSoMC", "isUpdating": str(is_update), "data": [record]}


@asynccontextmanager
async def sabotaged(kind):
    """Give a client that calls through the saboteur, and what the portal behind it received."""
    received = []

    async def take(request):
        """Note what arrives."""
        received.append((await request.json())["data"][0]["GhiChu"])
        return web.json_response({"error_code": 0})

    portal = web.Application()
    portal.router.add_post("/integration", take)
    async with running(portal) as url:
        saboteur = Saboteur(url, kind, TARGET)
        proxy = web.Application()
        proxy.on_startup.append(saboteur.open)
        proxy.on_cleanup.append(saboteur.close)
        proxy.router.add_route("*", "/{path:.*}", saboteur.handle)
        async with running(proxy) as proxy_url, aiohttp.ClientSession(proxy_url) as session:

            async def send(*bodies):
                """Call as the hub does."""
                for body in bodies:
                    async with session.post("/integration", json=body) as answer:
                        assert answer.status == 200
                        assert (await answer.json())["error_code"] == 0

            yield send, received


@pytest.mark.parametrize(
    ("kind", "arrived"),
    [
        (Sabotage.LOSE, ["other", "create", "second", "third"]),
        (Sabotage.REPEAT, ["other", "create", "first", "first", "second", "third"]),
        (Sabotage.REORDER, ["other", "create", "second", "first", "third"]),
        (Sabotage.LEAK, ["other", "create", "first", "second", "third"]),
    ],
)
async def test_one_thing_goes_wrong(kind, arrived, capsys):
    """The hub is told that all went well, and the portal sees it otherwise, once."""
    async with sabotaged(kind) as (send, received):
        await send(
            write("H57.21-261005-0002", "other"),
            write(TARGET, "create", is_update=False),
            *(write(TARGET, marker) for marker in ("first", "second", "third")),
        )

    assert received == arrived
    leaked = capsys.readouterr().out
    assert bool(leaked) == (kind is Sabotage.LEAK)
    if leaked:
        assert json.loads(leaked)["owner"] == "Nguyễn Thị Thử"


def test_the_chosen_dossier_has_two_updates(expected):
    """Two snapshots can only be exchanged where there are two."""
    target = choose_target(expected)

    assert expected.dossiers[target].updates >= 2
    assert not expected.dossiers[target].verification_link

"""A proxy before the portal that does one thing wrong on purpose, to prove that the demonstration would see it."""

import asyncio
import json
import signal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
import orjson
from aiohttp import ClientSession, web

from lienthong_connectors.demo.sabotage import Sabotage

_WRITE = "DongBoHoSoMC"
_HOP_BY_HOP = frozenset({"host", "content-length", "transfer-encoding", "connection", "date", "server"})
#: Together longer than the portal's outage, and shorter than the hub waits for an answer.
_REPEATS, _REPEAT_SECONDS = 40, 0.2
#: What the portal answers to a record that it took.
_SUCCESS = {"error_code": 0, "message": "Đồng bộ hồ sơ thành công"}


class Saboteur:
    """Hands calls on to the portal, with one exception.

    Args:
        portal: Base URL of the portal.
        kind: What goes wrong.
        target: Code of the dossier that it goes wrong for.

    Delivery:
        ``lose`` claims success for one update and hands nothing on; ``repeat`` hands one update on twice; ``reorder``
        hands one update on after the next write of its dossier; ``leak`` writes the owner's name into its own log.
    """

    def __init__(self, portal: str, kind: Sabotage, target: str) -> None:
        self._portal = portal
        self._kind = kind
        self._target = target
        self._is_done = False
        self._held: tuple[web.Request, bytes] | None = None
        self._session: ClientSession | None = None

    async def open(self, application: web.Application) -> None:
        """Prepare the client.

        Args:
            application: The proxy.
        """
        del application
        self._session = ClientSession()

    async def close(self, application: web.Application) -> None:
        """Release the client.

        Args:
            application: The proxy.
        """
        del application
        if self._session is not None:
            await self._session.close()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one call.

        Args:
            request: Any call to the portal.
        """
        body = await request.read()
        record = self._record(body)
        if record is None:
            return await self._forward(request, body)
        if self._held is not None:
            answer = await self._forward(request, body)
            if _is_taken(answer):
                held, self._held = self._held, None
                await self._forward(*held)
            return answer
        if self._is_done or not record["is_update"]:
            return await self._forward(request, body)
        return await self._spoil(request, body, record)

    async def _spoil(self, request: web.Request, body: bytes, record: dict[str, Any]) -> web.Response:
        if self._kind in {Sabotage.LOSE, Sabotage.REORDER}:
            self._is_done = True
            if self._kind is Sabotage.REORDER:
                self._held = (request, body)
            return web.json_response(_SUCCESS)
        answer = await self._forward(request, body)
        if _is_taken(answer):
            self._is_done = True
            if self._kind is Sabotage.REPEAT:
                await self._repeat(request, body)
            else:
                click.echo(json.dumps({"event": "record_forwarded", "owner": record["owner"]}))
        return answer

    async def _repeat(self, request: web.Request, body: bytes) -> None:
        """Hand a call on again until it is taken: the outage or the storm may begin in between."""
        for _ in range(_REPEATS):
            if _is_taken(await self._forward(request, body)):
                return
            await asyncio.sleep(_REPEAT_SECONDS)

    def _record(self, body: bytes) -> dict[str, Any] | None:
        """Return what matters of a write of the chosen dossier, or None for every other call."""
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        if document.get("service") != _WRITE:
            return None
        first = document["data"][0]
        if first["MaHoSo"] != self._target:
            return None
        return {"is_update": document["isUpdating"] == "True", "owner": first["ChuHoSo"]}

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        if self._session is None:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method, f"{self._portal}{request.path_qs}", data=body, headers=headers
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


def _is_taken(answer: web.Response) -> bool:
    """Return whether the portal took a record: a maintenance page and a session that ended come with status 200 too."""
    try:
        document = orjson.loads(answer.body if isinstance(answer.body, bytes) else b"")
    except orjson.JSONDecodeError:
        return False
    return answer.status == HTTPStatus.OK and str(document.get("error_code")) in {"0", "00"}


@click.command()
@click.option("--port", type=int, required=True, help="Port to listen on.")
@click.option("--portal", required=True, help="Base URL of the portal.")
@click.option("--kind", type=click.Choice([each.value for each in Sabotage]), required=True, help="What goes wrong.")
@click.option("--target", required=True, help="Code of the dossier.")
@click.option("--ready-file", type=click.Path(path_type=Path), required=True, help="Written when it listens.")
def main(port: int, portal: str, kind: str, target: str, ready_file: Path) -> None:
    """Run the saboteur until SIGTERM."""
    asyncio.run(_serve(Saboteur(portal, Sabotage(kind), target), port, ready_file))


async def _serve(saboteur: Saboteur, port: int, ready_file: Path) -> None:
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.on_startup.append(saboteur.open)
    application.on_cleanup.append(saboteur.close)
    application.router.add_route("*", "/{path:.*}", saboteur.handle)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        draft = ready_file.with_suffix(".draft")
        draft.write_text(json.dumps({"url": f"http://127.0.0.1:{port}"}), encoding="utf-8")
        draft.replace(ready_file)
        await stop.wait()
    finally:
        await runner.cleanup()

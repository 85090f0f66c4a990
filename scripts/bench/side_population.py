"""The limit of a campaign: a bare aiohttp loop that asks the same questions; no order, no retry, no access log.

Arguments: URL of the simulator, the file of people, number of questions.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import uvloop

from lienthong_connectors.population.payload import Asker, build_lookup
from lienthong_connectors.population.transport import XML_HEADERS, authorization
from lienthong_schemas.identity import PersonIdentityQuery

_IN_FLIGHT = 100


def _bodies(people: Path, number: int) -> list[bytes]:
    found: list[bytes] = []
    with people.open(encoding="utf-8") as lines:
        for line in lines:
            if len(found) == number:
                break
            person = json.loads(line)
            query = PersonIdentityQuery.model_validate_json(
                json.dumps(
                    {
                        "identifiers": [{"type": "personal_id", "value": person["personal_id"]}],
                        "full_name": person["full_name"],
                        "birth_date": person["birth"][:4],
                        "unit_code": "H57",
                    }
                )
            )
            found.append(build_lookup(query, Asker(uuid4().hex, "VPCP", "037", "H57", "CB-1", "")).envelope())
    return found


async def main() -> None:
    """Ask everything once and report."""
    url, people, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    bodies = _bodies(people, number)
    waiting: Iterator[bytes] = iter(bodies)
    timestamp = str(int(time.time() * 1000))  # noqa: TID251 - signs for the simulator, which looks at its own clock
    headers = {
        **XML_HEADERS,
        "Timestamp": timestamp,
        "Authorization": authorization("/dc/tracuu", "hub", timestamp, "s3cret"),
    }

    async def work(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with session.post(f"{url}/dc/tracuu", data=body, headers=headers) as response:
                await response.read()
                response.raise_for_status()

    connector = aiohttp.TCPConnector(limit=_IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        began = time.monotonic()
        await asyncio.gather(*(work(session) for _ in range(_IN_FLIGHT)))
        seconds = time.monotonic() - began
    print(json.dumps({"records": len(bodies), "records_per_second": len(bodies) / seconds}))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

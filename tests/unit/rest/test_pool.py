"""Connections of one client, against a server on the loopback address that counts them."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import httpx
import pytest

from lienthong.rest.pool import ConnectionPool, Origin

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HEAD = b"POST / HTTP/1.1\r\nHost: target\r\nContent-Length: 0\r\n\r\n"


class Target:
    """A server that answers each request when it is allowed to."""

    def __init__(self):
        self.connections = 0
        self.closed = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def serve(self, reader, writer):
        """Answer until the other side closes."""
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await self.may_answer.wait()
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed += 1
        finally:
            writer.close()


@asynccontextmanager
async def serving(target):
    """Serve, and give where."""
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    try:
        yield Origin("127.0.0.1", server.sockets[0].getsockname()[1], is_secure=False)
    finally:
        server.close()


def make(most=2, **options):
    """Return a pool."""
    return ConnectionPool(ssl.create_default_context(), most, **options)


async def until(condition):
    """Let others work until something is so."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came about")


async def ask(pool, origin, wait_seconds=5.0):
    """Call once."""
    connection = await pool.take(origin, 5.0, wait_seconds)
    try:
        return await connection.send(HEAD, b"")
    finally:
        pool.give_back(origin, connection)


async def test_a_free_connection_is_used_again():
    """A hundred calls one after the other cost one connection."""
    target = Target()
    async with serving(target) as origin:
        pool = make()
        for _ in range(100):
            assert (await ask(pool, origin)).status == 200
        assert target.connections == 1
        pool.close()


async def test_more_calls_than_connections_wait_for_their_turn():
    """The limit holds, nobody is forgotten, and nobody overtakes."""
    target, done = Target(), []
    async with serving(target) as origin:
        pool = make()

        async def one(number):
            await ask(pool, origin)
            done.append(number)

        target.may_answer.clear()
        tasks = [asyncio.create_task(one(number)) for number in range(20)]
        await until(lambda: target.connections == 2)
        target.may_answer.set()
        await asyncio.gather(*tasks)
        assert sorted(done) == list(range(20))
        assert [number for number in done if number % 2] == list(range(1, 20, 2))
        assert target.connections == 2
        pool.close()


async def test_a_turn_that_does_not_come_is_given_up_and_lost_to_nobody():
    """The one who gave up takes no place, also when the turn came in the moment of giving up."""
    target = Target()
    async with serving(target) as origin:
        pool = make(1)
        held = await pool.take(origin, 5.0, 5.0)
        with pytest.raises(httpx.PoolTimeout):
            await ask(pool, origin, wait_seconds=0.01)
        waiting = asyncio.create_task(ask(pool, origin))
        await asyncio.sleep(0)
        pool.give_back(origin, held)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await ask(pool, origin)).status == 200
        pool.close()


async def test_a_cancelled_call_takes_its_connection_with_it():
    """Its answer may still come; the next call gets another connection and the place is free."""
    target = Target()
    async with serving(target) as origin:
        pool = make(1)
        target.may_answer.clear()
        call = asyncio.create_task(ask(pool, origin))
        await until(lambda: target.connections)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        target.may_answer.set()
        assert (await ask(pool, origin)).status == 200
        assert target.connections == 2
        pool.close()


async def test_a_connection_that_the_target_closed_meanwhile_is_not_used():
    """A write is not sent into a connection of which is known that it is gone."""
    target = Target()
    async with serving(target) as origin:
        pool = make()
        await ask(pool, origin)
        connection = pool._idle[origin][0]
        connection._transport.abort()
        await until(lambda: not connection.is_usable)
        assert (await ask(pool, origin)).status == 200
        assert target.connections == 2
        pool.close()


async def test_a_connection_is_closed_before_the_target_does_it():
    """What nobody has used for a while is not trusted any more, and not kept open."""
    target = Target()
    async with serving(target) as origin:
        pool = make(keep_alive_seconds=0.05)
        await asyncio.gather(ask(pool, origin), ask(pool, origin))
        await until(lambda: target.closed == 2)
        assert not any(pool._idle.values())
        assert (await ask(pool, origin)).status == 200
        assert target.connections == 3
        pool.close()


async def test_a_refused_connection_takes_no_place(unused_tcp_port):
    """After a target was away, as many calls run as before."""
    origin = Origin("127.0.0.1", unused_tcp_port, is_secure=False)
    pool = make(1)
    for _ in range(3):
        with pytest.raises(httpx.ConnectError):
            await ask(pool, origin)
    assert pool._free == 1


async def test_closing_ends_the_calls_under_way():
    """A worker that stops waits for no target."""
    target = Target()
    async with serving(target) as origin:
        pool = make()
        target.may_answer.clear()
        call = asyncio.create_task(ask(pool, origin))
        await until(lambda: target.connections)
        await asyncio.sleep(0.01)
        pool.close()
        with pytest.raises(httpx.ReadError):
            await call

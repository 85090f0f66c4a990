"""Faults of the line between workers and broker."""

from scripts.fault.arena import Needs
from scripts.fault.case import case
from scripts.fault.stage import Stage

_PROXIED = Needs(is_proxied=True)


@case("network-cut", "connections between workers and broker cut and refused", _PROXIED)
def network_cut(stage: Stage) -> None:
    """Cut the line for longer than a session lives."""
    arena, proxy = stage.arena, stage.proxy
    arena.await_share(0.3)
    proxy.cut()
    arena.wait(stage.seconds(8, 30))
    proxy.mend()
    arena.heal()
    if proxy.cut_connections and proxy.refused_connections:
        arena.inject(f"{proxy.cut_connections} connections cut, {proxy.refused_connections} refused")


@case("network-freeze", "packets between workers and broker vanish", _PROXIED)
def network_freeze(stage: Stage) -> None:
    """Keep the connections and let nothing through."""
    arena, proxy = stage.arena, stage.proxy
    arena.await_share(0.3)
    proxy.freeze()
    arena.wait(stage.seconds(9, 60))
    proxy.mend()
    arena.heal()
    if proxy.delayed_pieces:
        arena.inject(f"{proxy.delayed_pieces} pieces held back")


@case("network-delay", "every packet between workers and broker takes 300 ms", _PROXIED)
def network_delay(stage: Stage) -> None:
    """Slow the line down."""
    arena, proxy = stage.arena, stage.proxy
    arena.await_share(0.3)
    proxy.delay(0.3)
    arena.wait(stage.seconds(6, 60))
    proxy.mend()
    arena.heal()
    if proxy.delayed_pieces:
        arena.inject(f"{proxy.delayed_pieces} pieces held back")

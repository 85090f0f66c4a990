"""The committed OpenAPI document is what the gateway serves."""

from pathlib import Path
from typing import Any

import orjson
from click.testing import CliRunner

from lienthong.cli.gateway import gateway as command
from lienthong.gateway.openapi import rendered
from lienthong.gateway.problems import PROBLEMS

COMMITTED = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
_GUIDES = ("publish.md", "ask-at-the-counter.md", "receive-a-webhook.md", "link-vneid-accounts.md")
GUIDES = [Path(__file__).parents[3] / "docs" / "how-to" / name for name in _GUIDES]


def test_committed_document_is_up_to_date() -> None:
    """`lienthong gateway --print-openapi` prints the committed file."""
    printed = CliRunner().invoke(command, ["--print-openapi"], obj=None)

    assert printed.exit_code == 0
    assert printed.output == rendered()
    assert COMMITTED.read_text(encoding="utf-8") == rendered()


async def test_served_document_is_openapi_3_1_and_names_every_problem(gateway: Any) -> None:
    """The served document describes every status that the gateway gives."""
    document = (await gateway.client.get("/openapi.json")).json()

    text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
    general = {"not_found", "method_not_allowed"}
    assert document["openapi"].startswith("3.1")
    assert [code for code in PROBLEMS if f"`{code}`" not in text and code not in general] == []
    assert set(document["paths"]) == {
        "/v1/events",
        "/v1/events:bulk",
        "/v1/events/{event_id}",
        "/v1/lookups/{type}",
        "/v1/webhooks/{source}",
        "/v1/sign-ins",
        "/v1/sign-ins/start",
        "/v1/sign-ins/callback",
        "/v1/sign-ins/result",
        "/healthz",
    }


def test_guide_explains_every_problem() -> None:
    """The how-to pages have a row for every code that a publisher, an official or a platform can meet."""
    text = "".join(guide.read_text(encoding="utf-8") for guide in GUIDES)

    assert [code for code in PROBLEMS if f"`{code}`" not in text] == []

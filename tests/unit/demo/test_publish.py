"""What the publishing systems of the demonstration send."""

import pytest

from lienthong.envelope import from_json, from_kafka
from lienthong.errors import DecodeError
from lienthong_connectors.demo.publish import headers_of, line_of


def test_a_line_of_the_bulk_stream_holds_the_event_as_it_is(scenario):
    """Good events arrive with attributes and data unchanged; broken ones stay broken and stay one line."""
    broken = 0
    for event in scenario.events():
        line = line_of(event)
        assert line.count(b"\n") == 1
        if event.defect.endswith((".not_json", ".invalid_utf8")):
            broken += 1
            with pytest.raises(DecodeError):
                from_json(line)
            continue
        read = from_json(line)
        assert read.attributes == event.attributes
        assert (read.data is None) == (event.data is None)
    assert broken


def test_headers_of_a_direct_record_are_a_binary_cloud_event(scenario):
    """What is written to Kafka directly is read back as the same event."""
    event = next(iter(scenario.events()))
    headers = [(name, bytes(value)) for name, value in headers_of(event)]

    assert from_kafka(headers, event.data).attributes == event.attributes


def test_every_dossier_has_one_route(scenario):
    """One publisher uses one route per key, so order within a dossier can be promised."""
    routes = {}
    for event in scenario.events():
        assert routes.setdefault(event.key, (event.route, event.system)) == (event.route, event.system)

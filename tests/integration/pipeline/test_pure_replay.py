"""Dead letters of intake, put back or given up by an operator, with worker processes and a real broker."""

import json

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

pytestmark = pytest.mark.kafka
KEY = "H57.21-261008-0001"
WHO = ("--actor", "operator-3", "--reason", "the code list was mended")


def _publish_broken(province, step, number):
    """Publish a step that another domain's system may not publish, because nobody knows its schema version."""
    headers, value = step(KEY, number)
    headers = [
        (name, b"urn:lienthong:schemas:dossier.progress:9" if name == "ce_dataschema" else raw) for name, raw in headers
    ]
    producer = province.producer()
    producer.produce(province.inbound, value, KEY.encode(), headers=headers)
    assert producer.flush(30) == 0


def _last(province):
    """Return the last outcome of each record."""
    return {each.id: each.kind for each in province.receipts()}


def test_a_decision_is_carried_out_once_by_whoever_owns_the_source(province, wait, step):
    """A replayed record goes through the step again, a discarded one ends, and a restart repeats neither."""
    worker = province.start()
    for number in (1, 2):
        _publish_broken(province, step, number)
    ids = [f"{KEY}-{number}" for number in (1, 2)]
    wait(lambda: _last(province) == dict.fromkeys(ids, "dead_lettered"), workers=[worker])
    listed = json.loads(province.run("dlq", "list", "--pipeline", "intake", "--json").stdout)
    assert [each["code"] for each in listed] == ["unknown_subject"] * 2
    replayed = province.run("dlq", "replay", "--pipeline", "intake", "--id", listed[0]["id"], *WHO)
    assert replayed.returncode == 0, replayed.stderr
    discarded = province.run("dlq", "discard", "--pipeline", "intake", "--id", listed[1]["id"], *WHO)
    assert discarded.returncode == 0, discarded.stderr
    letters = province.names.of_pipeline("deadletters", "intake")
    wait(lambda: len(province.read(letters)) == 3, workers=[worker])
    wait(lambda: _last(province)[ids[1]] == "cancelled", workers=[worker])
    again = {(each.id, each.offset, each.kind) for each in province.receipts()}
    assert again == {(ids[0], 0, "dead_lettered"), (ids[1], 1, "dead_lettered"), (ids[1], 1, "cancelled")}
    listed = json.loads(province.run("dlq", "list", "--pipeline", "intake", "--json").stdout)
    assert [(each["id"], each["deaths"]) for each in listed] == [(listed[0]["id"], 2)]
    worker.process.terminate()
    worker.ends()
    before = len(province.receipts())
    second = province.start()
    province.publish(["H57.21-261008-0002"])
    wait(lambda: _last(province).get("H57.21-261008-0002-1") == "delivered", workers=[second])
    assert len(province.receipts()) == before + 1
    assert len(province.read(letters)) == 3


def test_what_was_mended_is_delivered_once_it_is_replayed(province, wait, step):
    """The publisher of a system that was not known yet need not send anything again."""
    (province.folder / "strict.yaml").write_text(
        "gateway: {publishers: {one-stop: {sources: [/hue/other], domains: [dossier]}}}\n"
    )
    worker = province.start(LIENTHONG_CONFIG=str(province.folder / "strict.yaml"))
    province.publish([KEY], rounds=2)
    wait(lambda: list(_last(province).values()) == ["dead_lettered"] * 2, workers=[worker])
    worker.process.terminate()
    worker.ends()
    assert province.run("dlq", "replay", "--pipeline", "intake", "--all", *WHO).returncode == 0
    mended = province.start()
    wait(lambda: list(_last(province).values()) == ["delivered"] * 2, workers=[mended])
    province.assert_complete()


def test_a_dead_letter_that_kafka_refuses_stops_the_worker(province, wait, step):
    """The record stays in its source, uncommitted, and the exit code says that a restart alone mends nothing."""
    letters = province.names.of_pipeline("deadletters", "intake")
    admin = AdminClient({"bootstrap.servers": province.bootstrap})
    entry = ConfigEntry("max.message.bytes", "100", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, letters, incremental_configs=[entry])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()
    worker = province.start()
    wait(lambda: worker.is_ready)
    _publish_broken(province, step, 1)
    assert worker.ends() == 70
    assert "dead_letter_write" in worker.log
    assert province.lag() == 1
    assert province.receipts() == []

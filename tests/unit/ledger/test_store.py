"""Merging receipts: the same class runs on SQLite and on PostgreSQL."""

from typing import Any

import pytest
from sqlalchemy import update

from lienthong.errors import ConfigurationError, FatalError, TargetUnavailableError
from lienthong.ledger import models
from lienthong.ledger.store import LedgerStore
from lienthong.record import Place


class TestMerging:
    """One row per pipeline, source and id, whatever arrives."""

    def test_a_receipt_is_found_with_everything_it_says(self, feeder: Any) -> None:
        """Nothing that a receipt tells is lost on the way into the database."""
        details = {
            "reason": "portal.created",
            "attempts": 3,
            "repeat_possible": True,
            "effect_key": "e" * 32,
            "attempt_ids": ["a" * 32, "b" * 32],
            "findings": ["owner.birth_date:year_only"],
            "target_reference": "TECH-1",
        }
        feeder.apply(feeder.batch(feeder.receipt("id-1", "delivered", 7, **details), at_seconds=2.5, partition=3))

        row = feeder.one("id-1")

        assert row["kind"] == "delivered"
        assert (row["reason"], row["attempts"], row["repeat_possible"]) == ("portal.created", 3, True)
        assert (row["effect_key"], row["target_reference"]) == ("e" * 32, "TECH-1")
        assert row["attempt_ids"] == f'["{"a" * 32}","{"b" * 32}"]'
        assert row["findings"] == '["owner.birth_date:year_only"]'
        assert (row["record_topic"], row["record_partition"], row["record_offset"]) == ("hue.records.dossier", 3, 7)
        assert row["first_seen_us"] == row["last_at_us"] == int(feeder.start.timestamp() * 1e6) + 2_500_000
        assert row["arrivals"] == 1

    def test_an_end_replaces_an_open_state_and_remembers_it(self, feeder: Any) -> None:
        """A parked record that is delivered later shows both, with both times."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "parked")))
        feeder.apply(feeder.batch(feeder.receipt("id-1", "delivered"), at_seconds=60))

        row = feeder.one("id-1")

        assert (row["first_kind"], row["kind"]) == ("parked", "delivered")
        assert row["last_at_us"] - row["first_seen_us"] == 60_000_000

    @pytest.mark.parametrize("kind", ["in_flight", "parked", "review"])
    def test_an_open_state_never_replaces_an_end(self, feeder: Any, kind: str) -> None:
        """A late receipt about waiting does not reopen what is done."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "cancelled")))
        feeder.apply(feeder.batch(feeder.receipt("id-1", kind), at_seconds=60))

        assert feeder.one("id-1")["kind"] == "cancelled"

    @pytest.mark.parametrize("kind", ["parked", "review", "delivered", "cancelled", "superseded", "dead_lettered"])
    def test_a_dead_letter_that_is_put_back_shows_what_became_of_it(self, feeder: Any, kind: str) -> None:
        """It may wait, need a decision, end, or die again; what was written before it does not count."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "dead_lettered"), at_seconds=30))
        feeder.apply(feeder.batch(feeder.receipt("id-1", kind), at_seconds=60))
        feeder.apply(feeder.batch(feeder.receipt("id-1", "review"), at_seconds=10))

        assert feeder.one("id-1")["kind"] == kind

    def test_a_duplicate_counts_as_arrival_and_replaces_no_end(self, feeder: Any) -> None:
        """The second copy says nothing about what became of the first."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "filtered", 1)))
        feeder.apply(feeder.batch(feeder.receipt("id-1", "duplicate", 2), at_seconds=60))

        row = feeder.one("id-1")

        assert (row["kind"], row["record_offset"], row["arrivals"]) == ("filtered", 1, 2)

    def test_a_duplicate_does_not_close_what_is_open(self, feeder: Any) -> None:
        """A record in review stays in review when its publisher sends it again, in whichever order that is read."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "review", 1)))
        feeder.apply(feeder.batch(feeder.receipt("id-1", "duplicate", 2), at_seconds=60))
        feeder.apply(feeder.batch(feeder.receipt("id-2", "duplicate", 4), at_seconds=60))
        feeder.apply(feeder.batch(feeder.receipt("id-2", "review", 3), receipts_partition=1))

        assert [feeder.one(name)["kind"] for name in ("id-1", "id-2")] == ["review", "review"]
        assert [feeder.one(name)["arrivals"] for name in ("id-1", "id-2")] == [2, 2]

    def test_the_same_duplicate_again_is_no_further_arrival(self, feeder: Any) -> None:
        """A worker that repeats itself after a crash does not make the publisher look careless."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "delivered", 1)))
        for seconds in (60, 70):
            feeder.apply(feeder.batch(feeder.receipt("id-1", "duplicate", 2), at_seconds=seconds))
        feeder.apply(feeder.batch(feeder.receipt("id-1", "duplicate", 1), at_seconds=80))

        assert feeder.one("id-1")["arrivals"] == 2

    def test_a_duplicate_that_comes_first_gives_way(self, feeder: Any) -> None:
        """Receipts of two partitions may be read in any order."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "duplicate", 2), at_seconds=60))

        assert (feeder.one("id-1")["kind"], feeder.one("id-1")["arrivals"]) == ("duplicate", 1)

        feeder.apply(feeder.batch(feeder.receipt("id-1", "cancelled", 1), receipts_partition=1))

        assert (feeder.one("id-1")["kind"], feeder.one("id-1")["arrivals"]) == ("cancelled", 2)

    @pytest.mark.parametrize("kind", ["dead_lettered", "superseded", "filtered", "cancelled"])
    def test_what_was_delivered_stays_delivered(self, feeder: Any, kind: str) -> None:
        """A repetition after a crash cannot undo what the target holds."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "delivered")))
        feeder.apply(feeder.batch(feeder.receipt("id-1", kind), at_seconds=60))

        assert feeder.one("id-1")["kind"] == "delivered"

    def test_a_replayed_dead_letter_shows_its_last_end(self, feeder: Any) -> None:
        """Among ends the later one counts, also when it is read first."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "cancelled", reason="late"), at_seconds=60))
        feeder.apply(feeder.batch(feeder.receipt("id-1", "dead_lettered", reason="early"), receipts_partition=1))

        assert feeder.one("id-1")["reason"] == "late"

    def test_a_possible_repetition_is_never_forgotten(self, feeder: Any) -> None:
        """Once the effect may have happened twice, no later receipt hides it."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "review", repeat_possible=True)))
        feeder.apply(feeder.batch(feeder.receipt("id-1", "delivered"), at_seconds=60))

        assert feeder.one("id-1")["repeat_possible"]

    def test_the_same_kafka_records_again_change_nothing(self, feeder: Any) -> None:
        """A lost answer to a commit is repeated without harm."""
        records = [
            feeder.batch(feeder.receipt("id-1", "delivered", 1), feeder.receipt("id-1", "duplicate", 2)),
            feeder.entry(),
        ]
        feeder.apply(*records)
        before = feeder.dump()
        feeder.apply(*records)

        assert feeder.dump() == before
        assert feeder.store.verify_chain() == []


class TestStoring:
    """What must hold around the rows."""

    def test_rows_and_offsets_are_kept_together_or_not_at_all(self, feeder: Any) -> None:
        """When a statement fails, neither receipts nor offsets of that piece are in the ledger."""
        entry = feeder.entry()
        feeder.apply(entry)
        with feeder.store.writing() as connection:
            connection.execute(models.progress.delete())
        feeder.writer = type(feeder.writer)(feeder.store, feeder.names)
        before = feeder.dump()

        with pytest.raises(FatalError):
            feeder.apply(feeder.batch(feeder.receipt("id-1", "delivered")), entry)

        assert feeder.dump() == before

    def test_a_ledger_that_another_process_emptied_is_not_continued(self, feeder: Any) -> None:
        """Going on would leave a hole where the emptied rows were."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "delivered")))
        feeder.store.clear(models.PROJECTION_TABLES, [feeder.names.receipts])

        with pytest.raises(FatalError, match="reset"):
            feeder.apply(feeder.batch(feeder.receipt("id-2", "delivered")))

    def test_a_writer_that_starts_in_the_middle_stores_where_it_stands(self, feeder: Any) -> None:
        """Topics whose oldest records have expired are read from their present beginning."""
        place = Place(feeder.names.receipts, 4)
        feeder.writer.apply([], {place: 500}, {place: 510})

        assert feeder.store.offsets() == {place: 510}

    def test_what_cannot_be_read_is_shown_and_the_rest_goes_on(self, feeder: Any) -> None:
        """A damaged receipt record neither stops the ledger nor vanishes."""
        unknown = feeder.batch(feeder.receipt("id-2", "vanished"))
        damaged = feeder.place(feeder.names.receipts, 0, b"\xff not json")
        feeder.apply(unknown, damaged, feeder.batch(feeder.receipt("id-1", "delivered")))

        rows = feeder.store.unreadable()

        assert [row["record_offset"] for row in rows] == [0, 1]
        assert all("not json" not in row["reason"] for row in rows)
        assert feeder.one("id-1")["kind"] == "delivered"
        assert feeder.store.find("id-2") == []

    def test_ids_and_keys_may_be_as_long_as_cloudevents_allow(self, feeder: Any) -> None:
        """1,024 characters of four bytes are more than PostgreSQL can index; they are stored all the same."""
        long_text = "\U00020000" * 1024
        feeder.apply(feeder.batch(feeder.receipt(long_text, "delivered", key=long_text, source=long_text)))

        assert feeder.one(long_text)["id"] == long_text
        assert len(feeder.store.by_key(long_text)) == 1

    def test_a_nul_character_does_not_stop_the_ledger(self, feeder: Any) -> None:
        """PostgreSQL stores no NUL; the receipt is kept with a replacement character."""
        feeder.apply(feeder.batch(feeder.receipt("a\0b", "dead_lettered")))

        assert feeder.one("a\ufffdb")["kind"] == "dead_lettered"

    def test_questions_by_id_source_and_dossier(self, feeder: Any) -> None:
        """The same id of two sources is two records; a dossier shows all of them, oldest first."""
        feeder.apply(
            feeder.batch(feeder.receipt("id-1", "filtered", source="urn:other"), at_seconds=5, pipeline="intake"),
            feeder.batch(feeder.receipt("id-1", "delivered"), at_seconds=1),
            feeder.batch(feeder.receipt("id-2", "delivered", key="H57.01.02-261005-0002")),
        )

        assert [row["kind"] for row in feeder.store.find("id-1")] == ["delivered", "filtered"]
        assert [row["kind"] for row in feeder.store.find("id-1", "urn:other")] == ["filtered"]
        assert [row["id"] for row in feeder.store.by_key(feeder.dossier)] == ["id-1", "id-1"]
        assert feeder.store.counts() == {"deliver-dossier": {"delivered": 2}, "intake": {"filtered": 1}}
        assert feeder.store.find("id-3") == []

    def test_preparing_twice_keeps_everything(self, feeder: Any, ledger_url: str) -> None:
        """A restart finds what was written, also with uncommon characters in the path."""
        feeder.apply(feeder.batch(feeder.receipt("id-1", "delivered")))
        second = LedgerStore(ledger_url)
        second.prepare()

        assert len(second.find("id-1")) == 1
        second.close()

    def test_a_ledger_of_another_version_is_refused(self, feeder: Any) -> None:
        """Writing into tables of another form would damage them."""
        with feeder.store.writing() as connection:
            connection.execute(update(models.ledger_version).values(version=99))

        with pytest.raises(ConfigurationError, match="99"):
            feeder.store.prepare()


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "mysql://host/ledger"])
def test_an_unsuitable_address_is_refused(url: str) -> None:
    """A ledger in memory or in an untested database is a configuration error."""
    with pytest.raises(ConfigurationError, match=r"ledger\.url"):
        LedgerStore(url)


def test_a_database_that_is_away_is_a_matter_of_time() -> None:
    """The consumer waits for it instead of ending; nothing of the address is told."""
    store = LedgerStore("postgresql://somebody:secret@127.0.0.1:1/ledger")

    with pytest.raises(TargetUnavailableError) as caught:
        store.prepare()

    assert "secret" not in str(caught.value)

"""Every store decides alike, keeps what it decided, and says so when it is away."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy

from lienthong.clock import SystemClock
from lienthong.errors import ConfigurationError, TargetUnavailableError
from lienthong.limits.leases import Counts, LeaseRequest, Moment, Terms
from lienthong.limits.policy import TargetLimits
from lienthong.limits.sql_store import SqlStore
from lienthong.limits.store import MemoryStore, new_worker_name

DAY = date(2026, 10, 5)


class Times:
    """The store's clocks, moved by hand."""

    def __init__(self) -> None:
        """Begin at 08:00 in Viet Nam."""
        self.slot_us = 10_000_000
        self.wall = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)
        self.origin = "first"

    def __call__(self) -> Moment:
        """Return what they show."""
        return Moment(self.slot_us, self.wall, self.origin)

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.slot_us += round(seconds * 1_000_000)
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def times():
    """The clocks of the store."""
    return Times()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request, tmp_path):
    """The address of an empty store of each kind; empty for memory."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        server.empty()
        return server.url
    return f"sqlite:///{tmp_path}/giới hạn/limits.sqlite3" if request.param == "sqlite" else ""


@pytest.fixture
def open_store(url, times):
    """A function that opens the store again, as another process does; memory is always the same."""
    opened = [MemoryStore(SystemClock(), times)]

    def open_one():
        if url:
            store = SqlStore(url, SystemClock(), times)
            store.prepare()
            opened.append(store)
        return opened[-1]

    yield open_one
    for store in opened[1:]:
        store.close()


class Asker:
    """One worker that remembers what it has."""

    def __init__(self, store, limits, worker):
        """Nothing was asked yet."""
        self.store = store
        self.terms = Terms.of(TargetLimits.model_validate(limits))
        self.worker = worker
        self.sequence = 0

    def ask(self, live=0, keeps=0, day=DAY, sequence=None, **others):
        """Ask for calls."""
        self.sequence = sequence or self.sequence + 1
        wanted = Counts(live=live, **others)
        request = LeaseRequest("portal", self.worker, self.sequence, day, Counts(live=keeps), wanted)
        return self.store.exchange(request, self.terms).grant


RATE = {"rate_limit": {"count": 100, "interval": "1s"}}
BUDGET = {"budget": {"daily": 160}}


def _calls(grant):
    return sum(block.calls for block in grant.blocks)


class TestStores:
    """The same behaviour of each store."""

    def test_slots_of_two_processes_are_disjoint(self, open_store):
        """The second lease begins a whole spacing after the end of the first."""
        first = Asker(open_store(), RATE, "a").ask(live=5).blocks[0]
        second = Asker(open_store(), RATE, "b").ask(live=5).blocks[0]

        assert second.first_us == first.first_us + 5 * 10_401

    def test_slots_that_passed_are_not_handed_out(self, open_store, times):
        """A lease begins now at the earliest."""
        asker = Asker(open_store(), RATE, "a")
        asker.ask(live=5)
        times.pass_(60)

        assert asker.ask(live=1).blocks[0].first_us == times.slot_us

    def test_claims_are_seen_by_all_processes(self, open_store):
        """Leases of one worker are missing for the others, and shrink with what is left."""
        first = _calls(Asker(open_store(), BUDGET, "a").ask(live=100))
        second = Asker(open_store(), BUDGET, "b").ask(live=100)

        assert first == 10
        assert _calls(second) == 9
        assert second.claimed == (0, 19, 0)

    def test_what_a_worker_no_longer_keeps_comes_back(self, open_store):
        """A worker that used two of ten calls claims two."""
        asker = Asker(open_store(), BUDGET, "a")
        asker.ask(live=100)

        assert asker.ask(keeps=2).claimed == (0, 2, 0)

    def test_a_request_that_arrives_after_a_later_one_changes_nothing(self, open_store):
        """A request that was stuck in the network cannot take back what was used since."""
        asker = Asker(open_store(), BUDGET, "a")
        asker.ask(live=5)
        asker.ask(live=5, keeps=5)
        late = asker.ask(live=5, keeps=0, sequence=1)

        assert late.blocks == ()
        assert asker.ask(keeps=10, sequence=3).claimed == (0, 10, 0)

    def test_a_lost_answer_wastes_nothing_for_good(self, open_store):
        """A worker that never saw its lease says so by what it keeps."""
        asker = Asker(open_store(), BUDGET, "a")
        asker.ask(live=10)

        assert asker.ask(live=1, keeps=0).claimed == (0, 1, 0)

    def test_a_new_day_starts_at_zero(self, open_store, times):
        """Calls of yesterday do not count today, whatever a worker says about them."""
        asker = Asker(open_store(), BUDGET, "a")
        asker.ask(live=10)
        times.pass_(86_400)
        grant = asker.ask(live=1, keeps=10)

        assert grant.day == DAY + timedelta(days=1)
        assert grant.claimed == (0, 1, 0)

    def test_after_a_restart_of_the_machine_an_interval_is_silent(self, open_store, times):
        """Slots are counted anew, and what was called before must have left the interval."""
        asker = Asker(open_store(), RATE, "a")
        asker.ask(live=5)
        times.origin, times.slot_us = "second", 5
        grants = [asker.ask(live=1)]
        times.pass_(1.0)
        grants.append(asker.ask(live=1))

        assert grants[0].blocks == ()
        assert grants[1].blocks[0].first_us >= 1_040_000

    def test_a_store_clock_that_goes_back_a_little_repeats_no_slot(self, open_store, times):
        """The next slot is after the last one that was handed out."""
        asker = Asker(open_store(), RATE, "a")
        last = asker.ask(live=5).blocks[0]
        times.slot_us -= 300_000

        assert asker.ask(live=1).blocks[0].first_us == last.first_us + 5 * 10_401

    def test_a_store_clock_that_goes_back_a_lot_does_not_stop_calls_for_hours(self, open_store, times):
        """After the longest lease and one interval it goes on."""
        asker = Asker(open_store(), RATE, "a")
        asker.ask(live=5)
        times.slot_us = 1_000_000
        assert asker.ask(live=1).blocks == ()
        times.pass_(2.1)

        assert _calls(asker.ask(live=1)) == 1

    def test_two_targets_have_nothing_in_common(self, open_store):
        """A budget is one target's."""
        store = open_store()
        Asker(store, BUDGET, "a").ask(live=10)
        other = LeaseRequest("population", "a", 1, DAY, Counts(), Counts(live=1))

        assert store.exchange(other, Terms.of(TargetLimits.model_validate(BUDGET))).grant.claimed == (0, 1, 0)

    async def test_eight_threads_never_claim_more_than_the_day_has(self, open_store):
        """Concurrent exchanges are decided one after the other."""
        store = open_store()

        def take_all(worker):
            asker = Asker(store, BUDGET, worker)
            kept = 0
            while got := _calls(asker.ask(live=7, keeps=kept)):
                kept += got
            return kept

        taken = await asyncio.gather(*(asyncio.to_thread(take_all, f"w{number}") for number in range(8)))

        assert sum(taken) == 160


class TestSqlStore:
    """What only databases can do."""

    def test_keeps_days_for_the_report(self, open_store, url):
        """Operators see what was used on a day."""
        store = open_store()
        if not url:
            pytest.skip("memory keeps no past")
        Asker(store, BUDGET, "a").ask(live=3)

        assert store.used_on("portal", DAY) == (0, 3, 0)
        assert store.used_on("portal", DAY - timedelta(days=1)) == (0, 0, 0)

    def test_prepare_is_harmless_when_repeated(self, open_store):
        """Each worker prepares the store when it starts."""
        store = open_store()
        Asker(store, BUDGET, "a").ask(live=3)

        assert Asker(open_store(), BUDGET, "b").ask().claimed == (0, 3, 0)

    @pytest.mark.postgresql
    def test_postgresql_reckons_with_its_own_clock(self, postgresql_server):
        """Workers with wrong clocks agree, because none of them is asked."""
        postgresql_server.empty()
        store = SqlStore(postgresql_server.url, SystemClock())
        store.prepare()
        request = LeaseRequest("portal", "a", 1, None, Counts(), Counts(live=1))
        answer = store.exchange(request, Terms.of(TargetLimits.model_validate(RATE)))
        store.close()

        assert abs(answer.sample.slot_us / 1e6 - SystemClock().now().timestamp()) < 5
        assert answer.sample.before_us <= answer.sample.after_us

    def test_a_busy_sqlite_file_is_a_store_that_is_away(self, tmp_path):
        """A worker is told to come back, not that its record is wrong."""
        store = SqlStore(f"sqlite:///{tmp_path}/limits.sqlite3", SystemClock())
        store.prepare()
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/limits.sqlite3")
        with engine.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(TargetUnavailableError):
                Asker(store, RATE, "a").ask(live=1)
        assert _calls(Asker(store, RATE, "a").ask(live=1, day=None)) == 1
        engine.dispose()
        store.close()

    @pytest.mark.postgresql
    def test_an_absent_server_is_a_store_that_is_away(self, tmp_path):
        """Nothing listens there."""
        store = SqlStore(f"postgresql://nobody@/none?host={tmp_path}", SystemClock())

        with pytest.raises(TargetUnavailableError):
            store.prepare()

    def test_the_first_exchange_prepares_the_store(self, tmp_path):
        """A worker that starts while the store is away begins as soon as it is there."""
        store = SqlStore(f"sqlite:///{tmp_path}/limits.sqlite3", SystemClock())

        assert sum(block.calls for block in Asker(store, RATE, "a").ask(live=1).blocks) == 1
        store.close()

    def test_tables_that_vanish_are_not_made_anew(self, tmp_path):
        """An empty store has forgotten what was used today; nothing may be called until somebody has looked."""
        store = SqlStore(f"sqlite:///{tmp_path}/limits.sqlite3", SystemClock())
        asker = Asker(store, RATE, "a")
        asker.ask(live=1)
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/limits.sqlite3")
        with engine.begin() as connection:
            for table in ("limit_targets", "limit_days", "limit_workers"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
        engine.dispose()

        for _ in range(2):
            with pytest.raises(TargetUnavailableError):
                asker.ask(live=1)
        store.close()

    @pytest.mark.parametrize("wrong", ["", "no url", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
    def test_other_databases_are_refused(self, wrong):
        """The message says what is possible."""
        with pytest.raises(ConfigurationError, match=r"(?i)sqlite"):
            SqlStore(wrong, SystemClock())

    def test_worker_names_are_never_the_same(self):
        """A worker that starts again must not be taken for the one before."""
        assert new_worker_name("deliver") != new_worker_name("deliver")

"""The connector over real HTTP against its simulator."""

import json
from datetime import timedelta

import pytest
import structlog

from lienthong.clock import SystemClock
from lienthong.connector import ConnectorContext
from lienthong.errors import (
    ConfigurationError,
    LienthongError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
    ValidationFailedError,
)
from lienthong.outcome import AnswerStatus, Finding
from lienthong.rest import ClientFactory
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import Behaviour
from lienthong_connectors.population import CONNECTOR
from lienthong_connectors.population.simulator import DATABASE, SIMULATOR, create

#: For what only the database's own digest, or only its own envelope, can show.
WITH_DIGEST = pytest.mark.parametrize("start", ["direct", "x-road"], indirect=True)
WITH_UNIT = pytest.mark.parametrize("start", ["direct", "x-road", "lgspaccesstoken", "ndop"], indirect=True)
#: Ways that answer in JSON.
JSON_WAYS = {"lgsp-json-wrapper", "ndop"}
WELL = Behaviour().model_dump()
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><z>&c;</z>'
)


async def test_known_person_is_a_match(start):
    """The whole way over HTTP: digest, envelope, name in Ten, matching."""
    async with start() as database:
        answer = await database.ask(gender="female")
    assert (answer.status, answer.findings) == (AnswerStatus.MATCH, ())
    assert answer.fields == (
        "SoDinhDanh",
        "HoVaTen",
        "GioiTinh",
        "DanToc",
        "NgayThangNamSinh",
        "ThuongTru",
        "QuocTich",
    )


async def test_unknown_number_is_no_match(start):
    """Nobody found is an answer, so that "unavailable" and "unknown" are never confused."""
    async with start() as database:
        answer = await database.ask(identifiers=[{"type": "personal_id", "value": "999190000001"}])
    assert answer.status is AnswerStatus.NO_MATCH


@pytest.mark.parametrize(
    ("changes", "status", "findings"),
    [
        ({"full_name": "Trần Thị Hoà"}, AnswerStatus.MATCH, (Finding("full_name", "tone_place"),)),
        ({"full_name": "TRAN THI HOA"}, AnswerStatus.MATCH, (Finding("full_name", "accents"),)),
        ({"birth_date": "1990"}, AnswerStatus.MATCH, (Finding("birth_date", "year_only"),)),
        ({"gender": "male"}, AnswerStatus.MATCH, (Finding("gender", "gender_differs"),)),
        ({"full_name": "Lê Văn Chín"}, AnswerStatus.MISMATCH, (Finding("full_name", "differs"),)),
        ({"birth_date": "1990-12-31"}, AnswerStatus.MISMATCH, (Finding("birth_date", "differs"),)),
    ],
)
async def test_differences_are_judged(start, changes, status, findings):
    """Spelling is a finding, another person a mismatch."""
    async with start() as database:
        answer = await database.ask(**changes)
    assert (answer.status, answer.findings) == (status, findings)


async def test_old_people_and_re_issued_numbers_are_found(start):
    """A register with only a year, an old nine-digit number and a superseded number all lead to their person."""
    async with start() as database:
        year = await database.ask(
            identifiers=[{"type": "personal_id", "value": "000050000002"}], full_name="Đặng Văn Lí", birth_date="1950"
        )
        old = await database.ask(
            identifiers=[{"type": "cmnd", "value": "000000003"}], full_name="Nguyễn Thị Ba", birth_date="1948"
        )
        again = await database.ask(
            identifiers=[{"type": "personal_id", "value": "000190000004"}],
            full_name="Lê Thị Tư",
            birth_date="1991-05-05",
        )
    assert (year.status, year.findings) == (AnswerStatus.MATCH, (Finding("full_name", "i_y"),))
    assert (old.status, old.findings) == (AnswerStatus.MATCH, ())
    assert (again.status, again.findings) == (AnswerStatus.MATCH, (Finding("identifiers", "reissued"),))


async def test_refused_procedure_is_a_scope(start):
    """004 parks what belongs to the procedure; another service code still goes through."""
    config = {"service_code_by_procedure": {"2.000488": "2.000488"}}
    async with start({"denied_procedures": "2.000488"}, config) as database:
        with pytest.raises(ScopeError) as caught:
            await database.ask()
        assert (await database.ask(procedure_code="1.001193")).status is AnswerStatus.MATCH
    assert (caught.value.scope_kind, caught.value.scope, caught.value.reason) == ("procedure", "2.000488", "004")


async def test_refused_officer_is_a_scope(start):
    """005 parks what belongs to the officer, named by the opaque id; a colleague still goes through."""
    async with start({"denied_officers": ["000000000009"]}) as database:
        with pytest.raises(ScopeError) as caught:
            await database.ask()
        assert (await database.ask(context={"actor": "officer-1"})).status is AnswerStatus.MATCH
    assert (caught.value.scope_kind, caught.value.scope, caught.value.reason) == ("officer", "automatic", "005")


async def test_unknown_actor_is_refused_before_the_call(start):
    """Nobody asks the nation under somebody else's account."""
    async with start() as database:
        with pytest.raises(ScopeError) as caught:
            await database.ask(context={"actor": "stranger"})
        assert database.ledger.calls == ()
    assert caught.value.scope == "stranger"


async def test_the_counter_is_refused_before_anything_is_logged(start, context):
    """A question of a stranger or outside the agreement is refused without a call, and names what it needs."""
    agreement = {"number": "12/QC", "procedures": ["1.001193"], "valid_until": "2999-12-31"}
    async with start(config={"agreement": agreement}) as database:
        asked = database.question()
        for changes, kind in (({"actor": "stranger"}, "officer"), ({}, "procedure")):
            with pytest.raises(ScopeError) as caught:
                database.connector.check(asked, context._replace(**changes))
            assert caught.value.scope_kind == kind
        database.connector.check(database.question(procedure_code="1.001193"), context)
        assert database.connector.scopes_of(asked, context) == (("officer", "automatic"), ("procedure", "2.000488"))
        assert database.connector.scopes_of(database.question(procedure_code=None), context) == (
            ("officer", "automatic"),
        )
        assert database.ledger.calls == ()


async def test_the_counter_shows_how_the_database_writes_a_person(start):
    """What an official sees of a match is the name, birth and gender that were compared, and nothing else."""
    async with start() as database:
        shown = CONNECTOR.question.disclosed(await database.ask())
        unknown = CONNECTOR.question.disclosed(
            await database.ask(identifiers=[{"type": "personal_id", "value": "999190000001"}])
        )
    assert shown == {"full_name": "TRẦN THỊ HÒA", "birth": "19900131", "gender": "female"}
    assert unknown is None


async def test_agreement_is_checked_before_the_call(start):
    """A procedure that was not agreed on never leaves the province."""
    agreement = {"number": "12/QC", "procedures": ["1.001193"], "valid_until": "2999-12-31"}
    async with start(config={"agreement": agreement}) as database:
        with pytest.raises(ScopeError):
            await database.ask()
        assert database.ledger.calls == ()
        assert (await database.ask(procedure_code="1.001193")).status is AnswerStatus.MATCH


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<soapenv:Envelope><oops", "malformed_xml"),
        ("<!DOCTYPE html><html><body>000190000001</body></html>", "html_instead_of_xml"),
        (BILLION_LAUGHS, "forbidden_xml"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "forbidden_xml"),
    ],
)
async def test_broken_answer_is_an_outage(start, text, reason):
    """What is no answer opens the circuit; nothing is set aside, nobody is called unknown."""
    async with start({"verbatim": {"000190000001": text}}) as database:
        with pytest.raises(TargetUnavailableError) as caught:
            await database.ask()
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        ({"maintenance": True}, TargetUnavailableError, "html_instead_of_xml"),
        ({"outage": "reset"}, TargetUnavailableError, "connection_broken"),
        ({"outage": "unavailable"}, TargetUnavailableError, "http_503"),
        ({"error_rate": 1}, TargetUnavailableError, "http_503"),
        ({"hang": True}, TargetUnavailableError, "read_timeout"),
        ({"lost_answer_rate": 1}, TargetUnavailableError, "connection_broken"),
        ({"too_many_requests": {"retry_after_seconds": 9}}, RateLimitedError, "http_429"),
    ],
)
async def test_trouble_of_the_platform_is_retriable(start, behaviour, kind, reason):
    """A question changes nothing, so every trouble may be asked again, and it works again afterwards."""
    # Only who waits in vain should not have to wait long.
    async with start(config={"timeout_seconds": 1.0 if "hang" in behaviour else 10.0}) as database:
        # A platform's token is there; what it does without one is its own test.
        await database.ask()
        database.behave(**behaviour)
        with pytest.raises(kind) as caught:
            await database.ask()
        database.behave(**{switch: WELL[switch] for switch in behaviour})
        assert (await database.ask()).status is AnswerStatus.MATCH
    assert caught.value.reason == (reason.replace("xml", "json") if start.way in JSON_WAYS else reason)
    if kind is RateLimitedError:
        assert caught.value.retry_after_seconds == 9


@WITH_DIGEST
async def test_a_replaced_secret_is_found_without_a_restart(start, tmp_path):
    """The next secret lies beside the present one; it is tried once, then used."""
    files = [tmp_path / "present", tmp_path / "next"]
    files[0].write_text("s3cret")
    files[1].write_text("n3xt")
    async with start(config={"secret": None, "secret_files": files}) as database:
        await database.ask()
        database.application[DATABASE].secret = "n3xt"
        for _ in range(2):
            await database.ask()

        assert [call.status for call in database.ledger.calls] == [200, 401, 200, 200]


@WITH_DIGEST
async def test_wrong_secret_is_configuration(start):
    """A wrong digest pauses the pipeline: no retry mends it, and retrying may lock the account."""
    async with start(config={"secret": "wr0ng"}) as database:
        with pytest.raises(TargetConfigurationError) as caught:
            await database.ask()
    assert caught.value.reason == "http_401"


@WITH_DIGEST
async def test_digest_is_bound_to_path_and_user(start):
    """Every part of the digest counts."""
    for config in ({"authentication_path": "/other"}, {"user_name": "other"}):
        async with start(config=config) as database:
            with pytest.raises(TargetConfigurationError):
                await database.ask()


@WITH_DIGEST
async def test_wrong_clock_is_configuration(start):
    """A machine whose clock is off is told so instead of asking for ever."""
    clock = FakeClock()
    async with start(clock=clock) as database:
        assert (await database.ask()).status is AnswerStatus.MATCH
        database.connector._transport._clock = FakeClock(clock.now() + timedelta(seconds=301))
        with pytest.raises(TargetConfigurationError) as caught:
            await database.ask()
    assert caught.value.reason == "clock"


@WITH_DIGEST
async def test_seconds_are_accepted_in_quirks_mode_only(start):
    """The unit of the timestamp differs between known clients, so it can be chosen."""
    config = {"timestamp_unit": "seconds"}
    async with start({"strict": False}, config) as database:
        assert (await database.ask()).status is AnswerStatus.MATCH
    async with start(config=config) as database:
        with pytest.raises(TargetConfigurationError):
            await database.ask()


async def test_request_id_is_new_for_every_attempt(start):
    """A repeated MaYeuCau is refused by a strict platform, so every attempt has its own."""
    async with start() as database:
        await database.ask()
        await database.ask(context={"attempt_id": "f" * 32})
        with pytest.raises(TargetUnavailableError) as caught:
            await database.ask(context={"attempt_id": "f" * 32})
        ids = [effect.key for effect in database.ledger.effects]
    assert len(ids) == len(set(ids)) == 2
    assert caught.value.reason == "code_DUPLICATE"


async def test_question_without_birth_is_not_sent(start):
    """What the database demands and the dossier lacks is said before any call."""
    async with start() as database:
        with pytest.raises(ValidationFailedError):
            await database.ask(birth_date=None)
        assert database.ledger.calls == ()


@WITH_UNIT
async def test_refused_question_is_about_the_record(start):
    """A question that the database refuses on its merits is set aside, not repeated."""
    async with start(config={"unit_code": " "}) as database:
        with pytest.raises(RejectedByTargetError) as caught:
            await database.ask()
    assert caught.value.reason == "code_FIELD"


async def test_ledger_tells_who_was_disclosed(start):
    """Tests can compare every disclosure with the truth."""
    async with start() as database:
        answer = await database.ask()
        (call,), (effect,) = database.ledger.calls, database.ledger.effects
    assert (call.operation, call.status, call.request_id) == ("TraCuuThongTinCongDan", 200, answer.attempt_ids[0])
    assert effect.detail == {
        "identifier": "000190000001",
        "found": 1,
        "procedure": "VPCP",
        "integration": "037",
        "unit": "LGSP" if start.way == "lgsp-json-wrapper" else "H57.01",
    }


@pytest.mark.parametrize(
    ("options", "config", "changes"),
    [
        ({"verbatim": {"000190000001": "<oops HÒA"}}, {}, {}),
        ({"verbatim": {"000190000001": BILLION_LAUGHS}}, {}, {}),
        ({"verbatim": {"000190000001": '<!DOCTYPE a SYSTEM "TRẦN THỊ HÒA"><a/>'}}, {}, {}),
        ({"denied_officers": "000000000009"}, {}, {}),
        ({"outage": "reset"}, {}, {}),
        ({}, {}, {"birth_date": None}),
    ],
)
async def test_no_error_shows_a_person_or_a_secret(start, options, config, changes):
    """Not the message, not the chain behind it, not a traceback."""
    async with start(options, config) as database:
        with pytest.raises(LienthongError) as caught:
            await database.ask(**changes)
        assert database.leaks(caught.value) == []


async def test_connector_must_be_open():
    """A call before open or after close is a defect that is named."""
    config = CONNECTOR.config.model_validate(
        {
            "base_url": "http://127.0.0.1:1",
            "authentication_path": "/",
            "user_name": "hub",
            "secret": "x",
            "officers": {},
            "simulator": True,
        }
    )
    connector = CONNECTOR.factory(config, ConnectorContext(ClientFactory(), SystemClock(), structlog.get_logger()))
    await connector.close()
    with pytest.raises(ConfigurationError):
        await connector.lookup(config, None)


def test_people_file_is_read_and_its_errors_name_the_line(tmp_path):
    """A broken people file is found at start; its content is not shown."""
    good = tmp_path / "people.jsonl"
    good.write_text(json.dumps({"personal_id": "000190000001", "full_name": "LÊ BA", "birth": "1990"}) + "\n")
    assert create({"people_file": str(good)}) is not None
    for text in ('{"personal_id": "000190000001"', '{"personal_id": "000190000001"}', "[]"):
        good.write_text(text)
        with pytest.raises(ConfigurationError) as caught:
            create({"people_file": str(good)})
        assert "000190000001" not in f"{caught.value!r} {caught.value.__cause__!r}"
    with pytest.raises(ConfigurationError):
        create({"people_file": str(tmp_path / "missing.jsonl")})


def test_unknown_option_of_the_simulator_is_refused():
    """A typing error does not start a platform that behaves otherwise than asked."""
    with pytest.raises(ConfigurationError, match="denied_officer"):
        SIMULATOR.create_application({"denied_officer": "x"})


def test_connector_declares_itself():
    """The engine may repeat the question and knows which questions it answers."""
    assert CONNECTOR.accepts == {"person_identity", "account_holder"}
    assert CONNECTOR.effects == {"TraCuuThongTinCongDan": "idempotent"}

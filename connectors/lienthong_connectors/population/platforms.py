"""Provincial and national platforms between the hub and the database; each has its own form for the same question.

Source:
    ``national-specs.md`` 1.1.5 and 1.4, read from client code. ASSUMED: codes of success and failure of the wrapper,
    and all of ``ndop``.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping

import httpx
import orjson
from pydantic import SecretStr

from lienthong.clock import Clock
from lienthong.errors import ConfigurationError, TargetUnavailableError
from lienthong.rest import ClientCredentialsAuth, check_page
from lienthong_connectors.population.config import OfficerAccount, PartnerKey, PopulationConfig, Way
from lienthong_connectors.population.payload import OFFICER_REFUSED, PROCEDURE_REFUSED, Question, refusal
from lienthong_connectors.population.transport import (
    XML_HEADERS,
    DirectTransport,
    Transport,
    XRoadTransport,
    is_answer,
)

#: Fields that the wrapper takes; it adds the others by itself.
_WRAPPED = frozenset({"MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "SoDinhDanh", "SoCMND", "HoVaTen"})
_SUCCESS = frozenset({"", "0", "00", "200"})
_REFUSALS = frozenset({PROCEDURE_REFUSED, OFFICER_REFUSED})
_JSON = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}


class JsonWrapperTransport(Transport):
    """Posts the fields as JSON; the platform asks the database and returns its envelope as text in ``message``."""

    #: Where the answer has its code and its envelope.
    _code, _envelope = "error_code", "message"

    async def call(self, question: Question, officer: OfficerAccount, case: str) -> bytes:  # noqa: D102 - inherited
        del officer
        body = orjson.dumps(self._document(question, case))
        return self._unwrapped((await self._post(body, _JSON, self._says_why, "json")).content)

    def _document(self, question: Question, case: str) -> dict[str, str]:
        del case
        precision, digits = question.born
        return {name: text for name, text in question.fields if name in _WRAPPED} | {precision: digits}

    def _says_why(self, response: httpx.Response) -> bool:
        # Which status comes with a refusal of rights is not known, so every one may.
        return not response.is_success and self._parts(response.content)[0] in _REFUSALS

    def _parts(self, content: bytes) -> tuple[str, object]:
        try:
            document = orjson.loads(content)
            code, envelope = str(document.get(self._code) or ""), document.get(self._envelope)
        except (orjson.JSONDecodeError, AttributeError):
            return "", None
        # A number has lost the zeros of the database's own codes.
        return code.zfill(3) if code.isdecimal() and code not in _SUCCESS else code, envelope

    def _unwrapped(self, content: bytes) -> bytes:
        code, envelope = self._parts(content)
        if isinstance(envelope, str) and envelope.lstrip().startswith("<"):
            body = envelope.encode()
            check_page(body, "xml")
            return body
        if code in _SUCCESS:
            raise TargetUnavailableError("the platform answered without an envelope", reason="no_envelope")
        return refusal(code)


class NdopTransport(JsonWrapperTransport):
    """Hands the database's own envelope to the province's agent node of the national data platform.

    Source:
        ``national-specs.md`` 1.4.3: no contract is published, so path and names are ASSUMED.
    """

    _code, _envelope = "code", "envelope"

    def __init__(self, client: httpx.AsyncClient, config: PopulationConfig, clock: Clock) -> None:
        super().__init__(client, config, clock)
        self._url = httpx.URL(f"{config.base_url.rstrip('/')}/ndop/v1/citizen/verify-identity")

    def _document(self, question: Question, case: str) -> dict[str, str]:
        envelope = question.envelope().decode()
        return {"requestId": question.request_id, "caseCode": case, "envelope": envelope}


class AccessTokenTransport(Transport):
    """Posts the database's own envelope with the platform's token, our partner key and the officer's key."""

    def __init__(self, client: httpx.AsyncClient, config: PopulationConfig, clock: Clock) -> None:
        super().__init__(client, config, clock)
        if config.partner is None:
            raise ConfigurationError("the transport lgspaccesstoken needs the section partner")
        self._partner = partner_header(config.partner)

    async def call(self, question: Question, officer: OfficerAccount, case: str) -> bytes:  # noqa: D102 - inherited
        del case
        keys = {"lgspaccesstoken": self._partner.get_secret_value(), "AuthHash": officer_hash(officer)}
        return (await self._post(question.envelope(), {**XML_HEADERS, **keys}, is_answer)).content


def partner_header(partner: PartnerKey) -> SecretStr:
    """Return the value of the header ``lgspaccesstoken``.

    Args:
        partner: What the platform gave us.

    Source:
        ``national-specs.md`` 1.4.1: base64 of a JSON object.
    """
    document = {
        "AccessKey": partner.access_key.get_secret_value(),
        "SecretKey": partner.secret_key.get_secret_value(),
        "AppName": partner.application,
        "PartnerCode": partner.partner_code,
        "PartnerCodeCus": partner.customer_code,
    }
    return SecretStr(b64encode(orjson.dumps(document)).decode("ascii"))


def officer_hash(officer: OfficerAccount) -> str:
    """Return the value of the header ``AuthHash``.

    Args:
        officer: Who asks.

    Source:
        ``national-specs.md`` 1.1.5: base64 of ``keyName:keyPass``.
    """
    text = f"{officer.key_name.get_secret_value()}:{officer.key_pass.get_secret_value()}"
    return b64encode(text.encode()).decode("ascii")


_WAYS: Mapping[Way, Callable[[httpx.AsyncClient, PopulationConfig, Clock], Transport]] = {
    Way.DIRECT: DirectTransport,
    Way.X_ROAD: XRoadTransport,
    Way.JSON_WRAPPER: JsonWrapperTransport,
    Way.ACCESS_TOKEN: AccessTokenTransport,
    Way.NDOP: NdopTransport,
}


def transport_for(client: httpx.AsyncClient, config: PopulationConfig, clock: Clock) -> Transport:
    """Return what carries questions as configured, and let the client get tokens where they are needed.

    Args:
        client: Its base URL is what the hub calls.
        config: Names the way.
        clock: Signs attempts and tells when tokens end.
    """
    if config.token is not None:
        headers = {"lgspaccesstoken": partner_header(config.partner)} if config.partner is not None else {}
        client.auth = ClientCredentialsAuth(
            token_url=config.token.url,
            client_id=config.token.client_id,
            client_secret=config.token.client_secret,
            clock=clock,
            method="client_secret_post",
            headers=headers,
        )
    return _WAYS[config.transport](client, config, clock)

"""A simulated VNeID: envelopes, codes with plus signs, generated citizens.

It makes the province's RSA key when it starts and writes the private half where the hub reads it. The citizen at the
browser signs in at once, since there is no app to confirm with.
ASSUMED, because no source shows them: the paths of token and userinfo, the forms of errors, `sub` in both answers.
"""

import os
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import web

from lienthong.clock import Clock
from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.vneid.envelopes import generate_key, seal
from lienthong_connectors.vneid.simulated_accounts import TOKEN_SECONDS, Accounts, SimulatedCitizen, accounts_of

#: What VNeID can be made to do wrong, besides the switches of all simulators.
FAULTS = (
    "wrong_key",
    "truncated",
    "no_envelope",
    "another_person",
    "no_identifier",
    "denied",
    "away",
    "too_large",
    "redirected",
)
_AES_KEY_BYTES = 32
_SPACE_OF_ONE_ANSWER = 200_000


class SimulatedVneid:
    """The platform's accounts and keys.

    Args:
        accounts: Its accounts.
    """

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        #: The province's private key, PEM.
        self.private_key, self._public_key = generate_key()

    def sealed(self, content: bytes) -> tuple[str, str]:
        """Return an envelope for the province.

        Args:
            content: What is in it.
        """
        public_key = generate_key()[1] if self.accounts.fault == "wrong_key" else self._public_key
        data, key = seal(content, public_key, secrets.token_bytes(_AES_KEY_BYTES))
        return (data[: len(data) // 2], key) if self.accounts.fault == "truncated" else (data, key)

    def sealed_code(self, code: str) -> tuple[str, str]:
        """Return an envelope whose content has a plus sign, which a form would read as a space.

        Args:
            code: What is in it.
        """
        while True:
            data, key = seal(code.encode(), self._public_key, secrets.token_bytes(_AES_KEY_BYTES))
            if "+" in data and "+" in key:
                return data, key


PLATFORM: web.AppKey[SimulatedVneid] = web.AppKey("vneid", SimulatedVneid)


def create(options: Mapping[str, Any], *, clock: Clock | None = None) -> web.Application:
    """Return the simulator.

    Args:
        options: ``private_key_file`` (where the province's new private key is written), those of
            :func:`~lienthong_connectors.vneid.simulated_accounts.accounts_of`, and every switch of
            :class:`lienthong.testing.behaviour.Behaviour`.
        clock: None for the machine's clock.

    Raises:
        ConfigurationError: If an option is unknown or the key cannot be written.
    """
    behaviour, own = split_options(options)
    key_file = own.pop("private_key_file", None)
    platform = SimulatedVneid(accounts_of(own, FAULTS))
    if key_file is not None:
        _write(Path(key_file), platform.private_key)
    routes = [web.get("/auth", _sign_in), web.post("/token", _redeem), web.get("/userinfo", _tell)]
    routes.append(web.put("/_control/citizen", _sit_down))
    application = create_application("vneid", behaviour, Ledger(), routes, clock=clock)
    application[PLATFORM] = platform
    return application


SIMULATOR = SimulatorSpec("vneid", "Hệ thống định danh và xác thực điện tử", create)


async def _sit_down(request: web.Request) -> web.Response:
    request.app[PLATFORM].accounts.citizens.insert(0, SimulatedCitizen(**orjson.loads(await request.read())))
    return web.Response(status=204)


async def _sign_in(request: web.Request) -> web.Response:
    state, platform = request.app[STATE], request.app[PLATFORM]
    asked = platform.accounts.begin(request)
    back = f"state={quote(asked.get('state', ''), safe='')}"
    error = {"denied": "access_denied", "away": "temporarily_unavailable"}.get(platform.accounts.fault)
    if error is not None:
        back = f"error={error}&{back}"
    else:
        code = f"{uuid.uuid4()}.{uuid.uuid4()}"
        platform.accounts.issue(code, asked, state.clock)
        data, key = platform.sealed_code(code)
        # As the platform does it: base64 stands in the query as it is.
        back = f"code={data}&encrypt_key={key}&{back}"
    state.ledger.record_call("auth", "", "", 302)
    return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{back}"})


async def _redeem(request: web.Request) -> web.Response:
    state, platform = request.app[STATE], request.app[PLATFORM]
    status, answer = await _grant(request)
    state.ledger.record_call("token", "", "", status)
    if answer is None:
        return web.json_response({"error": "invalid_request"}, status=status)
    return _answer(platform, answer)


async def _grant(request: web.Request) -> tuple[int, dict[str, Any] | None]:
    state, accounts = request.app[STATE], request.app[PLATFORM].accounts
    if request.content_type != "application/x-www-form-urlencoded":
        return 415, None
    form = await request.post()
    if not accounts.has_client(form):
        return 401, None
    redeemed = accounts.redeem(form, state.clock) if form.get("encrypt_key") else None
    if redeemed is None:
        return 400, None
    token, grant = redeemed
    state.ledger.record_effect("token", grant.citizen.subject, {"scope": grant.request.get("scope", "")})
    return 200, {
        "access_token": token,
        "expires_in": int(TOKEN_SECONDS),
        "token_type": "Bearer",
        "scope": grant.request.get("scope", ""),
        "sub": grant.citizen.subject,
    }


async def _tell(request: web.Request) -> web.Response:
    state, platform = request.app[STATE], request.app[PLATFORM]
    citizen = platform.accounts.bearer(request)
    state.ledger.record_call("userinfo", "", "", 401 if citizen is None else 200)
    if citizen is None:
        return web.json_response({"error": "invalid_token"}, status=401)
    if platform.accounts.fault == "too_large":
        return web.Response(body=b'{"data":"' + b"A" * _SPACE_OF_ONE_ANSWER + b'"}', content_type="application/json")
    if platform.accounts.fault == "redirected":
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/userinfo"})
    return _answer(platform, _claims(citizen, has_identifier=platform.accounts.fault != "no_identifier"))


def _claims(citizen: SimulatedCitizen, *, has_identifier: bool) -> dict[str, Any]:
    claims = {
        "sub": citizen.subject,
        "citizenPid": citizen.personal_id,
        "fullName": citizen.full_name,
        "birthDate": citizen.birth_date,
        "accountType": "PERSONAL",
        "accountLevel": citizen.level,
    }
    if not has_identifier:
        del claims["citizenPid"]
    return claims


def _answer(platform: SimulatedVneid, document: dict[str, Any]) -> web.Response:
    if platform.accounts.fault == "no_envelope":
        return web.json_response(document)
    data, key = platform.sealed(orjson.dumps(document))
    return web.json_response({"data": data, "key": key})


def _write(path: Path, text: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"cannot write private_key_file {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)

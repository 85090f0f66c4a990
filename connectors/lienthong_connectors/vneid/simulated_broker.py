"""A simulated Keycloak realm that brokers VNeID: OpenID Connect with its own signing key, generated at its start."""

import base64
import secrets
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from lienthong.clock import Clock
from lienthong.connector import SimulatorSpec
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.vneid.id_tokens import half_hash
from lienthong_connectors.vneid.simulated_accounts import TOKEN_SECONDS, Accounts, Grant, accounts_of

REALM = "/realms/hues"
_KEY_BITS = 2_048
#: Fault → what it does to the claims of an id_token.
_WRONG_CLAIMS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "other_nonce": lambda claims: {**claims, "nonce": secrets.token_urlsafe(32)},
    "no_nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "other_audience": lambda claims: {**claims, "aud": "another-client"},
    "other_party": lambda claims: {**claims, "aud": [claims["aud"], "another"], "azp": "another"},
    "other_issuer": lambda claims: {**claims, "iss": f"{claims['iss']}-other"},
    "expired": lambda claims: {**claims, "iat": claims["iat"] - 3_600, "exp": claims["exp"] - 3_600},
    "other_access_token": lambda claims: {**claims, "at_hash": half_hash("another")},
}
#: What the realm can be made to do wrong, besides the switches of all simulators.
FAULTS = (
    *_WRONG_CLAIMS,
    "forged_signature",
    "unsigned",
    "rotated_key",
    "no_id_token",
    "another_person",
    "no_identifier",
    "mixed_up",
    "denied",
    "away",
)


class SimulatedRealm:
    """The realm's accounts and keys.

    Args:
        accounts: Its accounts.
    """

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self._key = _new_key()

    def signed(self, claims: dict[str, Any]) -> str:
        """Return an id_token.

        Args:
            claims: What it says.
        """
        fault = self.accounts.fault
        if fault == "unsigned":
            return f"{_part({'alg': 'none', 'kid': self._key.kid})}.{_part(claims)}."
        key = _new_key() if fault in {"rotated_key", "forged_signature"} else self._key
        if fault == "rotated_key":
            self._key = key
        said = _WRONG_CLAIMS.get(fault, dict)(claims)
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, said, key)

    def keys(self) -> dict[str, Any]:
        """Return the public keys."""
        return {"keys": [self._key.as_dict(private=False)]}


PLATFORM: web.AppKey[SimulatedRealm] = web.AppKey("keycloak-broker", SimulatedRealm)


def create(options: Mapping[str, Any], *, clock: Clock | None = None) -> web.Application:
    """Return the simulator; its issuer is its URL and ``/realms/hues``.

    Args:
        options: Those of :func:`~lienthong_connectors.vneid.simulated_accounts.accounts_of`, and every switch of
            :class:`lienthong.testing.behaviour.Behaviour`.
        clock: None for the machine's clock.

    Raises:
        ConfigurationError: If an option is unknown.
    """
    behaviour, own = split_options(options)
    base = f"{REALM}/protocol/openid-connect"
    routes = [
        web.get(f"{base}/auth", _sign_in),
        web.post(f"{base}/token", _redeem),
        web.post(f"{base}/userinfo", _tell),
        web.get(f"{base}/certs", _show_keys),
    ]
    application = create_application("keycloak-broker", behaviour, Ledger(), routes, clock=clock)
    application[PLATFORM] = SimulatedRealm(accounts_of(own, FAULTS))
    return application


SIMULATOR = SimulatorSpec("keycloak-broker", "Đăng nhập VNeID qua Keycloak của tỉnh", create)


async def _sign_in(request: web.Request) -> web.Response:
    state, accounts = request.app[STATE], request.app[PLATFORM].accounts
    asked = accounts.begin(request)
    back = {"state": asked.get("state", "")}
    error = {"denied": "access_denied", "away": "temporarily_unavailable"}.get(accounts.fault)
    if asked.get("code_challenge_method") != "S256":
        error = "invalid_request"
    if error is not None:
        back["error"] = error
    else:
        back["code"] = secrets.token_urlsafe(24) + "." + secrets.token_urlsafe(8)
        back["iss"] = _issuer(request) + ("-other" if accounts.fault == "mixed_up" else "")
        accounts.issue(back["code"], asked, state.clock)
    state.ledger.record_call("auth", "", "", 302)
    return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})


async def _redeem(request: web.Request) -> web.Response:
    state, realm = request.app[STATE], request.app[PLATFORM]
    form = await request.post()
    if not realm.accounts.has_client(form):
        state.ledger.record_call("token", "", "", 401)
        return web.json_response({"error": "unauthorized_client"}, status=401)
    redeemed = realm.accounts.redeem(form, state.clock)
    if redeemed is None or not _is_proven(form, redeemed[1]):
        state.ledger.record_call("token", "", "", 400)
        return web.json_response({"error": "invalid_grant"}, status=400)
    token, grant = redeemed
    state.ledger.record_call("token", "", "", 200)
    state.ledger.record_effect("token", grant.citizen.subject, {"scope": grant.request.get("scope", "")})
    now = int(state.clock.now().timestamp())
    claims = {
        "iss": _issuer(request),
        "aud": realm.accounts.client_id,
        "azp": realm.accounts.client_id,
        "sub": grant.citizen.subject,
        "iat": now,
        "exp": now + int(TOKEN_SECONDS),
        "nonce": grant.request.get("nonce", ""),
        "at_hash": half_hash(token),
    }
    answer = {"access_token": token, "token_type": "Bearer", "expires_in": int(TOKEN_SECONDS)}
    if realm.accounts.fault != "no_id_token":
        answer["id_token"] = realm.signed(claims)
    return web.json_response(answer)


async def _tell(request: web.Request) -> web.Response:
    state, accounts = request.app[STATE], request.app[PLATFORM].accounts
    citizen = accounts.bearer(request)
    state.ledger.record_call("userinfo", "", "", 401 if citizen is None else 200)
    if citizen is None:
        return web.json_response({"error": "invalid_token"}, status=401)
    claims = {
        "sub": citizen.subject,
        "name": citizen.full_name,
        "birthdate": citizen.birth_date,
        "citizenId": citizen.personal_id,
        "identityPapers": [{"type": "CCCD", "idNumber": citizen.personal_id}],
        "gender": 1,
        "loa": str(citizen.level),
    }
    if accounts.fault == "no_identifier":
        del claims["citizenId"]
    return web.json_response(claims)


async def _show_keys(request: web.Request) -> web.Response:
    request.app[STATE].ledger.record_call("certs", "", "", 200)
    return web.json_response(request.app[PLATFORM].keys())


def _is_proven(form: Mapping[str, Any], grant: Grant) -> bool:
    digest = sha256(str(form.get("code_verifier", "")).encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return secrets.compare_digest(challenge, grant.request.get("code_challenge", ""))


def _part(document: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()


def _issuer(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}{REALM}"


def _new_key() -> RSAKey:
    return RSAKey.generate_key(_KEY_BITS, {"use": "sig", "alg": "RS256"}, auto_kid=True)

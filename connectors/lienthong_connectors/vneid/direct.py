"""Sign-in with VNeID itself: like OAuth 2.0, with envelopes, without id_token and nonce.

What ties an answer to a sign-in is therefore ours alone: the state, the cookie, and that each works once.
ASSUMED, because no source shows it: no PKCE; `sub`, where both answers have it, names the same person.

Source:
    github ospgroupvn/vneid-keycloak-extensions; client code of a provincial portal.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from lienthong.connector import ConnectorContext
from lienthong.errors import DecodeError, RejectedByTargetError
from lienthong.sign_in import Identity, SignInSecrets
from lienthong_connectors.vneid.config import VneidConfig
from lienthong_connectors.vneid.envelopes import EnvelopeKeys, read_object
from lienthong_connectors.vneid.platform import Platform, bearer_of, parsed

_GUID = r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
_CODE = re.compile(rf"{_GUID}(?:\.{_GUID}){{0,7}}")


class Vneid(Platform[VneidConfig]):
    """VNeID itself.

    Args:
        config: Its configuration.
        context: HTTP and clock.
        redirect_uri: Where browsers come back to.

    Raises:
        ConfigurationError: If a key, secret or authority file cannot be used.
    """

    def __init__(self, config: VneidConfig, context: ConnectorContext, redirect_uri: str) -> None:
        super().__init__(config, context, redirect_uri)
        self._keys = EnvelopeKeys(config.private_key_files)

    def authorization_url(self, secrets: SignInSecrets) -> str:
        """Return where the browser signs in.

        Args:
            secrets: Of this sign-in; only the state is sent.
        """
        parameters = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.config.scope,
            "state": secrets.state,
        }
        return f"{self.config.authorization_url}?{urlencode(parameters)}"

    async def _redeem(self, answer: Mapping[str, str], secrets: SignInSecrets) -> Identity:
        del secrets
        key = answer.get("encrypt_key", "")
        code = self._keys.open(answer.get("code", ""), key, _read_code)

        async def send(secret: str) -> httpx.Response:
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "client_id": self.config.client_id,
                "client_secret": secret,
                "redirect_uri": self.redirect_uri,
                "encrypt_key": key,
            }
            return await self._post_form(self.config.token_url, form)

        token = self._opened(await self._with_secret(send))
        claims = self._opened(await self._ask_userinfo("GET", self.config.userinfo_url, bearer_of(token)))
        if "sub" in token and "sub" in claims and token["sub"] != claims["sub"]:
            raise RejectedByTargetError("the platform answered about another person", reason="another_person")
        return self._identity(claims, claims.get(self.config.level_claim))

    def _opened(self, response: httpx.Response) -> dict[str, Any]:
        envelope = parsed(response)
        data, key = envelope.get("data"), envelope.get("key")
        if not isinstance(data, str) or not isinstance(key, str):
            # Never read as it stands: what is not sealed is not from the platform.
            raise DecodeError("the identity platform answered without an envelope", reason="no_envelope")
        return self._keys.open(data, key, read_object)


def _read_code(plain: bytes) -> str:
    code = plain.decode("ascii")
    if not _CODE.fullmatch(code):
        raise ValueError("no code")
    return code

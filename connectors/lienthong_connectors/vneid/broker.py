"""Sign-in with VNeID through a Keycloak: OpenID Connect with id_token, nonce and PKCE.

Source:
    Client code of Huế's single sign-on (realm ``hues``, claim ``citizenId``, userinfo by POST); Keycloak's paths.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from lienthong.connector import ConnectorContext
from lienthong.errors import RejectedByTargetError, TargetConfigurationError
from lienthong.sign_in import Identity, SignInSecrets
from lienthong_connectors.vneid.config import BrokerConfig
from lienthong_connectors.vneid.id_tokens import IdTokens
from lienthong_connectors.vneid.platform import Platform, bearer_of, parsed

_CLIENT_REFUSED = frozenset({"invalid_client", "unauthorized_client"})


class Broker(Platform[BrokerConfig]):
    """A Keycloak realm that brokers VNeID.

    Args:
        config: Its configuration.
        context: HTTP and clock.
        redirect_uri: Where browsers come back to.

    Raises:
        ConfigurationError: If a secret or authority file cannot be used.
    """

    def __init__(self, config: BrokerConfig, context: ConnectorContext, redirect_uri: str) -> None:
        super().__init__(config, context, redirect_uri)
        self._base = f"{config.issuer}/protocol/openid-connect"
        self._id_tokens = IdTokens(config.issuer, config.client_id, self._fetch_keys, context.clock)

    def authorization_url(self, secrets: SignInSecrets) -> str:
        """Return where the browser signs in.

        Args:
            secrets: Of this sign-in; the verifier is sent as its hash.
        """
        parameters = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.config.scope,
            "state": secrets.state,
            "nonce": secrets.nonce,
            "code_challenge": create_s256_code_challenge(secrets.code_verifier),
            "code_challenge_method": "S256",
        }
        return f"{self._base}/auth?{urlencode(parameters)}"

    async def _redeem(self, answer: Mapping[str, str], secrets: SignInSecrets) -> Identity:
        if answer.get("iss", self.config.issuer) != self.config.issuer:
            # RFC 9207: an answer of another issuer must not be redeemed at this one.
            raise RejectedByTargetError("the answer comes from another issuer", reason="another_issuer")
        code = answer.get("code", "")
        if not code:
            raise RejectedByTargetError("the browser came back without a code", reason="no_code")

        async def send(secret: str) -> httpx.Response:
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "client_id": self.config.client_id,
                "client_secret": secret,
                "redirect_uri": self.redirect_uri,
                "code_verifier": secrets.code_verifier,
            }
            return _checked(await self._post_form(f"{self._base}/token", form, is_answer=_is_refusal))

        token = parsed(await self._with_secret(send))
        access_token = bearer_of(token)
        subject = await self._id_tokens.subject(token.get("id_token"), secrets.nonce, access_token)
        claims = parsed(await self._ask_userinfo("POST", f"{self._base}/userinfo", access_token))
        if claims.get("sub") != subject:
            raise RejectedByTargetError("the broker answered about another person", reason="another_person")
        if self.config.level_claim is None:
            return self._identity(claims, self.config.guaranteed_level)
        return self._identity(claims, claims.get(self.config.level_claim))

    async def _fetch_keys(self) -> Mapping[str, Any]:
        return parsed(await self._call("GET", f"{self._base}/certs"))


def _is_refusal(response: httpx.Response) -> bool:
    return response.status_code in {400, 401}


def _checked(response: httpx.Response) -> httpx.Response:
    """Tell a refused client from a refused code: Keycloak answers both with either status."""
    if not _is_refusal(response):
        return response
    if parsed(response).get("error") in _CLIENT_REFUSED:
        raise TargetConfigurationError(
            "the broker refuses the hub's client; check client_id and client_secret_files", reason="client_refused"
        )
    raise RejectedByTargetError("the broker refuses the code; the citizen signs in again", reason="code_refused")

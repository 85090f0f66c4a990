"""A small OpenID issuer for laptops and tests; a province uses its own."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request, scope_to_list
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.responses import JSONResponse, Response

from lienthong.clock import Clock
from lienthong.config.loader import read_yaml
from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError

TOKEN_SECONDS = 3_600
_KEY_FILE = "issuer-key.json"
_MAX_FORM_BYTES = 65_536
_METHODS = ["client_secret_basic", "client_secret_post"]


@dataclass(frozen=True, slots=True)
class IssuerClient(ClientMixin):  # type: ignore[misc] # authlib has no types
    """One system that may get tokens.

    Attributes:
        client_id: Its id.
        secret: Its secret; not shown.
        scopes: What its tokens may allow.
        officer: Opaque id of the official whom its tokens name as ``sub``; empty for the client itself.
    """

    client_id: str
    secret: str
    scopes: tuple[str, ...]
    officer: str = ""

    def __repr__(self) -> str:
        return f"IssuerClient({self.client_id!r})"

    def get_client_id(self) -> str:
        """Return the id."""
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        """Return the scopes that a token gets.

        Args:
            scope: What was asked for; empty for all.
        """
        asked = scope_to_list(scope) or list(self.scopes)
        return " ".join(each for each in asked if each in self.scopes)

    def check_client_secret(self, client_secret: str) -> bool:
        """Return whether a secret is right, in constant time.

        Args:
            client_secret: What was sent.
        """
        return secrets.compare_digest(self.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return whether the client may authenticate like this.

        Args:
            method: How the secret was sent.
            endpoint: Where to.
        """
        return endpoint == "token" and method in _METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use a grant.

        Args:
            grant_type: The grant.
        """
        return bool(grant_type == ClientCredentialsGrant.GRANT_TYPE)


def parse_client(text: str) -> IssuerClient:
    """Return the client of a command-line option.

    Args:
        text: ``id:secret:scope scope``.

    Raises:
        ConfigurationError: If it has another form.
    """
    name, _, rest = text.partition(":")
    secret, _, scopes = rest.partition(":")
    # Scopes have a colon of their own: publish:dossier.
    if not name or not secret:
        raise ConfigurationError("a client is given as id:secret:scopes, with spaces between scopes")
    return IssuerClient(name, secret, tuple(scopes.split()))


def read_clients(path: Path) -> list[IssuerClient]:
    """Return the clients in a YAML or JSON file.

    Args:
        path: A mapping: id → ``{secret, scopes, officer}``; officer may be left out.

    Raises:
        ConfigurationError: If it has another form.
    """
    document = read_yaml(path)
    try:
        return [
            IssuerClient(
                str(name), str(item["secret"]), tuple(map(str, item.get("scopes", ()))), str(item.get("officer", ""))
            )
            for name, item in document.items()
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} must map each client id to a secret and a list of scopes") from error


def signing_key(directory: Path) -> ECKey:
    """Return the issuer's private key, made at the first start and readable by its owner only.

    Args:
        directory: State directory of the hub.

    Raises:
        ConfigurationError: If the file cannot be read or made.
    """
    path = directory / _KEY_FILE
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            made = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
            path.touch(mode=0o600)
            path.write_bytes(orjson.dumps(made.as_dict(private=True)))
        return ECKey.import_key(orjson.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot use the issuer's key {path}: {type(error).__name__}") from error


class _TokenRequest(OAuth2Request):  # type: ignore[misc] # authlib has no types
    """A token request whose form is parsed already."""

    def __init__(self, headers: Mapping[str, str], form: dict[str, str]) -> None:
        # The issuer listens on loopback without TLS, which authlib refuses by the URL's scheme.
        super().__init__("POST", "https://localhost/token", headers=headers)
        self.payload = BasicOAuth2Payload(form)
        self._form = form

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Grant(ClientCredentialsGrant):  # type: ignore[misc] # authlib has no types
    """Client credentials with both usual ways to send the secret."""

    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS


class _Server(AuthorizationServer):  # type: ignore[misc] # authlib has no types
    """authlib's authorization server over Starlette's request."""

    def __init__(self, clients: Mapping[str, IssuerClient]) -> None:
        super().__init__()
        self._clients = clients
        self.register_grant(_Grant)

    def query_client(self, client_id: str) -> IssuerClient | None:
        return self._clients.get(client_id)

    def save_token(self, token: Any, request: Any) -> None:
        """Keep nothing: the tokens carry all they say."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody."""

    def validate_requested_scope(self, scope: str | None) -> None:
        """Leave it to the client's own scopes."""

    def create_oauth2_request(self, request: tuple[Mapping[str, str], dict[str, str]]) -> OAuth2Request:
        return _TokenRequest(*request)

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Response:
        return JSONResponse(body, status, dict(headers))


def create_issuer(
    settings: HubSettings, url: str, clients: Sequence[IssuerClient], key: ECKey, clock: Clock
) -> FastAPI:
    """Return the issuer.

    Args:
        settings: Gives the environment and the audience.
        url: Where it is reached; the tokens' ``iss``.
        clients: Who may get tokens.
        key: What signs them.
        clock: Tells when they end.

    Raises:
        ConfigurationError: In production.
    """
    if settings.environment == "production":
        raise ConfigurationError("the built-in issuer is for development; set gateway.issuer to the province's own")
    server = _Server({client.client_id: client for client in clients})

    def token(*, client: IssuerClient, scope: str | None, **_others: Any) -> dict[str, Any]:
        allowed = client.get_allowed_scope(scope or "")
        if scope and set(scope_to_list(scope)) - set(allowed.split()):
            raise InvalidScopeError
        now = int(clock.now().timestamp())
        claims = {
            "iss": url,
            "aud": settings.gateway.audience,
            "sub": client.officer or client.client_id,
            "client_id": client.client_id,
            "scope": allowed,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
        signed = jwt.encode(header, claims, key, algorithms=["ES256"])
        return {"access_token": signed, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": allowed}

    server.register_token_generator("default", token)
    app = FastAPI(title="Lienthong development issuer", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        """Tell where everything is (OpenID Connect Discovery 1.0)."""
        return {
            "issuer": url,
            "jwks_uri": f"{url}/jwks",
            "token_endpoint": f"{url}/token",
            "grant_types_supported": [ClientCredentialsGrant.GRANT_TYPE],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": _METHODS,
        }

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        """Return the public key."""
        return {"keys": [key.as_dict(private=False)]}

    @app.post("/token", response_model=None)
    async def create_token(request: Request) -> Response:
        """Give a token for client credentials (RFC 6749, section 4.4)."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM_BYTES:
                return JSONResponse({"error": "invalid_request"}, 413)
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        # authlib reads header names in their usual spelling.
        headers = {name.title(): value for name, value in request.headers.items()}
        response: Response = server.create_token_response((headers, form))
        return response

    return app

"""Profile ``three-url``: one URL for each write, a bare JSON array as body, success told by code and text together.

Source:
    A provincial client of 2025 ("ThemMoi", "CapNhat", "DongBoTienTrinh"; steps in chunks of ten). How it identifies
    itself and how it asks is not public: mutual TLS and two more URLs of the same form are ASSUMED.
"""

from collections.abc import Mapping
from typing import Any

from lienthong.connector import Effect
from lienthong.errors import TargetConfigurationError, TokenExpiredError
from lienthong_connectors.portal.answers import Judgement, Meaning, judge
from lienthong_connectors.portal.client import PortalClient, ServiceAnswer
from lienthong_connectors.portal.wire import (
    FIND_SERVICE,
    MAX_STEPS,
    PROGRESS_SERVICE,
    TECH_ID_SERVICE,
    truth,
)


class ThreeUrlClient(PortalClient):
    """Speaks bare arrays to one URL for each write.

    Args:
        config: Where and as whom.
        http: Builds the HTTP client.
        clock: What a date in ``Retry-After`` is compared with.
    """

    steps_per_call = MAX_STEPS

    async def _ask(self, service: str, body: Mapping[str, Any], effect: Effect) -> ServiceAnswer:
        path, document = self._request(service, body)
        is_write = effect is not Effect.IDEMPOTENT
        try:
            answer = await self._post(path, document, is_write=is_write)
        except TokenExpiredError as error:
            raise TargetConfigurationError(
                "the portal does not know the province; check client_certificate_file and destination_code",
                reason=error.reason,
            ) from error
        judgement = judge(answer, self._config.success_phrases, needs_code_and_text=is_write)
        if judgement.meaning is Meaning.SESSION:
            # There is no session to renew, so it is the account.
            judgement = Judgement(Meaning.CREDENTIALS, judgement.reason)
        return ServiceAnswer(judgement, answer)

    def _request(self, service: str, body: Mapping[str, Any]) -> tuple[str, list[Any]]:
        config = self._config
        if service == FIND_SERVICE:
            return config.find_endpoint, [{"MaHoSo": body["mahoso"]}]
        if service == TECH_ID_SERVICE:
            return config.tech_id_endpoint, [body]
        if service == PROGRESS_SERVICE:
            return config.progress_endpoint, body["data"]
        is_update = body["isUpdating"] == truth(True)
        return (config.update_endpoint if is_update else config.create_endpoint), body["data"]

"""The wire of profile ``three-url`` as a server sees it, and what its answers mean."""

import unicodedata
from typing import Any

import httpx
import orjson
import pytest

from lienthong.errors import LienthongError, OutcomeUnknownError, RejectedByTargetError, TargetConfigurationError

pytestmark = pytest.mark.parametrize("profile", ["three-url"], indirect=True)
NOTHING = {"error_code": "0", "message": "Tra cứu thành công", "result": []}


def _answer_with(sink: Any, *answers: Any) -> list[tuple[str, Any]]:
    """Let the connector's client answer from a list, and return what was asked."""
    seen: list[tuple[str, Any]] = []
    queue = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, orjson.loads(request.content)))
        answer = queue.pop(0)
        return httpx.Response(answer) if isinstance(answer, int) else httpx.Response(200, json=answer)

    sink._client._http = httpx.AsyncClient(base_url="http://portal", transport=httpx.MockTransport(handle))
    return seen


async def test_an_existing_dossier_goes_to_the_update_url(sink: Any, tools: Any) -> None:
    """Whatever the code and however accents are written, "đã tồn tại" sends the same bare array to the other URL."""
    exists = {"error_code": "3", "message": unicodedata.normalize("NFD", "Hồ sơ đã tồn tại")}
    seen = _answer_with(sink, NOTHING, exists, NOTHING, {"error_code": "0", "message": "Cập nhật thành công"})
    outcome = await tools.deliver(sink, tools.snapshot())

    assert outcome.reason == "updated"
    assert [path for path, _ in seen] == ["/TraCuuHoSo", "/ThemMoi", "/TraCuuHoSo", "/CapNhat"]
    assert seen[0][1] == [{"MaHoSo": tools.code}]
    assert seen[1][1] == seen[3][1]
    assert [type(each) for each in seen[1][1]] == [dict]


async def test_a_dossier_that_was_taken_before_is_a_success(sink: Any, tools: Any) -> None:
    """The text "đã được tiếp nhận" ends the record well with any code."""
    _answer_with(sink, NOTHING, {"error_code": "-3", "message": "Hồ sơ đã được tiếp nhận"})

    assert (await tools.deliver(sink, tools.snapshot())).reason == "created"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error_code": "0", "message": ""}, RejectedByTargetError),
        ({"error_code": "0", "message": "OK"}, RejectedByTargetError),
        ({"error_code": "3", "message": "Thành công"}, RejectedByTargetError),
        ({"error_code": "-3", "message": "Lỗi"}, RejectedByTargetError),
        ({"error_code": "-3", "message": "Phiên làm việc đã hết hạn"}, TargetConfigurationError),
        ([{"error_code": "0", "message": "Thành công"}], OutcomeUnknownError),
        (401, TargetConfigurationError),
        (500, OutcomeUnknownError),
    ],
)
async def test_only_code_and_text_together_are_a_success(
    sink: Any, tools: Any, answer: Any, error: type[LienthongError]
) -> None:
    """Every other answer to a write has its class; there is no session that could be renewed."""
    _answer_with(sink, NOTHING, answer)
    with pytest.raises(error) as caught:
        await tools.deliver(sink, tools.snapshot())

    assert type(caught.value) is error

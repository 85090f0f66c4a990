"""National system for feedback (phản ánh, kiến nghị): the province's goes up, what the nation assigns comes down."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.enveloped import EnvelopedConfig
from lienthong_connectors.enveloped.changes import PolledConfig
from lienthong_connectors.feedback.connector import EFFECTS, OPERATIONS, FeedbackSink
from lienthong_connectors.feedback.desk import DESK_EFFECTS, DESK_OPERATIONS, FeedbackDesk
from lienthong_connectors.feedback.source import NationalFeedback

CONNECTOR = ConnectorSpec(
    name="feedback",
    kind=ConnectorKind.SINK,
    config=EnvelopedConfig,
    factory=FeedbackSink,
    title_vi="Hệ thống tiếp nhận, trả lời phản ánh, kiến nghị quốc gia",
    effects=EFFECTS,
    operations=OPERATIONS,
    accepts=frozenset(OPERATIONS),
)
SOURCE = ConnectorSpec(
    name="national-feedback",
    kind=ConnectorKind.SOURCE,
    config=PolledConfig,
    factory=NationalFeedback,
    title_vi="Phản ánh, kiến nghị do quốc gia chuyển về tỉnh",
    accepts=frozenset({"feedback.snapshot"}),
)
DESK = ConnectorSpec(
    name="feedback-desk",
    kind=ConnectorKind.SINK,
    config=EnvelopedConfig,
    factory=FeedbackDesk,
    title_vi="Hệ thống tương tác, xử lý phản ánh của tỉnh",
    effects=DESK_EFFECTS,
    operations=DESK_OPERATIONS,
    accepts=frozenset(DESK_OPERATIONS),
)

__all__ = ["CONNECTOR", "DESK", "SOURCE"]

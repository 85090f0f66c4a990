"""National system for feedback (phản ánh, kiến nghị): the province's goes up."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.enveloped import EnvelopedConfig
from lienthong_connectors.feedback.connector import EFFECTS, OPERATIONS, FeedbackSink

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

__all__ = ["CONNECTOR"]

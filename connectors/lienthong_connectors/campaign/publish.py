"""Results of a campaign as records: the same bytes under the same id, however often they are written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lienthong.config.models import KafkaSettings
from lienthong.envelope import JSON_TYPE, SPEC_VERSION, Event, to_kafka
from lienthong.errors import TopicDriftError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.settings import client_configuration
from lienthong.record import BULK, LANE_HEADER, OutgoingRecord, Place
from lienthong.schema import dataschema
from lienthong_connectors.campaign.decisions import Decision
from lienthong_schemas.account import RESULT_TYPE, RESULT_VERSION, AccountLinkVerifiedV1
from lienthong_schemas.dossier import VerificationFinding


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all results of one campaign have in common.

    Attributes:
        campaign: Name of the campaign.
        digest: SHA-256 of the file.
        topic: Full name of the topic of results.
        system: System that holds the accounts; only it gets the results.
        purpose: What they may be used for.
        legal_basis: The law that allows it.
    """

    campaign: str
    digest: str
    topic: str
    system: str
    purpose: str
    legal_basis: str

    @property
    def source(self) -> str:
        """CloudEvents source."""
        return f"/lienthong/campaigns/{self.campaign}"

    def id_of(self, line: int) -> str:
        """Return the CloudEvents id of a row, the same after every restart.

        Args:
            line: Of the file.
        """
        return f"row-{line}-{self.digest[:8]}"

    def record_of(self, decision: Decision) -> OutgoingRecord:
        """Return the record that tells the requesting system.

        Args:
            decision: What was decided.
        """
        findings = (each.split(":", 1) for each in decision.findings)
        body = AccountLinkVerifiedV1(
            # An account without a number has no person yet.
            subject_reference=decision.subject or f"account-{decision.account}"[:64],
            account=decision.account,
            system=self.system,
            assertion_id=self.id_of(decision.line),
            state=decision.state,  # type: ignore[arg-type]  # checked by the model
            findings=tuple(VerificationFinding(field=field, rule=rule) for field, rule in findings),
            verified_at=datetime.fromisoformat(decision.decided_at),
            purpose=self.purpose,
        )
        attributes = {
            "specversion": SPEC_VERSION,
            "id": self.id_of(decision.line),
            "source": self.source,
            "type": RESULT_TYPE,
            "time": decision.decided_at,
            "dataschema": dataschema(RESULT_TYPE, RESULT_VERSION),
            "datacontenttype": JSON_TYPE,
            "subjectref": body.subject_reference,
            "purpose": self.purpose,
            "legalbasis": self.legal_basis,
        }
        headers, value = to_kafka(Event(attributes, body.model_dump_json().encode()))
        headers.append((LANE_HEADER, BULK))
        return OutgoingRecord(self.topic, body.subject_reference.encode(), value, headers)


class Results:
    """The topic of results, seen from a campaign that goes on after a kill.

    Args:
        kafka: How to reach the broker.
        stamp: Of the campaign.
    """

    def __init__(self, kafka: KafkaSettings, stamp: Stamp) -> None:
        self._view = ClusterView(client_configuration(kafka, f"campaign-{stamp.campaign}"))
        self._stamp = stamp

    def ends(self) -> dict[int, int]:
        """Return the end of each partition.

        Raises:
            TopicDriftError: If the topic does not exist.
        """
        found = self._view.end_offsets([self._stamp.topic])
        if not found:
            raise TopicDriftError(f"no topic {self._stamp.topic} in the cluster; run `lienthong topics apply`")
        return {place.partition: offset for place, offset in found.items()}

    def written(self, since: dict[int, int], until: dict[int, int]) -> Iterator[Decision]:
        """Yield the results of this campaign that stand in the topic.

        Args:
            since: First offset of each partition; what is missing begins at 0.
            until: Offset to stop before.
        """
        spans = {Place(self._stamp.topic, number): (since.get(number, 0), end) for number, end in until.items()}
        source = self._stamp.source.encode()
        with self._view.whole(spans) as reader:
            for record in reader.records():
                _, _, line_and_digest = (record.header("ce_id") or b"").decode().partition("row-")
                line, _, digest = line_and_digest.partition("-")
                if record.header("ce_source") != source or digest != self._stamp.digest[:8]:
                    continue
                body = AccountLinkVerifiedV1.model_validate_json(record.value or b"")
                findings = tuple(f"{each.field}:{each.rule}" for each in body.findings)
                at = (record.header("ce_time") or b"").decode()
                yield Decision(int(line), body.account, body.subject_reference, body.state, findings, at)

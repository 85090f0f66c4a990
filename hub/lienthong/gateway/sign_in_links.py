"""The record about a sign-in: written as the hub's own system, for the system that asked."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from lienthong.config.models import HubSettings
from lienthong.envelope import JSON_TYPE, SPEC_VERSION, Event, to_kafka
from lienthong.errors import ConfigurationError, RecordTooLargeError, ValidationFailedError
from lienthong.gateway.sign_in_flow import SignIn
from lienthong.personal import refuse_personal_ids
from lienthong.pseudonym import Pseudonymizer
from lienthong.record import OutgoingRecord
from lienthong.registry.schemas import SchemaRegistry
from lienthong.sign_in import AccountLink, IdentityProviderSpec
from lienthong.topic_names import TopicNames
from lienthong.validation import to_violations


class SignInLinks:
    """Makes the records.

    Args:
        settings: The hub's configuration.
        spec: The identity platform.
        registry: Known record types.
        pseudonymizer: Tells whether an account's profile names who signed in.

    Raises:
        ConfigurationError: If ``gateway.sign_in.system`` may not publish what sign-ins are written as.
    """

    def __init__(
        self, settings: HubSettings, spec: IdentityProviderSpec, registry: SchemaRegistry, pseudonymizer: Pseudonymizer
    ) -> None:
        self._settings = settings.gateway.sign_in
        self._max_bytes = settings.gateway.max_event_bytes
        self._spec = spec
        self._schema = registry.find(spec.link_type)
        self._pseudonymizer = pseudonymizer
        system, domain = self._settings.system, self._schema.domain
        publisher = settings.gateway.publishers.get(system)
        if publisher is None or not publisher.sources or domain not in publisher.domains:
            raise ConfigurationError(
                f"gateway.sign_in.system is {system!r}, which may not publish {domain}; "
                f"add gateway.publishers.{system} with one source and domains: [{domain}]"
            )
        self._source = publisher.sources[0]
        self._topic = TopicNames(settings.province).inbound(domain, system)

    def record(self, sign_in: SignIn, profile: Mapping[str, Any]) -> OutgoingRecord:
        """Return the record of a sign-in; the same one each time.

        Args:
            sign_in: With its result.
            profile: What the system says about its own account.

        Raises:
            ValidationFailedError: If the profile breaks the schema.
            RecordTooLargeError: If the profile is too large.

        Delivery:
            Keyed by the person. Its id is the sign-in's, so writing it twice is one record.
        """
        link = AccountLink(
            account=sign_in.account,
            system=sign_in.system,
            provider=self._spec.name,
            assertion_id=sign_in.id,
            level=sign_in.level,
            at=datetime.fromisoformat(sign_in.at),
            purpose=sign_in.purpose,
            subjectref=sign_in.subjectref,
        )
        model = self._model(link, profile)
        other = self._other_person(model, sign_in.subjectref)
        if other:
            model = self._model(replace(link, other_subjectref=other), profile)
        attributes = {
            "specversion": SPEC_VERSION,
            "id": sign_in.id,
            "source": self._source,
            "type": self._schema.type,
            "time": sign_in.at,
            "dataschema": self._schema.dataschema,
            "datacontenttype": JSON_TYPE,
            "subjectref": sign_in.subjectref,
            "legalbasis": self._settings.legal_basis,
            "actor": self._settings.actor,
        }
        refuse_personal_ids(attributes)
        headers, value = to_kafka(Event(attributes, model.model_dump_json().encode()))
        if value is not None and len(value) > self._max_bytes:
            raise RecordTooLargeError("the profile of the account is too large; send what identifies its holder only")
        return OutgoingRecord(self._topic, self._schema.key(model).encode(), value, headers)

    def _model(self, link: AccountLink, profile: Mapping[str, Any]) -> BaseModel:
        try:
            return self._spec.link(link, profile)
        except ValidationError as error:
            violations = to_violations(error)
        # Raised outside the handler: pydantic's error holds the input.
        raise ValidationFailedError(
            f"the profile breaks {self._schema.type}; see the fields", violations=violations, reason=violations[0].rule
        )

    def _other_person(self, model: BaseModel, subjectref: str) -> str:
        """Return the alias of whom the profile names when it does not name who signed in; empty if it does."""
        named = self._schema.subject(model) if self._schema.subject is not None else ()
        if not named or any(subjectref in self._pseudonymizer.aliases(*each) for each in named):
            return ""
        return self._pseudonymizer.alias(*named[0])

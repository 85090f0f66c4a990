"""Observations and warnings: valid as generated, one unit for each kind, and no place for a person or a picture."""

import json

import pytest
from pydantic import ValidationError

from lienthong_schemas.alert import UNITS, AlertWarningV1, ObservationRecordedV1
from lienthong_schemas.base import personal_paths
from lienthong_schemas.generator.alerts import THRESHOLDS, readings


def test_generated_observations_and_warnings_are_valid_and_true() -> None:
    """A warning follows exactly where a reading reaches its threshold; no reading is none and not 0."""
    silent = warned = 0
    for each in readings(300, seed=2):
        model = ObservationRecordedV1.model_validate_json(each.observation.data)
        is_high = model.value is not None and model.value >= THRESHOLDS[model.kind][0]
        silent += model.value is None
        assert (each.warning is not None) == is_high
        if each.warning is not None:
            warned += 1
            warning = AlertWarningV1.model_validate_json(each.warning.data)
            assert warning.areas == (model.station.spot.unit,)
    assert silent > 0
    assert warned > 10


@pytest.mark.parametrize("model", [ObservationRecordedV1, AlertWarningV1])
def test_nothing_in_it_is_personal_and_nothing_is_a_picture(model) -> None:
    """What goes to everybody must have no field in which a face or a name could stand."""
    assert personal_paths(model) == {}
    assert not {"image", "snapshot", "attachments", "reference", "sender"} & set(model.model_fields)


def test_each_kind_has_one_unit() -> None:
    """Centimetres where metres are meant would be a flood."""
    document = json.loads(next(readings(1)).observation.data)
    assert set(UNITS.values()) <= set(ObservationRecordedV1.model_fields["unit"].annotation.__args__)
    with pytest.raises(ValidationError, match="another unit"):
        ObservationRecordedV1.model_validate_json(json.dumps(document | {"unit": "m"}))


def test_a_warning_that_ended_before_it_began_is_refused() -> None:
    """It would be thrown away by every target and noticed by nobody."""
    warning = next(each.warning for each in readings(100) if each.warning)
    document = json.loads(warning.data)
    with pytest.raises(ValidationError, match="expires"):
        AlertWarningV1.model_validate_json(json.dumps(document | {"expires_at": document["issued_at"]}))

"""A campaign in real processes on a real Kafka: killed three times, it ends with exactly the truth."""

import pytest
from scripts.campaign_kills import Stage, kill_and_resume

pytestmark = pytest.mark.kafka


def test_a_campaign_that_is_killed_three_times_ends_with_exactly_the_truth(kafka_broker, unique_name, tmp_path):
    """Every row is as the generator says, no result is written twice, and no question was asked without its intent."""
    stage = Stage(tmp_path / "campaign", kafka_broker.bootstrap_servers, unique_name("campaign"), 900, seed=3)
    with stage.simulator(latency_seconds=0.005):
        stage.configure()
        outcome = kill_and_resume(stage, kills=3, seed=3)

    assert outcome.differences == {}
    assert outcome.doubles == 0
    assert outcome.calls <= outcome.intents <= outcome.lookups
    assert outcome.repeated > 0
    assert all(each.open > 0 for each in outcome.kills[:1])

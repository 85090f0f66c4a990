"""All cases, in the order in which they run."""

from scripts.fault import (
    cases_broker,
    cases_network,
    cases_record,
    cases_source,
    cases_store,
    cases_target,
    cases_worker,
)
from scripts.fault.case import CASES

__all__ = [
    "CASES",
    "cases_broker",
    "cases_network",
    "cases_record",
    "cases_source",
    "cases_store",
    "cases_target",
    "cases_worker",
]

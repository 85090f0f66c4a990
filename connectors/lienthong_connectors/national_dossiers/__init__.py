"""Dossiers submitted on national platforms (hồ sơ nộp trên Cổng Dịch vụ công quốc gia)."""

from lienthong.connector import ConnectorKind, ConnectorSpec
from lienthong_connectors.national_dossiers.config import NationalDossiersConfig
from lienthong_connectors.national_dossiers.connector import NationalDossiers

CONNECTOR = ConnectorSpec(
    name="national-dossiers",
    kind=ConnectorKind.SOURCE,
    config=NationalDossiersConfig,
    factory=NationalDossiers,
    title_vi="Cổng Dịch vụ công quốc gia và dịch vụ công liên thông",
    accepts=frozenset({"dossier.snapshot"}),
)

__all__ = ["CONNECTOR"]

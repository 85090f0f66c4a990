"""Sign-in of citizens with VNeID (Ứng dụng định danh quốc gia), directly or through a Keycloak that brokers it."""

from lienthong.sign_in import IdentityProviderSpec
from lienthong_connectors.vneid.broker import Broker
from lienthong_connectors.vneid.config import BrokerConfig, VneidConfig
from lienthong_connectors.vneid.direct import Vneid
from lienthong_connectors.vneid.links import LINK_TYPE, link_of

VNEID = IdentityProviderSpec("vneid", "Hệ thống định danh và xác thực điện tử", VneidConfig, Vneid, LINK_TYPE, link_of)
KEYCLOAK_BROKER = IdentityProviderSpec(
    "keycloak-broker", "Đăng nhập VNeID qua Keycloak của tỉnh", BrokerConfig, Broker, LINK_TYPE, link_of
)

__all__ = ["KEYCLOAK_BROKER", "VNEID"]

"""Huế's communes since 1 July 2025 and procedures that they handle.

Source:
    Communes: Decision 19/2025/QĐ-TTg as in ``vietnam-provinces`` 2026.9.0. Organisation codes below H57, field codes
    and the pairing of procedure codes and names are ASSUMED.
"""

from typing import Final, NamedTuple

PROVINCE_CODE: Final = "46"
PROVINCE_ORGANISATION: Final = "H57"


class Commune(NamedTuple):
    """A commune and its one-stop desk.

    Attributes:
        code: GSO code since 1 July 2025.
        name: Official name with its kind.
        organisation: Organisation code of its People's Committee.
    """

    code: str
    name: str
    organisation: str


class ProcedureEntry(NamedTuple):
    """An administrative procedure.

    Attributes:
        code: National code.
        name: Official name.
        field_code: Code of the field.
        field_name: Name of the field.
        days: Usual days to handle it.
        subject: ``citizen`` or ``enterprise``.
    """

    code: str
    name: str
    field_code: str
    field_name: str
    days: int
    subject: str


_COMMUNES: Final = (
    (19753, "Phường Phú Xuân"),
    (19774, "Phường Kim Long"),
    (19777, "Phường Vỹ Dạ"),
    (19789, "Phường Thuận Hóa"),
    (19804, "Phường Hương An"),
    (19813, "Phường Thủy Xuân"),
    (19815, "Phường An Cựu"),
    (19819, "Phường Phong Điền"),
    (19828, "Phường Phong Phú"),
    (19831, "Phường Phong Dinh"),
    (19858, "Phường Phong Thái"),
    (19867, "Xã Quảng Điền"),
    (19873, "Phường Phong Quảng"),
    (19885, "Xã Đan Điền"),
    (19900, "Phường Thuận An"),
    (19909, "Phường Dương Nỗ"),
    (19918, "Xã Phú Hồ"),
    (19930, "Phường Mỹ Thượng"),
    (19942, "Xã Phú Vang"),
    (19945, "Xã Phú Vinh"),
    (19960, "Phường Phú Bài"),
    (19969, "Phường Thanh Thủy"),
    (19975, "Phường Hương Thủy"),
    (19996, "Phường Hương Trà"),
    (20014, "Phường Hóa Châu"),
    (20017, "Phường Kim Trà"),
    (20035, "Xã Bình Điền"),
    (20044, "Xã A Lưới 2"),
    (20050, "Xã A Lưới 5"),
    (20056, "Xã A Lưới 1"),
    (20071, "Xã A Lưới 3"),
    (20101, "Xã A Lưới 4"),
    (20107, "Xã Phú Lộc"),
    (20122, "Xã Vinh Lộc"),
    (20131, "Xã Hưng Lộc"),
    (20137, "Xã Chân Mây - Lăng Cô"),
    (20140, "Xã Lộc An"),
    (20161, "Xã Khe Tre"),
    (20179, "Xã Nam Đông"),
    (20182, "Xã Long Quảng"),
)
COMMUNES: Final = tuple(
    Commune(str(code), name, f"{PROVINCE_ORGANISATION}.{number}")
    for number, (code, name) in enumerate(_COMMUNES, start=21)
)
PROCEDURES: Final = (
    ProcedureEntry("1.004194", "Đăng ký tạm trú", "G01-CT01", "Đăng ký, quản lý cư trú", 3, "citizen"),
    ProcedureEntry("1.004222", "Đăng ký thường trú", "G01-CT01", "Đăng ký, quản lý cư trú", 7, "citizen"),
    ProcedureEntry("1.001193", "Đăng ký khai sinh", "G15-HT01", "Hộ tịch", 1, "citizen"),
    ProcedureEntry("1.000894", "Đăng ký kết hôn", "G15-HT01", "Hộ tịch", 1, "citizen"),
    ProcedureEntry("1.000656", "Đăng ký khai tử", "G15-HT01", "Hộ tịch", 1, "citizen"),
    ProcedureEntry("1.004873", "Cấp Giấy xác nhận tình trạng hôn nhân", "G15-HT01", "Hộ tịch", 3, "citizen"),
    ProcedureEntry("2.000635", "Cấp bản sao trích lục hộ tịch", "G15-HT01", "Hộ tịch", 1, "citizen"),
    ProcedureEntry("2.000488.000.00.00.H57", "Cấp Phiếu lý lịch tư pháp", "G15-TP02", "Lý lịch tư pháp", 10, "citizen"),
    ProcedureEntry("2.000815", "Chứng thực bản sao từ bản chính giấy tờ", "G15-CT03", "Chứng thực", 1, "citizen"),
    ProcedureEntry("2.000884", "Chứng thực chữ ký trong các giấy tờ, văn bản", "G15-CT03", "Chứng thực", 1, "citizen"),
    ProcedureEntry("2.000286.H57", "Tiếp nhận đối tượng bảo trợ xã hội", "G18-BT01", "Bảo trợ xã hội", 20, "citizen"),
    ProcedureEntry("1.001612", "Đăng ký thành lập hộ kinh doanh", "G12-KD01", "Hộ kinh doanh", 3, "enterprise"),
    ProcedureEntry("2.001610", "Đăng ký thành lập doanh nghiệp", "G12-DN01", "Doanh nghiệp", 3, "enterprise"),
)
CITIZEN_PROCEDURES: Final = tuple(entry for entry in PROCEDURES if entry.subject == "citizen")
ENTERPRISE_PROCEDURES: Final = tuple(entry for entry in PROCEDURES if entry.subject == "enterprise")
STREETS: Final = (
    "Lê Lợi",
    "Hùng Vương",
    "Nguyễn Huệ",
    "Đinh Tiên Hoàng",
    "Bà Triệu",
    "Điện Biên Phủ",
    "Trần Hưng Đạo",
    "Phan Đình Phùng",
    "Tố Hữu",
    "An Dương Vương",
)

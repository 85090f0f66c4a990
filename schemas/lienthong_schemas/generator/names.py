"""Vietnamese names of the usual shape; the people are made up."""

from random import Random
from typing import Final

FAMILY: Final = (
    *("Nguyễn",) * 12,
    *("Trần",) * 5,
    *("Lê",) * 4,
    *("Phạm",) * 3,
    *("Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý"),
    *("Tôn Thất", "Hồ Đắc", "Thân Trọng", "Đoàn", "Cao", "Trương", "Châu", "Mai", "Hà", "Văn"),
)
MIDDLE_MALE: Final = ("Văn", "Văn", "Hữu", "Đức", "Quang", "Minh", "Công", "Đình", "Quốc", "Thanh", "Ngọc", "Bá")
MIDDLE_FEMALE: Final = ("Thị", "Thị", "Thị", "Thị Thu", "Thị Kim", "Ngọc", "Thị Mỹ", "Diệu", "Thùy", "Khánh", "Bảo")
# fmt: off
GIVEN_MALE: Final = (
    "An", "Bảo", "Bình", "Cường", "Dũng", "Duy", "Đạt", "Đức", "Giang", "Hải", "Hào", "Hiếu", "Hòa", "Hoàng", "Hùng",
    "Huy", "Hưng", "Khang", "Khánh", "Khoa", "Kiên", "Lâm", "Lộc", "Long", "Lợi", "Mạnh", "Minh", "Nam", "Nghĩa",
    "Nhân", "Phong", "Phú", "Phúc", "Phước", "Quân", "Quý", "Sơn", "Tài", "Tâm", "Tân", "Thái", "Thắng", "Thịnh",
    "Thuận", "Tiến", "Toàn", "Trí", "Trung", "Tuấn", "Tùng", "Vinh", "Vũ", "Vỹ",
)
# fmt: on
# fmt: off
GIVEN_FEMALE: Final = (
    "An", "Ánh", "Bích", "Châu", "Chi", "Cúc", "Dung", "Duyên", "Đào", "Giang", "Hà", "Hạnh", "Hằng", "Hiền", "Hoa",
    "Hòa", "Hồng", "Huệ", "Hương", "Huyền", "Khuê", "Lan", "Lệ", "Liên", "Linh", "Loan", "Ly", "Mai", "Minh", "My",
    "Nga", "Ngân", "Ngọc", "Nguyệt", "Nhàn", "Nhi", "Nhung", "Oanh", "Phương", "Quỳnh", "Sương", "Tâm", "Thảo",
    "Thơm", "Thu", "Thủy", "Thúy", "Thương", "Trà", "Trang", "Trâm", "Trinh", "Tuyết", "Uyên", "Vân", "Xuân", "Yến",
)
# fmt: on
#: A tone on another vowel, y for i: both spellings are in use, and NFC does not make them one.
RESPELLINGS: Final = (
    ("Hòa", "Hoà"),
    ("Thủy", "Thuỷ"),
    ("Thúy", "Thuý"),
    ("Thùy", "Thuỳ"),
    ("Quý", "Quí"),
    ("Lý", "Lí"),
)
_PLAIN: Final = str.maketrans(
    "ÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬĐÈÉẺẼẸÊỀẾỂỄỆÌÍỈĨỊÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢÙÚỦŨỤƯỪỨỬỮỰỲÝỶỸỴ"
    "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ",
    "AAAAAAAAAAAAAAAAADEEEEEEEEEEEIIIIIOOOOOOOOOOOOOOOOOUUUUUUUUUUUYYYYY"
    "aaaaaaaaaaaaaaaaadeeeeeeeeeeeiiiiiooooooooooooooooouuuuuuuuuuuyyyyy",
)


def full_name(draw: Random, *, female: bool) -> str:
    """Return a made-up full name.

    Args:
        draw: Source of chance.
        female: Whose usual names to take.
    """
    middle, given = (MIDDLE_FEMALE, GIVEN_FEMALE) if female else (MIDDLE_MALE, GIVEN_MALE)
    return f"{draw.choice(FAMILY)} {draw.choice(middle)} {draw.choice(given)}"


def respelled(name: str) -> str:
    """Return the name with other accents: another place of the tone where there is one, otherwise none at all.

    Args:
        name: A full name.
    """
    for usual, other in RESPELLINGS:
        if name.endswith(f" {usual}"):
            return name[: -len(usual)] + other
    return name.translate(_PLAIN)

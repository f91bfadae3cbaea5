from __future__ import annotations

import pytest

from evergreen.discovery.layout import find_encoding


@pytest.mark.parametrize("lines", [5, 2000])
@pytest.mark.parametrize(
    ("encoding", "towns"),
    [
        ("cp1252", "München Köln Berlin"),
        ("cp1252", "São_Paulo Brasília Recife"),
        ("cp1252", "café été naïve"),
        ("cp1251", "Москва Казань Томск"),
        ("cp1251", "Київ Львів"),
        ("cp1251", "Москва Rom Москва"),
        ("koi8_r", "Москва Казань Томск"),
        ("cp1253", "Αθήνα Πάτρα"),
        ("shift_jis", "東京 大阪 名古屋"),
        ("gb18030", "北京 上海 广州"),
        ("big5", "臺北 高雄"),
        ("euc_kr", "서울 부산"),
    ],
)
def test_a_file_of_another_alphabet_is_read_as_it_was_written(encoding: str, towns: str, lines: int) -> None:
    names = towns.split()
    text = "id,town,amount\n" + "".join(f"{n},{names[n % len(names)]},{n * 1.5}\n" for n in range(lines))
    found, why = find_encoding(text.encode(encoding))
    assert found is not None
    assert text.encode(encoding).decode(found) == text
    assert "is no UTF-8; read so it is" in why


def test_utf_8_needs_no_name() -> None:
    assert find_encoding("town\nŁódź\n東京\n".encode()) == (None, "")


def test_one_odd_byte_in_a_western_file_makes_no_other_alphabet_of_it() -> None:
    text = "town,b\n" + "Köln,1\nRom,0\n" * 50
    assert find_encoding(text.encode() + "Zürich,1\n".encode("latin-1"))[0] == "cp1252"

"""Exports of provincial systems: what is read, and how a row that cannot be is named."""

import contextlib
import tracemalloc

import pytest

from lienthong.ledger.source_list import ListedDossier, SourceListError, read_list

CODE = "H57.21-261008-0001"


def _read(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_list(path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", f"dossier_code,state\n{CODE},processing\n"),
        ("a.csv", f'\ufeffMã hồ sơ;Ghi chú;Trạng thái\r\n{CODE};"a;b";processing\r\n'),
        ("a.tsv", f"STATUS\tMa_Ho_So\nprocessing\t {CODE} \n\n"),
        ("a.ndjson", f'{{"dossier_code":"{CODE}","status":"processing","owner":"x"}}\n\n'),
    ],
)
def test_usual_exports_are_read(tmp_path, name, content):
    """Systems and spreadsheets write the same table in different ways."""
    (row,) = _read(tmp_path, name, content)
    assert row[1:] == (CODE, "processing")


def test_a_state_may_be_missing_and_lines_are_counted(tmp_path):
    """A list of codes alone still tells what was never sent."""
    rows = _read(tmp_path, "a.csv", "Mã hồ sơ\nH1\nH2\n")
    assert rows == [ListedDossier(2, "H1", ""), ListedDossier(3, "H2", "")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "code,state\nH1,x\n", "line 1: dossier_code"),
        ("a.csv", "dossier_code,state\nH1,processing\n,processing\n", "line 3: dossier_code"),
        ("a.csv", "dossier_code,state\nH1,processing,NGUYỄN\n", "line 2: 3 columns instead of 2"),
        ("a.csv", "dossier_code,state\nH1,Đang xử lý\n", "line 2: state"),
        ("a.csv", 'dossier_code,state\n"H1"x,processing\n', "line 2: the row cannot be taken apart"),
        ("a.csv", "Mã hồ sơ;Trạng thái\nH1;returned\n;returned\n", "line 3: dossier_code: it is empty; take merged"),
        ("a.csv", "Mã hồ sơ;Trạng thái\nH1;returned\nH2;\n", "line 3: state: it is empty; take merged cells apart"),
        ("a.csv", "dossier_code\n2.61008E+11\n", "line 2: dossier_code: it is no code; export the column as text"),
        ("a.csv", "dossier_code\n002610\n2611\n002612\n", "line 3: dossier_code: 4 digits where line 2 has 6; zeros"),
        ("a.csv", "dossier_code\n2611\n002610\n", "line 2: dossier_code: 4 digits where line 3 has 6"),
        ("a.csv", "dossier_code\nH1 0123\n", "line 2: dossier_code"),
        ("a.csv", "", "line 1: dossier_code"),
        ("a.ndjson", '{"dossier_code":"H1"}\n[1]\n{"dossier_code":', "line 2: it is no JSON object"),
        ("a.ndjson", '{"dossier_code":12}\n', "line 1: dossier_code"),
        ("a.ndjson", '{"dossier_code":"H1","state":7}\n', "line 1: state"),
        ("a.csv", "dossier_code;b\nH1;Huế\n".encode() + b"H2;Hu\xea\xec\nH3;\n", "line 3: it is no UTF-8 text; export"),
        ("a.csv", "dossier_code\nH1\n".encode("utf-16"), "line 1: it is no UTF-8 text"),
        ("a.ndjson", b'{"dossier_code":"H1"}\n{"dossier_code":"H\xff"}\n', "line 2: it is no UTF-8 text"),
        ("a.csv", "x" * 1_000_001, "line 1: it is far too long"),
        ("a.csv", 'dossier_code\nH1\n"' + "x\n" * 100_000, "cannot be taken apart"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_without_its_value(tmp_path, name, content, said):
    """The one who exported it finds the row; whoever sees the message learns nothing about a person."""
    with pytest.raises(SourceListError) as caught:
        _read(tmp_path, name, content)
    assert said in str(caught.value)
    for value in ("NGUYỄN", "Đang", "0123"):
        assert value not in str(caught.value)


def test_all_findings_are_told_at_once_but_not_a_million(tmp_path):
    """A wrong column is mended once, not a million times."""
    with pytest.raises(SourceListError) as caught:
        _read(tmp_path, "a.csv", "dossier_code\n" + "x y\n" * 1_000)
    assert (len(caught.value.findings), caught.value.total) == (20, 1_000)
    assert "and 980 more" in str(caught.value)


@pytest.mark.parametrize("row", ["H57.21-261008-{:06}", "H57 21-261008-{:06}"])
def test_a_list_of_any_length_takes_no_memory(tmp_path, row):
    """A whole year's export, right or wrong, is read beside everything else that a small machine does."""
    path = tmp_path / "a.csv"
    path.write_text("dossier_code\n" + "".join(row.format(number) + "\n" for number in range(12_000)), "utf-8")
    tracemalloc.start()
    try:
        number = 0
        with contextlib.suppress(SourceListError):
            for _ in read_list(path):
                number += 1
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number in {0, 12_000}
    assert most < 300_000


def test_a_file_that_is_not_there_is_named(tmp_path):
    """A typing error is no empty list."""
    with pytest.raises(SourceListError, match="cannot be read"):
        list(read_list(tmp_path / "missing.csv"))

from hypothesis import given
from hypothesis import strategies as st

from otel_judge.receive.origins import OriginTable


def test_equal_origins_become_one_object():
    table = OriginTable()

    first = table.intern(b"resource", "r", b"scope", "s")

    assert table.intern(bytes(bytearray(b"resource")), "r", b"scope", "s") is first
    assert table.intern(b"resource", "r", b"scope", "other") is not first
    assert first == (b"resource", "r", b"scope", "s")


def test_what_is_asked_for_again_outlives_what_is_not():
    table = OriginTable(max_entries=4)
    used, unused = table.intern(b"used", "", b"", ""), table.intern(b"unused", "", b"", "")

    for number in range(10):
        table.intern(b"%d" % number, "", b"", "")
        assert table.intern(b"used", "", b"", "") is used

    assert table.intern(b"unused", "", b"", "") is not unused


def test_an_origin_larger_than_the_table_is_not_kept():
    table = OriginTable(max_bytes=100)

    table.intern(b"x" * 200, "", b"", "")

    assert len(table) == 0


@given(st.lists(st.integers(0, 30), max_size=200))
def test_the_table_stays_within_its_bounds(sizes: list[int]):
    table = OriginTable(max_entries=8, max_bytes=64)

    for size in sizes:
        origin = table.intern(b"x" * size, "", b"", "")
        assert origin.resource == b"x" * size
        assert len(table) <= 8

import secrets

from otel_judge.own_traces import is_own, new_trace_id


def test_own_trace_ids_are_recognised_without_memory() -> None:
    ids = {new_trace_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(trace_id) == 16 and is_own(trace_id) for trace_id in ids)


def test_others_ids_are_not() -> None:
    assert not any(is_own(secrets.token_bytes(16)) for _ in range(10_000))
    assert not is_own(bytes(16))

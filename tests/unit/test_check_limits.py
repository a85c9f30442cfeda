from otel_judge.check import Grade, build
from otel_judge.config import LatencyCheck, TokensCheck
from otel_judge.testing.traces import TraceBuilder


def latency(traced: TraceBuilder, **limits: str) -> Grade:
    return build([LatencyCheck.model_validate(limits)])[0].grade(traced.trace())


def tokens(traced: TraceBuilder, **limits: float | None) -> Grade:
    return build([TokensCheck.model_validate(limits)])[0].grade(traced.trace())


def slow() -> TraceBuilder:
    traced = TraceBuilder()
    root = traced.span("root", end=40.0)
    traced.span("quick", parent=root, end=1.0)
    traced.span("slow", parent=root, start=2.0, end=37.5)
    return traced


def test_whole_trace_against_its_limit():
    grade = latency(slow(), max="30s")
    assert grade.passed is False
    assert grade.rationale == ("the trace took 40.000 s (limit 30 s); its slowest span below the root 35.500 s: slow")
    assert [(each.quote, each.path) for each in grade.evidence] == [("root", "name"), ("slow", "name")]
    assert latency(slow(), max="40s").passed is True


def test_slowest_span_against_its_own_limit():
    grade = latency(slow(), max="1m", max_span="35s")
    assert grade.passed is False
    assert [each.quote for each in grade.evidence] == ["slow"]
    assert latency(slow(), max="1m", max_span="36s").passed is True


def test_spans_without_an_end_are_left_out_and_counted():
    traced = slow()
    traced.span("hangs", ended=False)
    assert latency(traced, max="1m").rationale.endswith("; 1 span without an end left out")
    traced = TraceBuilder()
    traced.span("hangs", ended=False)
    assert latency(traced).passed is None


def test_end_before_the_start_is_no_duration():
    traced = TraceBuilder()
    traced.span("root", start=5.0, end=1.0)
    assert latency(traced).rationale == "the trace took 0.000 s (limit 30 s)"


def test_tokens_of_the_whole_trace_against_the_limit():
    traced = TraceBuilder()
    traced.chat("m", tokens=(900, 50))
    big = traced.chat("m", tokens=(1000, 51), start=2.0)
    grade = tokens(traced, max=2000)
    assert grade.passed is False
    assert grade.rationale == "1,900 input and 101 output tokens, 2,001 in all (limit 2,000), in 2 calls"
    assert grade.evidence[0].span_id == big
    assert tokens(traced, max=2001).passed is True


def test_money_against_the_limit():
    traced = TraceBuilder()
    traced.chat("gpt-4o-mini", tokens=(1_000_000, 0), attributes={"gen_ai.provider.name": "openai"})
    grade = tokens(traced, max=None, max_usd=0.01)
    assert grade.passed is False
    assert "0.1500 USD (limit 0.01)" in grade.rationale
    assert tokens(traced, max=None, max_usd=1.0).passed is True


def test_provider_that_nobody_knows_leaves_the_model_to_tell_the_price():
    traced = TraceBuilder()
    traced.chat("gpt-4o-mini", tokens=(1_000_000, 0), attributes={"gen_ai.provider.name": "microsoft.agent_framework"})
    assert tokens(traced, max=None, max_usd=0.01).passed is False


def test_cached_tokens_beside_the_input_are_priced():
    traced = TraceBuilder()
    traced.chat(
        "claude-sonnet-4-5",
        tokens=(10, 0),
        attributes={"gen_ai.provider.name": "anthropic", "gen_ai.usage.cache_read.input_tokens": 100_000},
    )
    assert "0.0300 USD" in tokens(traced, max=None, max_usd=1.0).rationale


def test_model_without_a_price_is_not_judgeable_only_where_money_is_limited():
    traced = TraceBuilder()
    traced.chat("home-made", tokens=(10, 10))
    assert tokens(traced).passed is True
    grade = tokens(traced, max_usd=1.0)
    assert grade.passed is None
    assert grade.rationale.endswith("no price is known for home-made")
    traced.chat("gpt-4o-mini", tokens=(100_000_000, 0), start=2.0)
    assert tokens(traced, max=None, max_usd=1.0).passed is False


def test_trace_without_tokens_is_not_judgeable():
    traced = TraceBuilder()
    traced.chat("m")
    assert tokens(traced) == Grade(passed=None, rationale="no span of the trace reports tokens")


def test_call_that_reports_no_tokens_beside_others_is_not_judgeable_unless_they_exceed_the_limit():
    traced = TraceBuilder()
    traced.chat("m", tokens=(1000, 0))
    traced.chat("m", start=2.0)
    assert tokens(traced).passed is None
    assert tokens(traced, max=999).passed is False

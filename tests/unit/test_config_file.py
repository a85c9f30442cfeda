import pytest

from otel_judge.config import Config, ProbabilisticPolicy
from otel_judge.config_file import load, parse
from otel_judge.errors import ConfigError
from otel_judge.receive.grpc_settings import channel_options

JUDGE = """
judges:
  - name: task_success
    instructions: "Read the {{ trace }}."
    values: [yes, no]
    model: main
models: {main: {model: "anthropic:some-model", headers: {x-key: "${env:KEY}"}}}
"""


def error_of(text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, environ=environ)
    return str(caught.value)


def test_an_empty_file_is_the_defaults() -> None:
    assert parse("") == Config()
    assert parse("# nothing\n") == Config()


def test_durations_are_seconds() -> None:
    config = parse("index: {completion: {root_grace: 1m30s, idle: 500ms, max_age: 0}}")
    completion = config.index.completion
    assert (completion.root_grace, completion.idle, completion.max_age) == (90.0, 0.5, 0.0)


def test_a_collectors_policy_block_is_accepted_as_it_is() -> None:
    config = parse(
        """
        sampling:
          policies:
            - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
            - name: some
              type: probabilistic
              probabilistic: {sampling_percentage: 10, hash_salt: x}
            - {name: slow, type: latency, latency: {threshold_ms: 5000}}
            - {name: all, type: always_sample}
        """
    )
    assert [policy.type for policy in config.sampling.policies] == [
        "status_code",
        "probabilistic",
        "latency",
        "always_sample",
    ]
    some = config.sampling.policies[1]
    assert isinstance(some, ProbabilisticPolicy)
    assert some.probabilistic.sampling_percentage == 10


def test_checks_have_a_short_form() -> None:
    config = parse("checks: [answered, {latency: {max: 3s}}, {type: tokens, max: 5}, {tool_errors: }]")
    assert [check.type for check in config.checks] == ["answered", "latency", "tokens", "tool_errors"]


def test_yes_and_on_are_words() -> None:
    config = parse(JUDGE, environ={"KEY": "k"})
    assert config.judges[0].values == ("yes", "no")


def test_variables_of_the_environment_are_filled_in() -> None:
    text = "feedback: {service_name: '${env:NAME:-fallback}-x'}\nindex: {max_mib: '${env:MIB}'}"
    config = parse(text, environ={"MIB": "12"})
    assert config.feedback.service_name == "fallback-x"
    assert config.index.max_mib == 12


def test_secrets_stand_in_no_repr() -> None:
    config = parse(JUDGE, environ={"KEY": "hunter2"})
    assert config.models["main"].headers == {"x-key": "hunter2"}
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "judges:\n  - name: x\n    valeus: [a]\n    instructions: a\n    model: a:b",
            "otel-judge.yaml:3: judges[0].valeus: unknown key; did you mean 'values'?",
        ),
        (
            "index: {completion: {root_grace: 6}}",
            "otel-judge.yaml:1: index.completion.root_grace: a duration needs a unit; write 6s if seconds are meant",
        ),
        (
            "sampling:\n  policies:\n    - name: a\n      type: probabilistic\n"
            "      probabilistic: {sampling_percentag: 3}",
            "otel-judge.yaml:5: sampling.policies[0].probabilistic.sampling_percentag: unknown key (and 1 more); "
            "did you mean 'sampling_percentage'?",
        ),
        (
            "sampling:\n  policies:\n    - {name: a, type: probabilistic}",
            "otel-judge.yaml:3: sampling.policies[0].probabilistic: this key is missing",
        ),
        (
            "checks: [answerd]",
            "otel-judge.yaml:1: checks[0]: unknown type 'answerd'; did you mean 'answered'?",
        ),
        (
            "{judge_workers: 3, models: {main: {model: 'anthropic:m', concurrency: 2}}}",
            "otel-judge.yaml: judge_workers is 3, and model 'main' takes 2 requests at once, fewer than one a worker; "
            "raise models.main.concurrency, or lower judge_workers",
        ),
        (
            "memory_limiter: {limit_mib: 100, spike_limit_mib: 100}",
            "otel-judge.yaml:1: memory_limiter: spike_limit_mib has to be less than limit_mib",
        ),
        (
            "forward: {endpoint: there}",
            "otel-judge.yaml:1: forward: this version does not honour this key yet; remove it",
        ),
        (
            "checks: [{latency: {on: sampled}}]",
            "otel-judge.yaml:1: checks[0].latency.on: this version does not honour this key yet; remove it",
        ),
        ("a: [", "otel-judge.yaml:1: not YAML: expected the node content, but found '<stream end>'"),
        ("- a", "otel-judge.yaml: not a mapping of keys; start with a key such as `judges:`"),
        (
            "exporters: {otlp: {endpoint: nowhere}}",
            "otel-judge.yaml:1: exporters.otlp.endpoint: 'nowhere' is not an endpoint; "
            "write host:port, such as 127.0.0.1:4317",
        ),
        (
            "feedback: {service_name: '${env:NAME}'}",
            "otel-judge.yaml:1: feedback.service_name: the environment variable NAME is not set; "
            "set it or write ${env:NAME:-default}",
        ),
        (
            "judges: [{name: x, instructions: a, model: main}]",
            "otel-judge.yaml: judge 'x' names the model 'main', which is neither provider:model "
            "nor a name under models (none are defined)",
        ),
        ("checks: [answered, answered]", "otel-judge.yaml: the name 'answered' is used twice"),
        (
            "receivers: {otlp: {protocols: {grpc: , http: }}}",
            "otel-judge.yaml:1: receivers.otlp.protocols: both protocols are off; leave grpc or http on",
        ),
    ],
)
def test_an_error_says_where_what_and_how_to_mend_it(text: str, line: str) -> None:
    assert error_of(text) == line


def test_the_file_is_found_by_argument_then_environment_then_name(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environ={}) == Config()
    (tmp_path / "otel-judge.yaml").write_text("checks: [answered]")
    assert [check.type for check in load(environ={}).checks] == ["answered"]
    (tmp_path / "other.yaml").write_text("checks: [latency]")
    assert [check.type for check in load(environ={"OTEL_JUDGE_CONFIG": "other.yaml"}).checks] == ["latency"]
    with pytest.raises(ConfigError, match="missing.yaml: no such file"):
        load("missing.yaml", environ={})


SHADOW = JUDGE.replace(
    "models:",
    """\
  - {name: next, instructions: "{{ trace }}", model: main, shadow_of: task_success}
models:""",
)


def test_a_shadow_names_a_judge() -> None:
    assert [judge.shadow_of for judge in parse(SHADOW, environ={"KEY": "k"}).judges] == [None, "task_success"]


@pytest.mark.parametrize(
    ("primary", "problem"),
    [
        ("nobody", "judge 'next' is a shadow of 'nobody', which is no judge here (task_success)"),
        ("tool_errors", "judge 'next' is a shadow of 'tool_errors', which is no judge here (task_success)"),
        ("next", "judge 'next' is a shadow of 'next', which is itself a shadow; name the judge that counts"),
    ],
)
def test_a_shadow_of_what_is_no_judge_is_refused(primary: str, problem: str) -> None:
    assert problem in error_of(SHADOW.replace("shadow_of: task_success", f"shadow_of: {primary}"), KEY="k")


SESSION_JUDGE = "{name: helped, target: session, model: 'a:b', instructions: 'Was {{ conversation }} calm?'}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("session_idle: 2h", r"after session_idle \(7200s\) none of their traces is held.*max_age is 3600s; make"),
        ("index: {retain: {max_age: 10m}}", "make session_idle shorter"),
        ("index: {retain: {max_mib: 0}}", "index.retain.max_mib is 0; raise it"),
    ],
)
def test_sessions_are_judged_while_their_traces_are_held(text: str, problem: str) -> None:
    assert parse(text).session_idle > 0  # without a judge of sessions, nobody minds
    with pytest.raises(ConfigError, match=f"judge 'helped' judges sessions.*{problem}"):
        parse(f"{text}\njudges: [{SESSION_JUDGE}]")


@pytest.mark.parametrize("target", ["root", "session"])
def test_a_shadow_judges_what_its_primary_judges(target: str) -> None:
    shadow = SESSION_JUDGE.replace("helped", "candidate, shadow_of: helped").replace("session", target)
    text = f"judges: [{SESSION_JUDGE}, {shadow}]"
    if target == "session":
        assert parse(text).judges[1].target == "session"
        return
    with pytest.raises(ConfigError, match="'candidate' is a shadow of 'helped', whose target is session; give both"):
        parse(text)


def test_shadows_in_a_circle_are_refused() -> None:
    circle = SHADOW.replace("    values: [yes, no]", "    shadow_of: next")
    assert "which is itself a shadow" in error_of(circle, KEY="k")


def test_a_collectors_receiver_block_is_accepted_as_it_is() -> None:
    config = parse(
        """
        receivers:
          otlp:
            protocols:
              grpc:
                max_recv_msg_size_mib: 16
                max_concurrent_streams: 100
                keepalive:
                  server_parameters: {max_connection_idle: 11s, max_connection_age: 12s, time: 30s, timeout: 5s}
                  enforcement_policy: {min_time: 10s, permit_without_stream: true}
                tls: {cert_file: a.pem, key_file: a.key, client_ca_file: ca.pem, reload_interval: 10s}
              http:
                tls: {cert_file: a.pem, key_file: a.key, min_version: 1.3}
                cors: {allowed_origins: ["https://*.example.com"], allowed_headers: [X-A], max_age: 7200}
        """
    )
    grpc, http = config.receivers.otlp.protocols.grpc, config.receivers.otlp.protocols.http
    assert grpc is not None
    assert http is not None
    assert grpc.keepalive.server_parameters.max_connection_age == 12
    assert dict(channel_options(grpc)) == {
        "grpc.max_receive_message_length": 16 * 2**20,
        "grpc.so_reuseport": 0,
        "grpc.server_handshake_timeout_ms": 10_000,
        "grpc.max_concurrent_streams": 100,
        "grpc.max_connection_idle_ms": 11_000,
        "grpc.max_connection_age_ms": 12_000,
        "grpc.keepalive_time_ms": 30_000,
        "grpc.keepalive_timeout_ms": 5_000,
        "grpc.http2.min_ping_interval_without_data_ms": 10_000,
        "grpc.keepalive_permit_without_calls": 1,
    }
    assert http.tls is not None
    assert http.tls.min_version == "1.3"


GRPC, HTTP = "receivers: {otlp: {protocols: {grpc: %s}}}", "receivers: {otlp: {protocols: {http: %s}}}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HTTP % "{auth: {}}", "protocols.http.auth: no token is given, so nobody could send; give tokens or filename"),
        (HTTP % "{auth: {tokens: ['']}}", "auth.tokens: token 1 is empty or has a space"),
        (GRPC % "{auth: {tokens: [ok, 'hunter 2']}}", "grpc.auth.tokens: token 2 is empty or has a space"),
        (GRPC % "{auth: {tokens: hunter2}}", "grpc.auth.tokens: input should be a valid tuple"),
        (GRPC % "{auth: {token: hunter2}}", "grpc.auth.token: unknown key; did you mean 'tokens'?"),
        (GRPC % "{tls: {cert_file: a, key_file: b, min_version: 1.3}}", "grpc: grpc's TLS starts at 1.2 and cannot"),
        (HTTP % "{tls: {cert_file: a}}", "http.tls.key_file: this key is missing"),
        (HTTP % "{cors: {allowed_origins: [example.com]}}", "'example.com' is not an origin; write https://HOST"),
        (HTTP % "{cors: {allowed_origins: ['https://*.*.com']}}", "'https://*.*.com' is not an origin"),
        ("tenants: {header: grpc-timeout}", "tenants.header: 'grpc-timeout' is not a header that holds text"),
        ("tenants: {header: 'X Y'}", "tenants.header: 'X Y' is not a header that holds text"),
        ("admin: {endpoint: '0.0.0.0:13135'}", "admin: 0.0.0.0:13135 can be reached from elsewhere"),
        ("admin: {endpoint: 'judge:13135'}", "set admin.auth, or listen on 127.0.0.1"),
    ],
)
def test_an_open_door_and_a_lock_that_cannot_be_are_errors_that_show_no_secret(text: str, line: str) -> None:
    error = error_of(text)
    assert line in error
    assert "hunter" not in error


@pytest.mark.parametrize("endpoint", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "http://localhost:1"])
def test_on_loopback_the_admin_endpoint_needs_no_token(endpoint: str) -> None:
    assert parse(f"admin: {{endpoint: '{endpoint}'}}").admin.auth is None


def test_with_a_token_the_admin_endpoint_may_be_anywhere() -> None:
    config = parse("admin: {endpoint: '0.0.0.0:1', auth: {tokens: ['${env:KEY}']}}", environ={"KEY": "hunter2"})
    assert config.admin.auth is not None
    assert config.admin.auth.tokens == ("hunter2",)
    assert "hunter2" not in repr(config)

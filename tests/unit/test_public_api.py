import subprocess
import sys

import otel_judge


def test_every_public_name_is_there() -> None:
    for name in otel_judge.__all__:
        assert getattr(otel_judge, name) is not None
    assert set(dir(otel_judge)) == set(otel_judge.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = "import sys, otel_judge; print(*sorted(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {"grpc", "pydantic", "pydantic_ai", "anthropic", "google", "opentelemetry", "starlette", "typer"}
    assert not loaded & heavy

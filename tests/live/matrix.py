"""The instrumentations that are run, and under what settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
QUESTION = "Where is order 7? Please say it in one sentence."
ANSWER = "Order 7 has shipped with Müller & Söhne."
_OPENAI, _ANTHROPIC = "gpt-4o-mini", "claude-haiku-4-5"
_CAPTURE = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
}
_LANGSMITH = {"LANGSMITH_TRACING": "true", "LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true"}


@dataclass(frozen=True)
class App:
    """An app in `apps/`, with the package that instruments it."""

    name: str
    package: str
    """The instrumentation; its version stands in the pinned requirements."""
    under: str
    """What it instruments: a package of the same requirements."""
    model: str = _OPENAI
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def row(self) -> str:
        """Of the table in docs/dialects.md."""
        return f"| `{self.package}` {self._version(self.package)} | `{self.under}` {self._version(self.under)} |"

    def _version(self, package: str) -> str:
        manifest = HERE / "apps" / self.name / "package.json"
        if manifest.exists():
            return json.loads(manifest.read_text())["dependencies"][package]
        for line in (HERE / "requirements" / f"{self.name}.txt").read_text().splitlines():
            name, _, version = line.partition("==")
            if name == package:
                return version
        raise LookupError(f"{package} is not pinned for {self.name}")


APPS = (
    App("genai_openai", "opentelemetry-instrumentation-genai-openai", "openai", environment=_CAPTURE),
    App(
        "genai_openai_events",
        "opentelemetry-instrumentation-genai-openai",
        "openai",
        environment=_CAPTURE | {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "EVENT_ONLY"},
    ),
    App(
        "openai_v2",
        "opentelemetry-instrumentation-openai-v2",
        "openai",
        environment={"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"},
    ),
    App("genai_anthropic", "opentelemetry-instrumentation-genai-anthropic", "anthropic", _ANTHROPIC, _CAPTURE),
    App("openinference_openai", "openinference-instrumentation-openai", "openai"),
    App("openinference_anthropic", "openinference-instrumentation-anthropic", "anthropic", _ANTHROPIC),
    App("openinference_agents", "openinference-instrumentation-openai-agents", "openai-agents"),
    App("traceloop_openai", "opentelemetry-instrumentation-openai", "openai"),
    App("traceloop_anthropic", "opentelemetry-instrumentation-anthropic", "anthropic", _ANTHROPIC),
    App("mlflow_tracing", "mlflow", "openai"),
    App("pydantic_ai_agent", "pydantic-ai-slim", "openai"),
    App("langgraph_langsmith", "langsmith", "langgraph", environment=_LANGSMITH | {"LANGSMITH_API_KEY": "none"}),
    App("google_adk", "google-adk", "litellm", environment=_CAPTURE | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}),
    App("vercel_ai", "@ai-sdk/otel", "ai"),
    App("vercel_ai_5", "ai", "@ai-sdk/openai"),
)

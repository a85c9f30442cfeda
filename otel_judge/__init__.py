"""otel-judge: an OTLP service that judges traces and writes the scores back as OpenTelemetry."""

from .version import __version__

__all__ = ["__version__"]

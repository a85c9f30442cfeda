"""The logs of an app, for instrumentations that write content there."""

from __future__ import annotations

import atexit

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor


def logger_provider() -> LoggerProvider:
    """Log records go by OTLP where the environment says."""
    made = LoggerProvider(shutdown_on_exit=False)
    made.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    atexit.register(made.shutdown)
    return made

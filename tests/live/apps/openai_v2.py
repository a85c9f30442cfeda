"""OpenTelemetry's older instrumentation of OpenAI's SDK, which writes content to logs alone."""

import atexit

import openai_chat
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk._events import EventLoggerProvider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from shop import provider

logs = LoggerProvider(shutdown_on_exit=False)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
atexit.register(logs.shutdown)
events = EventLoggerProvider(logs)
OpenAIInstrumentor().instrument(tracer_provider=provider(), event_logger_provider=events)
print(openai_chat.run())

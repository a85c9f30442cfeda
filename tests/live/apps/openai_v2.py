"""OpenTelemetry's older instrumentation of OpenAI's SDK, which writes content to logs alone."""

import openai_chat
from logs import logger_provider
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk._events import EventLoggerProvider
from shop import provider

events = EventLoggerProvider(logger_provider())
OpenAIInstrumentor().instrument(tracer_provider=provider(), event_logger_provider=events)
print(openai_chat.run())

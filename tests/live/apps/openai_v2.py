"""OpenTelemetry's older instrumentation of OpenAI's SDK: content by the events that came before the messages."""

import openai_chat
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from shop import provider

OpenAIInstrumentor().instrument(tracer_provider=provider())
print(openai_chat.run())

"""The same as `genai_openai`, with content captured in events, which are log records, and not on spans."""

import openai_chat
from logs import logger_provider
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from shop import provider

OpenAIInstrumentor().instrument(tracer_provider=provider(), logger_provider=logger_provider())
print(openai_chat.run())

"""OpenTelemetry's instrumentation of OpenAI's SDK, by the conventions for generative AI."""

import openai_chat
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from shop import provider

OpenAIInstrumentor().instrument(tracer_provider=provider())
print(openai_chat.run())

"""OpenLLMetry's instrumentation of OpenAI's SDK."""

import openai_chat
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from shop import provider

OpenAIInstrumentor().instrument(tracer_provider=provider())
print(openai_chat.run())

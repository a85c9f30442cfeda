"""OpenInference's instrumentation of OpenAI's SDK."""

import openai_chat
from openinference.instrumentation.openai import OpenAIInstrumentor
from shop import provider

OpenAIInstrumentor().instrument(tracer_provider=provider())
print(openai_chat.run())

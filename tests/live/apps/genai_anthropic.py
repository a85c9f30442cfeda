"""OpenTelemetry's instrumentation of Anthropic's SDK, by the conventions for generative AI."""

import anthropic_messages
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
from shop import provider

AnthropicInstrumentor().instrument(tracer_provider=provider())
print(anthropic_messages.run())

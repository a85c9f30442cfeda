"""OpenLLMetry's instrumentation of Anthropic's SDK."""

import anthropic_messages
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from shop import provider

AnthropicInstrumentor().instrument(tracer_provider=provider())
print(anthropic_messages.run())

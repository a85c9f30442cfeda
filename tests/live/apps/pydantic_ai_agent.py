"""pydantic-ai's own instrumentation."""

from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from shop import MODEL, QUESTION, SYSTEM, find_order, provider

settings = InstrumentationSettings(tracer_provider=provider())
agent = Agent(OpenAIChatModel(MODEL), name="shop", instructions=SYSTEM, tools=[find_order])
agent.instrument = settings
print(agent.run_sync(QUESTION).output)

"""OpenInference's instrumentation of OpenAI's agents SDK: a framework that runs the loop and the tools itself."""

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
from openai import AsyncOpenAI
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from shop import MODEL, QUESTION, SYSTEM, find_order, provider

OpenAIAgentsInstrumentor().instrument(tracer_provider=provider())
model = OpenAIChatCompletionsModel(MODEL, AsyncOpenAI())
agent = Agent(name="shop", instructions=SYSTEM, model=model, tools=[function_tool(find_order)])
print(Runner.run_sync(agent, QUESTION).final_output)

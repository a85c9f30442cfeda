"""LangGraph, traced by LangSmith's SDK in its OpenTelemetry mode."""

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from shop import MODEL, QUESTION, SYSTEM, find_order, provider

provider()
agent = create_agent(ChatOpenAI(model=MODEL), tools=[find_order], system_prompt=SYSTEM)
print(agent.invoke({"messages": [{"role": "user", "content": QUESTION}]})["messages"][-1].content)

"""Google's Agent Development Kit, with a model behind OpenAI's protocol."""

import asyncio

from google.adk.agents import LlmAgent
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types
from shop import MODEL, QUESTION, SYSTEM, find_order, provider


async def main() -> None:
    agent = LlmAgent(name="shop", model=LiteLlm(f"openai/{MODEL}"), instruction=SYSTEM, tools=[find_order])
    runner = InMemoryRunner(agent=agent, app_name="shop")
    session = await runner.session_service.create_session(app_name="shop", user_id="user-1")
    asked = types.Content(role="user", parts=[types.Part(text=QUESTION)])
    async for event in runner.run_async(user_id="user-1", session_id=session.id, new_message=asked):
        if event.is_final_response():
            print(event.content.parts[0].text)


provider()
asyncio.run(main())

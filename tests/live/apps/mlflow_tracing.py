"""MLflow's tracing with OTLP export: its own spans around OpenAI's SDK and around functions."""

import mlflow
import openai_chat
import shop

mlflow.openai.autolog()
shop.find_order = openai_chat.find_order = mlflow.trace(shop.find_order, span_type="TOOL")
print(mlflow.trace(openai_chat.run, name="answer", span_type="AGENT")())
mlflow.flush_trace_async_logging()

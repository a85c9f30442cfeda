// Vercel's AI SDK with its OpenTelemetry integration: the conventions for generative AI.
import { OpenTelemetry } from '@ai-sdk/otel';
import { createOpenAI } from '@ai-sdk/openai';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { generateText, isStepCount, registerTelemetry, tool } from 'ai';
import { z } from 'zod';

const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter() });
sdk.start();
registerTelemetry(new OpenTelemetry());
const { text } = await generateText({
  model: createOpenAI({ baseURL: process.env.OPENAI_BASE_URL }).chat(process.env.MODEL),
  system: 'You are a shop assistant.',
  prompt: 'Where is order 7? Please say it in one sentence.',
  stopWhen: isStepCount(3),
  tools: {
    find_order: tool({
      description: 'Finds an order by its number.',
      inputSchema: z.object({ number: z.number() }),
      execute: async ({ number }) => ({ order: number, status: 'shipped', carrier: 'Müller & Söhne' }),
    }),
  },
});
console.log(text);
await sdk.shutdown();

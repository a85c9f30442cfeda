// Vercel's AI SDK before version 7: spans with `ai.*` attributes.
import { createOpenAI } from '@ai-sdk/openai';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { generateText, stepCountIs, tool } from 'ai';
import { z } from 'zod';

const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter() });
sdk.start();
const { text } = await generateText({
  model: createOpenAI({ baseURL: process.env.OPENAI_BASE_URL }).chat(process.env.MODEL),
  system: 'You are a shop assistant.',
  prompt: 'Where is order 7? Please say it in one sentence.',
  stopWhen: stepCountIs(3),
  tools: {
    find_order: tool({
      description: 'Finds an order by its number.',
      inputSchema: z.object({ number: z.number() }),
      execute: async ({ number }) => ({ order: number, status: 'shipped', carrier: 'Müller & Söhne' }),
    }),
  },
  experimental_telemetry: { isEnabled: true, functionId: 'answer', metadata: { sessionId: 'session-1', userId: 'user-1' } },
});
console.log(text);
await sdk.shutdown();

// The other side of OTLP/HTTP: takes spans as an OpenTelemetry collector does, and keeps them.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Received {
  headers: IncomingHttpHeaders;
  resource: Record<string, unknown>;
  span: ReceivedSpan;
}

/** As JSON has it in the specification of OTLP. */
interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  status?: { code: number; message: string };
}

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: string };
}

interface Request {
  resourceSpans: {
    resource: { attributes: Attribute[] };
    scopeSpans: { scope: { name: string }; spans: ReceivedSpan[] }[];
  }[];
}

export async function startCollector() {
  const received: Received[] = [];
  let status = 200;
  let asked = 0;
  const server = createServer(async (request, response) => {
    asked += 1;
    const body = await text(request);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end('{}');
    if (status !== 200 || request.method !== 'POST' || request.url !== '/v1/traces') return;
    for (const { resource, scopeSpans } of (JSON.parse(body) as Request).resourceSpans) {
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const { headers } = request;
        received.push({ headers, resource: readAttributes(resource.attributes), span });
      }
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    of: (traceId: string) => received.filter(({ span }) => span.traceId === traceId),
    /** What it answers from now on. */
    answer(code: number) {
      status = code;
    },
    asked: () => asked,
  };
}

export const readAttributes = (attributes: Attribute[]) =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
  );

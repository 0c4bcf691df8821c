// A server that stands where the API server of Kubernetes does, and the folder of a service account
// that trusts it; both undo themselves.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { createCertificates } from './certificates.ts';

export interface Request {
  at: number;
  path: string | undefined;
  method: string | undefined;
  headers: IncomingHttpHeaders;
  body: { metadata: { annotations: Record<string, string> } };
}

type Answer = (response: ServerResponse, number: number) => void;
export const takes: Answer = (response) => response.end('{"kind":"Pod"}');

/** @param answer to each request, which is given its number */
export async function startApiServer(answer: Answer = takes) {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-account-'));
  const { authority, certificate, key } = createCertificates(folder, 'IP:127.0.0.1');
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content);
  write('ca.crt', readFileSync(authority, 'utf8'));
  write('namespace', 'chat');
  write('token', 'first');
  const keys = { cert: readFileSync(certificate), key: readFileSync(key) };
  const requests: Request[] = [];
  const ended = { count: 0 };
  const server = createServer(keys, async (request, response) => {
    const { url: path, method, headers } = request;
    response.on('close', () => {
      ended.count += 1;
    });
    const body = (await json(request)) as Request['body'];
    requests.push({ at: Date.now(), path, method, headers, body });
    answer(response, requests.length);
  });
  const port = await listen(server, 0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  return { port, requests, ended, account: { folder, write } };
}

// The annotation by which a ReplicaSet picks a pod, written to a server that answers as the API
// server of Kubernetes does.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { listen } from '../service/http/router.ts';
import { annotatePod } from '../service/kubernetes.ts';
import { costOf, keepDeletionCost } from '../service/lifecycle/deletion-cost.ts';
import { createLog } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import type { Replica } from '../service/stores/fleet.ts';
import { createCertificates } from './harness/certificates.ts';
import { readyStatus, samples, startApp, until } from './harness/service.ts';

interface Request {
  at: number;
  path: string | undefined;
  method: string | undefined;
  headers: IncomingHttpHeaders;
  body: { metadata: { annotations: Record<string, string> } };
}

interface Line {
  level: string;
  msg: string;
  failures?: number;
  err?: { message: string; code?: string };
}

const annotation = 'controller.kubernetes.io/pod-deletion-cost';
const folder = mkdtempSync(join(tmpdir(), 'mooring-account-'));
afterAll(() => rmSync(folder, { recursive: true }));
const files = createCertificates(folder, 'IP:127.0.0.1');
const account = (name: string, content: string | Buffer) =>
  writeFileSync(join(folder, name), content);
account('ca.crt', readFileSync(files.authority));
account('namespace', 'chat');

type Answer = (response: ServerResponse, number: number) => void;
const takes: Answer = (response) => response.end('{"kind":"Pod"}');

async function apiServer(answer: Answer = takes) {
  const keys = { cert: readFileSync(files.certificate), key: readFileSync(files.key) };
  const requests: Request[] = [];
  const closed = { count: 0 };
  const server = createServer(keys, async (request, response) => {
    const { url: path, method, headers } = request;
    response.on('close', () => {
      closed.count += 1;
    });
    const body = (await json(request)) as Request['body'];
    requests.push({ at: Date.now(), path, method, headers, body });
    answer(response, requests.length);
  });
  const port = await listen(server, 0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port, requests, closed };
}

function keep(port: number, cost: () => number | undefined, everyMsMin = 50) {
  account('token', 'first');
  const logged: Line[] = [];
  const log = createLog('info', 'pod-1', { write: (line) => void logged.push(JSON.parse(line)) });
  const metrics = createMetrics();
  const pod = {
    podName: 'pod-1',
    kubernetesServiceHost: '127.0.0.1',
    kubernetesServicePort: port,
  };
  const kept = keepDeletionCost({
    ...{ after: Promise.resolve(), cost, metrics, log },
    annotate: annotatePod(pod, folder, 300),
    times: { lookMs: 10, everyMsMin, retryMsMax: 300 },
  });
  onTestFinished(kept.close);
  const counted = async () =>
    Number(/failures_total\{stage="deletion_cost"\} (\d+)/.exec(await metrics.text())?.[1] ?? 0);
  return { ...kept, logged, counted };
}

const costsOf = (requests: Request[]) =>
  requests.map(({ body }) => body.metadata.annotations[annotation]);

it('is patched into the status of the own pod, from the start', async () => {
  const { port, requests } = await apiServer();
  const { logged } = keep(port, () => 0);
  await until('written', () => requests.length > 0);
  const [{ path, method, headers, body } = {} as Request] = requests;
  expect(path).toBe('/api/v1/namespaces/chat/pods/pod-1/status?fieldManager=mooring');
  expect(method).toBe('PATCH');
  expect(headers['content-type']).toBe('application/merge-patch+json');
  expect(headers.authorization).toBe('Bearer first');
  expect(body).toEqual({ metadata: { annotations: { [annotation]: '0' } } });
  expect(logged).toEqual([]);
});

it('follows what is more than a small change, with the token of now', async () => {
  const { port, requests } = await apiServer();
  let cost = 100;
  let looks = 0;
  keep(port, () => {
    looks += 1;
    return cost;
  });
  await until('written', () => requests.length === 1);
  account('token', 'second');
  cost = 105;
  const before = looks;
  await until('looked at', () => looks > before + 5);
  expect(requests).toHaveLength(1);
  cost = 106;
  await until('written again', () => requests.length === 2);
  expect(costsOf(requests)).toEqual(['100', '106']);
  expect(requests[1]?.headers.authorization).toBe('Bearer second');
});

it('is not written more often than it may be', async () => {
  const { port, requests } = await apiServer();
  let cost = 1;
  keep(
    port,
    () => {
      cost *= 2;
      return cost;
    },
    300,
  );
  await until('written four times', () => requests.length === 4);
  const gaps = requests.slice(1).map(({ at }, i) => at - (requests[i]?.at ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(230); // 300 ms, give or take a fifth
});

it('is written anew by who speaks for the pod again', async () => {
  const { port, requests } = await apiServer();
  let cost: number | undefined = 5;
  let looks = 0;
  keep(port, () => {
    looks += 1;
    return cost;
  });
  await until('written', () => requests.length === 1);
  cost = undefined;
  const before = looks;
  await until('looked at', () => looks > before);
  cost = 5;
  await until('written again', () => requests.length === 2);
  expect(costsOf(requests)).toEqual(['5', '5']);
});

it('says once for each reason why it fails, counts every failure, and says when it works', async () => {
  const forbidden = JSON.stringify({ kind: 'Status', message: 'pods "pod-1" is forbidden' });
  const { port, requests } = await apiServer((response, number) => {
    if (number <= 3) response.writeHead(403).end(forbidden);
    else if (number === 4) response.writeHead(502).end('<html>');
    else takes(response, number);
  });
  const { logged, counted } = keep(port, () => 1);
  await until('it works', () => logged.some(({ msg }) => msg === 'works again: deletion_cost'));
  expect(requests).toHaveLength(5);
  expect(await counted()).toBe(4);
  expect(logged.map(({ level, err }) => [level, err?.message])).toEqual([
    ['warn', 'the API server answered 403 pods "pod-1" is forbidden'],
    ['warn', 'the API server answered 502'],
    ['info', undefined],
  ]);
  expect(logged.at(-1)?.failures).toBe(4);
  expect(JSON.stringify(logged)).not.toContain('first'); // the token
});

it('gives up on an API server that does not answer, and tries again', async () => {
  const { port, requests, closed } = await apiServer((response, number) => {
    if (number > 1) takes(response, number);
  });
  const { logged } = keep(port, () => 1);
  await until('it works', () => logged.some(({ level }) => level === 'info'));
  expect(logged[0]?.err?.message).toBe('the API server took more than 300 ms');
  expect([requests.length, closed.count]).toEqual([2, 2]);
});

it('lets go of an open request when it is closed, and says nothing', async () => {
  const { port, requests, closed } = await apiServer(() => {});
  const { close, logged, counted } = keep(port, () => 1);
  await until('asked', () => requests.length === 1);
  close();
  await until('let go', () => closed.count === 1, 250); // the time limit is 300 ms
  expect([requests.length, logged, await counted()]).toEqual([1, [], 0]);
});

it('shows the token to nobody but the API server', async () => {
  const { port, requests } = await apiServer();
  const other = mkdtempSync(join(tmpdir(), 'mooring-authority-'));
  onTestFinished(() => {
    rmSync(other, { recursive: true });
    account('ca.crt', readFileSync(files.authority));
  });
  account('ca.crt', readFileSync(createCertificates(other, 'IP:127.0.0.1').authority));
  const { logged, counted } = keep(port, () => 1);
  await until('tried twice', async () => (await counted()) >= 2);
  expect(requests).toEqual([]);
  expect(logged[0]?.err?.code).toMatch(/CERT|SIGNATURE|ISSUER/);
});

it('is the sum of the processes of a pod, said by one of them', () => {
  const process = (id: string, pod: string, connections: number) =>
    ({ id, pod, connections }) as Replica;
  const [a, b, other] = [process('a', 'one', 3), process('b', 'one', 4), process('0', 'two', 9)];
  expect(costOf([a, b, other])).toBe(7);
  expect(costOf([b, a, other])).toBeUndefined();
  expect(costOf([b, other])).toBe(4); // a is gone
  expect(costOf([])).toBeUndefined(); // nothing is known yet
});

it('harms no service that has no account', async () => {
  const pod = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' };
  const { operationsUrl, logged } = await startApp({ POD_DELETION_COST: 'on', ...pod });
  const failures = async () =>
    (await samples(operationsUrl, 'background_failures_total'))['stage="deletion_cost"'];
  await until('tried', async () => (await failures()) === 1);
  expect(await readyStatus(operationsUrl)).toBe(200);
  expect(logged.map(({ msg }) => msg)).toContain('failed: deletion_cost');
});

// The annotation by which a ReplicaSet picks a pod, written to a server that answers as the API
// server of Kubernetes does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { costOf, keepDeletionCost } from '../../service/fleet/deletion-cost.ts';
import { annotatePod } from '../../service/fleet/kubernetes.ts';
import type { Replica } from '../../service/stores/fleet.ts';
import { createLog } from '../../service/telemetry/log.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { type Request, startApiServer, takes } from '../harness/api-server.ts';
import { createCertificates } from '../harness/certificates.ts';
import { readyStatus, samples, startApp, until } from '../harness/service.ts';

interface Line {
  level: string;
  msg: string;
  failures?: number;
  err?: { message: string; code?: string };
}

const annotation = 'controller.kubernetes.io/pod-deletion-cost';

type Server = Awaited<ReturnType<typeof startApiServer>>;

function keep(
  server: Server,
  cost: () => number | undefined,
  writeIntervalMsMin = 50,
  msMax = 10_000,
) {
  const logged: Line[] = [];
  const log = createLog('info', 'pod-1', { write: (line) => void logged.push(JSON.parse(line)) });
  const metrics = createMetrics();
  const pod = {
    podName: 'pod-1',
    kubernetesServiceHost: '127.0.0.1',
    kubernetesServicePort: server.port,
  };
  const kept = keepDeletionCost({
    ...{ after: Promise.resolve(), cost, metrics, log },
    annotate: annotatePod(pod, server.account.folder, msMax),
    times: { pollMs: 10, writeIntervalMsMin, retryMsMax: Math.max(300, writeIntervalMsMin) },
  });
  onTestFinished(kept.close);
  const counted = async () =>
    Number(/failures_total\{stage="deletion_cost"\} (\d+)/.exec(await metrics.text())?.[1] ?? 0);
  return { ...kept, logged, counted };
}

const costsOf = (requests: Request[]) =>
  requests.map(({ body }) => body.metadata.annotations[annotation]);

it('is patched into the status of the own pod, from the start', async () => {
  const server = await startApiServer();
  const { logged } = keep(server, () => 0);
  await until('written', () => server.requests.length > 0);
  const [{ path, method, headers, body } = {} as Request] = server.requests;
  expect(path).toBe('/api/v1/namespaces/chat/pods/pod-1/status?fieldManager=mooring');
  expect(method).toBe('PATCH');
  expect(headers['content-type']).toBe('application/merge-patch+json');
  expect(headers.authorization).toBe('Bearer first');
  expect(body).toEqual({ metadata: { annotations: { [annotation]: '0' } } });
  expect(logged).toEqual([]);
});

it('follows what is more than a small change, with the token of now', async () => {
  const server = await startApiServer();
  let cost = 100;
  let looks = 0;
  keep(server, () => {
    looks += 1;
    return cost;
  });
  await until('written', () => server.requests.length === 1);
  server.account.write('token', 'second');
  cost = 105;
  const before = looks;
  await until('looked at', () => looks > before + 5);
  expect(server.requests).toHaveLength(1);
  cost = 106;
  await until('written again', () => server.requests.length === 2);
  expect(costsOf(server.requests)).toEqual(['100', '106']);
  expect(server.requests[1]?.headers.authorization).toBe('Bearer second');
});

it('is not written more often than it may be', async () => {
  const server = await startApiServer();
  let cost = 1;
  keep(
    server,
    () => {
      cost *= 2;
      return cost;
    },
    600_000,
  );
  let looks = 0;
  keep(server, () => {
    looks += 1;
    return 0;
  });
  await until('the other one has looked often', () => looks > 20);
  expect(server.requests).toHaveLength(2); // one of each
});

it('is written again by a process that speaks for the pod again', async () => {
  const server = await startApiServer();
  let cost: number | undefined = 5;
  let looks = 0;
  keep(server, () => {
    looks += 1;
    return cost;
  });
  await until('written', () => server.requests.length === 1);
  cost = undefined;
  const before = looks;
  await until('looked at', () => looks > before);
  cost = 5;
  await until('written again', () => server.requests.length === 2);
  expect(costsOf(server.requests)).toEqual(['5', '5']);
});

it('says each reason to fail once, counts every failure, and says when it works', async () => {
  const forbidden = JSON.stringify({ kind: 'Status', message: 'pods "pod-1" is forbidden' });
  const server = await startApiServer((response, number) => {
    if (number <= 3) response.writeHead(403).end(forbidden);
    else if (number === 4) response.writeHead(502).end('<html>');
    else takes(response, number);
  });
  const { logged, counted } = keep(server, () => 1);
  await until('it works', () =>
    logged.some(({ msg }) => msg === 'pod deletion cost update recovered'),
  );
  expect(server.requests).toHaveLength(5);
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
  const server = await startApiServer((response, number) => {
    if (number > 1) takes(response, number);
  });
  const { logged } = keep(server, () => 1, 50, 1_000);
  await until('it works', () => logged.some(({ level }) => level === 'info'));
  expect(logged[0]?.err?.message).toBe('the API server did not answer within 1000 ms');
  expect([server.requests.length, server.ended.count]).toEqual([2, 2]);
});

it('lets go of an open request when it is closed, and says nothing', async () => {
  const server = await startApiServer(() => {});
  const { close, logged, counted } = keep(server, () => 1, 50, 600_000);
  await until('asked', () => server.requests.length === 1);
  close();
  await until('let go', () => server.ended.count === 1);
  expect([server.requests.length, logged, await counted()]).toEqual([1, [], 0]);
});

it('shows the token to nobody but the API server', async () => {
  const server = await startApiServer();
  const { folder, write } = server.account;
  createCertificates(folder, 'IP:127.0.0.1'); // another authority in the place of the first
  write('ca.crt', readFileSync(join(folder, 'ca.pem'), 'utf8'));
  const { logged, counted } = keep(server, () => 1);
  await until('tried twice', async () => (await counted()) >= 2);
  expect(server.requests).toEqual([]);
  expect(logged[0]?.err?.code).toMatch(/CERT|SIGNATURE|ISSUER/);
});

it('is the sum of the processes of a pod, said by one of them', () => {
  const process = (id: string, pod: string, connections: number) =>
    ({ id, pod, connections }) as Replica;
  const [a, b, other] = [process('a', 'one', 3), process('b', 'one', 4), process('0', 'two', 9)];
  expect(costOf([a, b, other])).toBe(7);
  expect(costOf([b, a, other])).toBeUndefined();
  expect(costOf([b, other])).toBe(4); // a is gone
  expect(costOf([{ ...a, draining: true }, b])).toBeUndefined();
  expect(costOf([])).toBeUndefined(); // nothing is known yet
});

it('does no harm to a service without an account', async () => {
  const pod = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' };
  const { operationsUrl, logged } = await startApp({ POD_DELETION_COST: 'on', ...pod });
  const failures = async () =>
    (await samples(operationsUrl, 'background_failures_total'))['stage="deletion_cost"'];
  await until('tried', async () => (await failures()) === 1);
  expect(await readyStatus(operationsUrl)).toBe(200);
  expect(logged.map(({ msg }) => msg)).toContain('pod deletion cost update failed');
});

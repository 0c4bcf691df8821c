// nginx.conf against the numbers of the service behind it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withLoopback } from '../../ingress/nginx/fleet/proxy.ts';
import { drainEnvironment, projectFolder } from '../../ingress/nginx/fleet/settings.ts';
import {
  pingIntervalMsDefault as pingIntervalMs,
  pingTimeoutMsDefault as pingTimeoutMs,
  settings,
} from '../../service/config/schema.ts';

const read = (path: string) => readFileSync(join(projectFolder, path), 'utf8');
const configuration = read('ingress/nginx/nginx.conf').replaceAll(/^\s*#.*$/gm, '');
const compose = read('compose.yaml');

/** The values of a directive, wherever it stands. */
function all(directive: string): string[] {
  const found = configuration.matchAll(new RegExp(`^\\s*${directive}\\s+([^;]+);`, 'gm'));
  return [...found].map(([, value = '']) => value);
}

function only(directive: string): string {
  const values = all(directive);
  expect(values, directive).toHaveLength(1);
  return values[0] as string;
}

const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };
const ms = (time: string) => Number.parseInt(time, 10) * (units[time.at(-1) ?? ''] ?? 1_000);
const groups = ['handshakes', 'sessions'].map((name) => {
  const [, group = ''] = configuration.split(`upstream ${name} {`);
  return group.slice(0, group.indexOf('}'));
});

describe('connections', () => {
  test.each(['proxy_read_timeout', 'proxy_send_timeout', 'send_timeout'])(
    '%s is longer than a healthy connection is ever silent',
    (directive) => {
      expect(ms(only(directive))).toBeGreaterThanOrEqual(pingIntervalMs + pingTimeoutMs + 30_000);
    },
  );

  test('two workers hold the WebSockets that three full replicas hold', () => {
    const workers = 2;
    const connectionsPerWebSocket = 2;
    const capacity = (workers * Number(only('worker_connections'))) / connectionsPerWebSocket;
    const { CONNECTIONS_MAX } = settings.shape;
    expect(capacity).toBeGreaterThanOrEqual(3 * CONNECTIONS_MAX.parse(undefined));
  });

  test('each connection of a worker has a descriptor, and some are left', () => {
    const left = Number(only('worker_rlimit_nofile')) - Number(only('worker_connections'));
    expect(left).toBeGreaterThanOrEqual(1_024);
  });

  test('a reload gives the WebSockets of the old workers long', () => {
    expect(ms(only('worker_shutdown_timeout'))).toBeGreaterThanOrEqual(600_000);
  });

  test('no connection to a replica is shared between clients', () => {
    expect(all('keepalive')).toEqual([]);
    expect(configuration).toMatch(/map \$http_upgrade \$upstream_connection \{[^}]*""\s+close;/);
  });
});

describe('moving to another replica', () => {
  test('both groups have the same replicas in the same order, by ip_hash', () => {
    const names = groups.map((group) =>
      [...group.matchAll(/server (\S+)/g)].map(([, name]) => name),
    );
    const replicas = ['mooring-1:3000', 'mooring-2:3000', 'mooring-3:3000'];
    expect(names).toEqual([replicas, replicas]);
    for (const group of groups) expect(group).toMatch(/zone \w+ \S+;\s+ip_hash;/);
  });

  test('a refusal is tried on every other replica, a POST that was sent on none', () => {
    expect(only('proxy_next_upstream').split(' ').sort()).toEqual(['error', 'http_503', 'timeout']);
    expect(Number(only('proxy_next_upstream_tries'))).toBe(3);
    expect(configuration).not.toContain('non_idempotent');
  });

  test('a replica that drains is left alone until it has gone', () => {
    const lastOnesMs = 2_000;
    const { ENDPOINT_DELAY_MS, DRAIN_MS_MAX } = drainEnvironment;
    const drainMs = Number(ENDPOINT_DELAY_MS) + Number(DRAIN_MS_MAX) + lastOnesMs;
    const timeouts = [...configuration.matchAll(/fail_timeout=(\w+)/g)].map(
      ([, time = '']) => time,
    );
    expect(timeouts).toHaveLength(3);
    for (const time of timeouts) expect(ms(time)).toBeGreaterThan(drainMs);
  });

  test('a replica that refuses new clients keeps its sessions', () => {
    expect(groups[1]?.match(/max_fails=0/g)).toHaveLength(3);
  });
});

test('a body of MESSAGE_BYTES_MAX passes, in memory', () => {
  const bytes = (size: string) =>
    Number.parseInt(size, 10) * (size.endsWith('m') ? 1_048_576 : 1_024);
  const { MESSAGE_BYTES_MAX } = settings.shape;
  const largest = bytes(only('client_max_body_size'));
  expect(largest).toBeGreaterThanOrEqual(6 * MESSAGE_BYTES_MAX.parse(undefined) + 16_384);
  expect(bytes(only('client_body_buffer_size'))).toBe(largest);
});

test('the log holds no query string and no headers', () => {
  const [, format = ''] = configuration.split('log_format lean');
  const names = format.slice(0, format.indexOf(';')).match(/\$\{?\w+/g) ?? [];
  expect(names).toContain('$uri');
  for (const name of names) expect(name).not.toMatch(/request$|request_uri|args|http_|cookie/);
});

test('compose runs what this file names, with the same drain', () => {
  for (const name of ['mooring-1', 'mooring-2', 'mooring-3'])
    expect(compose).toContain(`  ${name}:`);
  for (const [name, value] of Object.entries(drainEnvironment)) {
    expect(compose).toContain(`  ${name}: ${value}\n`);
  }
});

test('for local processes only the addresses are replaced', () => {
  const addresses = { proxy: 1, serving: [3, 4, 5] };
  const rendered = withLoopback(read('ingress/nginx/nginx.conf'), addresses);
  const before = read('ingress/nginx/nginx.conf').split('\n');
  const changed = rendered.split('\n').filter((line, number) => line !== before[number]);
  expect(changed.map((line) => line.trim().split(' ').slice(0, 2).join(' '))).toEqual([
    ...['server 127.0.0.1:3', 'server 127.0.0.1:4', 'server 127.0.0.1:5'],
    ...['server 127.0.0.1:3', 'server 127.0.0.1:4', 'server 127.0.0.1:5'],
    'listen 127.0.0.1:1;',
    ...['location @ask-1', 'location @ask-2', 'location @ask-3'],
    'return 200',
  ]);
});

describe('while replicas leave', () => {
  const conf = withLoopback(read('ingress/nginx/nginx.conf'), {
    proxy: 1,
    serving: [6, 7],
    leaving: [3, 4, 5],
  });

  test('handshakes and homes know only those that serve', () => {
    const upstreams = ['handshakes', 'sessions'].map((name) => {
      const [, group = ''] = conf.split(`upstream ${name} {`);
      const lines = group.slice(0, group.indexOf('}')).matchAll(/server 127.0.0.1:(\d)/g);
      return [...lines].map(([, port]) => port);
    });
    expect(upstreams).toEqual([
      ['6', '7'],
      ['6', '7'],
    ]);
  });

  test('each is asked for its sessions, those that leave first, and the last one answers', () => {
    const asked = [...conf.matchAll(/location @ask-(\d) \{ (.*) \}/g)].map(([, ...rest]) => rest);
    expect(asked).toEqual([
      ['1', 'error_log stderr emerg; proxy_pass http://127.0.0.1:3; error_page 400 502 = @ask-2;'],
      ['2', 'error_log stderr emerg; proxy_pass http://127.0.0.1:4; error_page 400 502 = @ask-3;'],
      ['3', 'error_log stderr emerg; proxy_pass http://127.0.0.1:5; error_page 400 502 = @ask-4;'],
      ['4', 'error_log stderr emerg; proxy_pass http://127.0.0.1:6; error_page 400 502 = @ask-5;'],
      ['5', 'error_log stderr emerg; proxy_pass http://127.0.0.1:7;'],
    ]);
  });

  test('nginx follows no more steps than it takes', () => {
    const ports = Array.from({ length: 10 }, (_, port) => port);
    const many = { proxy: 1, serving: ports.slice(5), leaving: ports.slice(0, 5) };
    expect(() => withLoopback(read('ingress/nginx/nginx.conf'), many)).toThrow('at most');
  });
});

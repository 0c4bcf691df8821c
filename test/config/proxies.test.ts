import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createClientAddress, isNetwork, usualProxies } from '../../service/config/proxies.ts';
import { parseConfig } from '../../service/config/schema.ts';
import { secret } from '../harness/service.ts';

const request = (remoteAddress: string | undefined, forwarded?: string) =>
  ({
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    socket: { remoteAddress },
  }) as unknown as IncomingMessage;

describe('the address of a client', () => {
  const addressOf = createClientAddress(usualProxies);

  it.each([
    ['203.0.113.7', undefined, '203.0.113.7'],
    ['::ffff:203.0.113.7', undefined, '203.0.113.7'],
    ['10.1.2.3', '203.0.113.7', '203.0.113.7'],
    ['::ffff:10.1.2.3', '203.0.113.7:4711', '203.0.113.7'],
    ['fd00::1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['10.1.2.3', '203.0.113.7, 192.168.0.1', '203.0.113.7'],
    ['10.1.2.3', '198.51.100.1, 203.0.113.7', '203.0.113.7'], // the first may be invented
    ['203.0.113.7', '198.51.100.1', '203.0.113.7'], // not from a proxy
    ['35.191.0.9', '203.0.113.7, 34.0.0.1', '34.0.0.1'],
    ['10.1.2.3', undefined, undefined], // a proxy that does not tell
    ['10.1.2.3', '192.168.0.1', undefined],
    ['10.1.2.3', 'unknown', undefined],
    ['10.1.2.3', '', undefined],
    [undefined, '203.0.113.7', undefined],
  ])('is read from %s with X-Forwarded-For: %s', (remote, forwarded, address) => {
    expect(addressOf(request(remote, forwarded))).toBe(address);
  });

  it('of a private network is known when the proxies are listed', () => {
    const listed = createClientAddress(['10.0.0.9']);
    expect(listed(request('10.0.0.9', '10.7.7.7'))).toBe('10.7.7.7');
    expect(listed(request('10.7.7.7', '203.0.113.7'))).toBe('10.7.7.7');
  });
});

describe('TRUSTED_PROXIES', () => {
  it('takes addresses and networks only', () => {
    for (const good of ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0/0'])
      expect(isNetwork(good), good).toBe(true);
    for (const bad of ['', 'proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129'])
      expect(isNetwork(bad), bad).toBe(false);
    const env = { JWT_SECRET: secret, TRUSTED_PROXIES: '10.0.0.0/8, proxy' };
    expect(() => parseConfig(env)).toThrow('TRUSTED_PROXIES must be addresses or networks');
  });
});

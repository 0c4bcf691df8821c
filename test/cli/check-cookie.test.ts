import { describe, expect, it } from 'vitest';
import { judgeCookies } from '../../service/cli/check/cookie.ts';
import { parseTarget } from '../../service/cli/check/target.ts';

describe('an affinity cookie', () => {
  const judge = (setCookie: string, url = 'https://chat.example.com') =>
    judgeCookies([setCookie], parseTarget(url));

  it.each([
    ['m=1; Path=/; SameSite=None', 'cookie_not_secure'],
    ['__Host-m=1; Path=/', 'cookie_prefix'],
    ['__Host-m=1; Path=/socket.io; Secure', 'cookie_prefix'],
    ['__Secure-m=1; Path=/', 'cookie_prefix'],
    ['m=1; Path=/api', 'cookie_path'],
    ['m=1; Path=/socket', 'cookie_path'],
    ['m=1; Path=/; Domain=example.org', 'cookie_domain'],
    ['m=1; Path=/; Max-Age=0', 'cookie_expired'],
    ['m=1; Path=/; Expires=Thu, 01 Jan 2015 00:00:00 GMT', 'cookie_expired'],
  ])('that browsers reject is found: %s', (setCookie, finding) => {
    expect(judge(setCookie)).toMatchObject({ state: 'fails', finding });
  });

  it.each([
    [
      'm=1; path=/; secure; samesite=none; httponly',
      'm (Path=/, session, SameSite=none, Secure, HttpOnly)',
    ],
    [
      'm=1; Domain=.example.com; Max-Age=60; Expires=Thu, 01 Jan 2015 00:00:00 GMT',
      'm (Max-Age=60)',
    ],
    ['m=a=b; Path=/socket.io', 'm (Path=/socket.io, session)'],
  ])('that browsers accept is described: %s', (setCookie, detail) => {
    expect(judge(setCookie)).toEqual({ name: 'cookie', state: 'holds', detail });
  });

  it('that is Secure works over http on localhost only', () => {
    expect(judge('m=1; Secure', 'http://chat.example.com').finding).toBe('cookie_needs_tls');
    expect(judge('m=1; Secure', 'http://localhost:8080').state).toBe('holds');
  });
});

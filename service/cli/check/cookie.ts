// Judges the affinity cookie as a browser would: clients in Node ignore its attributes.
import { epochMsOf, wallClockMs } from '../../lib/wall-clock.ts';
import type { Finding } from './advice.ts';
import { fails, holds, type Result, skipped } from './finding.ts';
import type { CheckTarget } from './target.ts';

export interface Cookie {
  name: string;
  secure: boolean;
  httpOnly: boolean;
  sameSite: string | undefined;
  path: string | undefined;
  domain: string | undefined;
  maxAge: string | undefined;
  expires: string | undefined;
}

/** @param setCookies the `Set-Cookie` headers of a handshake */
export function judgeCookies(setCookies: string[], target: CheckTarget): Result {
  if (setCookies.length === 0) {
    return skipped('cookie', 'none is set: affinity is by address, or there is none');
  }
  const cookies = setCookies.map(parseCookie);
  const problems = cookies.flatMap((cookie) => problemOf(cookie, target) ?? []);
  const [problem] = problems;
  if (problem) return fails('cookie', problem.finding, problem.detail);
  return holds('cookie', cookies.map(describe).join(', '));
}

export function parseCookie(setCookie: string): Cookie {
  const [pair = '', ...attributes] = setCookie.split(';').map((part) => part.trim());
  const values = new Map(
    attributes.map((attribute) => {
      const [name = '', value = ''] = attribute.split(/=(.*)/s);
      return [name.trim().toLowerCase(), value.trim()];
    }),
  );
  return {
    name: pair.split('=', 1)[0] ?? '',
    secure: values.has('secure'),
    httpOnly: values.has('httponly'),
    sameSite: values.get('samesite'),
    path: values.get('path'),
    domain: values.get('domain'),
    maxAge: values.get('max-age'),
    expires: values.get('expires'),
  };
}

/** Those that a browser keeps and sends back. */
export const keptCookies = (setCookies: string[], target: CheckTarget): string[] =>
  setCookies.filter((setCookie) => !problemOf(parseCookie(setCookie), target));

/** The site of an origin, as far as it shows without the public suffix list. */
export function clientSite(origin: string): string {
  const { protocol, hostname } = new URL(origin);
  const isAddress = /^[\d.]+$|:/.test(hostname);
  return `${protocol}//${isAddress ? hostname : hostname.split('.').slice(-2).join('.')}`;
}

function problemOf(
  cookie: Cookie,
  target: CheckTarget,
): { finding: Finding; detail: string } | undefined {
  const { name, secure, sameSite, path, domain } = cookie;
  const { protocol, hostname } = new URL(target.origin);
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (sameSite?.toLowerCase() === 'none' && !secure) {
    return { finding: 'cookie_not_secure', detail: `${name}: SameSite=None without Secure` };
  }
  if (secure && protocol === 'http:' && !loopback) {
    return { finding: 'cookie_needs_tls', detail: `${name}: Secure, but the URL is http` };
  }
  const prefix = /^__(Host|Secure)-/i.exec(name)?.[1]?.toLowerCase();
  const isHostOnly = path === '/' && !domain;
  if (prefix && (!secure || (prefix === 'host' && !isHostOnly))) {
    return { finding: 'cookie_prefix', detail: `${name}: its prefix requires other attributes` };
  }
  if (path?.startsWith('/') && !covers(path, target.path)) {
    return {
      finding: 'cookie_path',
      detail: `${name}: Path=${path} does not cover ${target.path}`,
    };
  }
  if (domain && !isWithin(hostname, domain.replace(/^\./, ''))) {
    return {
      finding: 'cookie_domain',
      detail: `${name}: Domain=${domain} does not match ${hostname}`,
    };
  }
  if (isOver(cookie)) return { finding: 'cookie_expired', detail: `${name}: already expired` };
  return undefined;
}

/** RFC 6265, 5.1.4. */
function covers(cookiePath: string, path: string): boolean {
  const prefix = cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`;
  return path === cookiePath || path.startsWith(prefix);
}

const isWithin = (host: string, domain: string) =>
  host === domain.toLowerCase() || host.endsWith(`.${domain.toLowerCase()}`);

function isOver({ maxAge, expires }: Cookie): boolean {
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  return expires !== undefined && epochMsOf(expires) <= wallClockMs();
}

function describe({ name, secure, httpOnly, sameSite, path, maxAge, expires }: Cookie): string {
  const life = maxAge ? `Max-Age=${maxAge}` : expires ? `Expires=${expires}` : 'session';
  const attributes = [
    path && `Path=${path}`,
    life,
    sameSite && `SameSite=${sameSite}`,
    secure && 'Secure',
    httpOnly && 'HttpOnly',
  ];
  return `${name} (${attributes.filter(Boolean).join(', ')})`;
}

// Serves the test page as static files from service/page: no build step, no external resources.
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { json, type Route } from './router.ts';

const folder = new URL('../page/', import.meta.url);

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const security = {
  'Content-Security-Policy':
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; " +
    "form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

export interface ReadyMadeToken {
  userId: string;
  role: string;
  token: string;
}

/** @param tokens offered on the sign-in form; for development only */
export function pageRoutes(pod: string, tokens: ReadyMadeToken[]): Record<string, Route> {
  const routes: Record<string, Route> = { 'GET /page.json': () => json(200, { pod, tokens }) };
  for (const name of readdirSync(folder)) {
    const type = types[extname(name)];
    if (!type) continue;
    const body = readFileSync(new URL(name, folder), 'utf8');
    const headers = { ...security, 'Content-Type': type };
    routes[`GET /${name === 'index.html' ? '' : name}`] = () => ({ status: 200, headers, body });
  }
  return routes;
}

// A self-contained HTML page: data, uPlot and styles. Needs no server and no network.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Picture } from './read.ts';

const { resolve } = createRequire(import.meta.url);
const own = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
const uplot = (name: string) =>
  readFileSync(join(resolve('uplot/package.json'), '../dist', name), 'utf8');

/** @param source shown as the origin of the data */
export function pageOf(pictures: Picture[], source: string): string {
  const at = new Date().toISOString().replace('T', ' ').slice(0, 16);
  // `<` could end the script element that contains the data.
  const data = JSON.stringify({ pictures, source, at }).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Mooring: dashboards</title>
<style>${uplot('uPlot.min.css')}${own('page.css')}</style>
<body>
<script>${uplot('uPlot.iife.min.js')}</script>
<script>const data = ${data};</script>
<script>${own('draw.js')}</script>
</body>
</html>
`;
}

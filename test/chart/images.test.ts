// Where images are named beside the templates, and what the package of the chart says of itself.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { chart, only, pods, render } from './render.ts';

it('the Redis of compose.yaml is that of the chart', () => {
  const { services } = parse(readFileSync('compose.yaml', 'utf8'), { merge: true });
  const { image } = only(render(), 'StatefulSet').spec.template.spec.containers[0];
  const [, version = ''] = image.split(':');
  expect(services.redis.image).toBe(`redis:${version}-bookworm`);
});

it('Chart.yaml lists the images that are run without a value', () => {
  const { annotations } = parse(readFileSync(`${chart}/Chart.yaml`, 'utf8'));
  const listed = parse(annotations['artifacthub.io/images']).map(
    ({ image }: { image: string }) => image,
  );
  const run = pods(render()).flatMap(({ spec }) =>
    spec.containers.map(({ image }: { image: string }) => image),
  );
  expect([...new Set(run)].sort()).toEqual(listed.sort());
});

it('the README of the chart links to nothing outside of its package', () => {
  expect(readFileSync(`${chart}/README.md`, 'utf8')).not.toContain('](../');
});

// One fact, one place: what documents, alerts and tests say of events, refusals, limits and metrics
// is what their definitions say. Each failure names what is missing, and where.
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import asyncApiSchema from '@asyncapi/specs/schemas/3.0.0.json' with { type: 'json' };
import { Ajv } from 'ajv';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { limits } from '../../service/adapter/options.ts';
import { serverEvents } from '../../service/protocol/events.ts';
import { handshakeRefusalReasons, refusalCodes } from '../../service/protocol/refusals.ts';
import { describeMetrics, registerMetrics } from '../../service/telemetry/definitions.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { sections, withSections } from '../../tools/reference/contract.ts';
import { clientEventsOf, namespaces } from '../../tools/reference/events.ts';
import { generated } from '../../tools/reference/generated.ts';

const read = (path: string) => readFileSync(path, 'utf8');
const filesIn = (folder: string, pattern: RegExp) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => pattern.test(path));

const contract = 'docs/reference/contract.md';
const asyncApi = 'docs/reference/asyncapi.yaml';
const tests = [...filesIn('test', /\.test\.ts$/), ...filesIn('service/adapter/test', /\.test\.ts$/)]
  .filter((path) => !path.endsWith('reference.test.ts'))
  .map(read)
  .join('\n');
const service = filesIn('service', /^(?!.*\/test\/).*\.ts$/);
/** The names that no file of the service but the one that defines them has as a string. */
const unused = (names: readonly string[], definedIn: string) => {
  const others = service.filter((path) => path !== definedIn).map(read);
  return names.filter((name) => !others.some((text) => text.includes(`'${name}'`)));
};
const untested = (names: readonly string[]) =>
  names.filter((name) => !tests.includes(`'${name}'`) && !tests.includes(`"${name}"`));

describe('the contract', () => {
  it.each(Object.keys(sections))('lists all of %s; else run `make generate`', (name) => {
    const page = read(contract);
    const sectionOf = (text: string) =>
      text.split(`<!-- begin ${name} -->`)[1]?.split('<!-- end')[0]?.split('\n');
    expect(sectionOf(page), `${contract}, section ${name}`).toEqual(sectionOf(withSections(page)));
  });
});

describe('asyncapi.yaml', () => {
  const document = parse(read(asyncApi));

  it('is what the definitions say; else run `make generate`', () => {
    expect(read(asyncApi).split('\n'), asyncApi).toEqual(generated().get(asyncApi)?.split('\n'));
  });

  it('is valid AsyncAPI 3.0', () => {
    const ajv = new Ajv({
      strict: false,
      validateFormats: false,
      validateSchema: false,
      meta: false,
    });
    const validate = ajv.compile(asyncApiSchema);
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...document, channels: { root: { address: 1 } } })).toBe(false);
  });

  it('refers to nothing that is not there', () => {
    const references = [...read(asyncApi).matchAll(/\$ref: "#\/([^"]+)"/g)].map(([, at]) => at);
    const partAt = (path = '') => path.split('/').reduce((part, key) => part?.[key], document);
    expect(references.length).toBeGreaterThan(10);
    expect(references.filter((path) => partAt(path) === undefined)).toEqual([]);
  });
});

describe('client events', () => {
  it('that are defined in the built-in application are registered by it', async () => {
    const registered = namespaces.flatMap(clientEventsOf);
    const forgotten: string[] = [];
    for (const path of filesIn('service/chat', /\.ts$/)) {
      const exported: Record<string, unknown> = await import(/* @vite-ignore */ resolve(path));
      for (const [name, value] of Object.entries(exported)) {
        const isEvent = typeof value === 'object' && value !== null && 'handler' in value;
        if (isEvent && !registered.includes(value as never)) forgotten.push(`${name} of ${path}`);
      }
    }
    expect(forgotten, 'missing in chatEvents of service/chat/chat.ts').toEqual([]);
  });
});

describe('server events', () => {
  it('that the service emits are defined', () => {
    const emits = /\b(?:emit|publish)\(\s*(?:[\w.]+\([^)]*\),\s*|[\w.]+,\s*)?'(\w+)'/g;
    const defined = new Set(serverEvents.map(({ name }) => name));
    const found = ['auth', 'application', 'chat', 'sockets'].flatMap((room) =>
      filesIn(`service/${room}`, /\.ts$/).flatMap((path) =>
        [...read(path).matchAll(emits)].map(([, name]) => ({ path, name: name as string })),
      ),
    );
    const missing = found.filter(({ name }) => !defined.has(name));
    expect(missing, 'missing in serverEvents of service/protocol/events.ts').toEqual([]);
    const emitted = found.map(({ name }) => name);
    const unused = [...defined].filter((name) => !emitted.includes(name));
    expect(unused, 'in serverEvents, but never emitted').toEqual([]);
  });
});

describe('refusals', () => {
  const codes = [...refusalCodes, ...handshakeRefusalReasons];

  it('are each given by the service', () => {
    const given = unused(codes, 'service/protocol/refusals.ts');
    expect(given, 'nothing refuses with this code').toEqual([]);
  });

  it('are each provoked by a test', () => {
    expect(untested(codes), 'no test names this code').toEqual([]);
  });
});

describe('limits of the adapter', () => {
  it.each(limits)('%s is documented and reached by a test', (limit) => {
    const page = 'docs/concepts/recovery.md';
    expect
      .soft(read(page).includes(`\n| \`${limit}\` |`), `a row for ${limit} in ${page}`)
      .toBe(true);
    expect.soft(untested([limit]), 'no test names this limit').toEqual([]);
    const reported = unused([limit], 'service/adapter/options.ts');
    expect.soft(reported, 'nothing reports this limit').toEqual([]);
  });
});

describe('metrics', () => {
  const verbs = 'service/telemetry/metrics.ts';

  it('are each set by a verb', () => {
    const names = Object.keys(registerMetrics(new Registry()));
    const unset = names.filter(
      (name) =>
        !new RegExp(`\\b${name}\\.(inc|set|dec|observe)\\(|metrics\\.${name}\\)`).test(read(verbs)),
    );
    expect(unset, `no verb of ${verbs} sets this metric`).toEqual([]);
  });

  it('are each read by a test', () => {
    const names = describeMetrics().map(({ name }) => name.replace('mooring_', ''));
    const unread = names.filter(
      (name) => !new RegExp(`\\b(mooring_)?${name}(_count|_sum)?\\b`).test(tests),
    );
    expect(unread, 'no test reads this metric').toEqual([]);
  });

  it('have no verb that nothing calls', () => {
    const callers = service
      .filter((path) => !/telemetry\/(metrics|event-log)/.test(path))
      .map(read);
    const idle = Object.keys(createMetrics()).filter(
      (verb) => !callers.some((text) => new RegExp(`[mM]etrics\\.${verb}\\b`).test(text)),
    );
    expect(idle, `nothing calls this verb of ${verbs}`).toEqual([]);
  });
});

describe('alerts and dashboards', () => {
  const files = ['charts/mooring/rules/mooring.yaml'].concat(
    filesIn('charts/mooring/dashboards', /\.json$/),
  );

  it.each(files)('%s select metrics by label values that there are', (path) => {
    const metrics = new Map(describeMetrics().map((metric) => [metric.name, metric]));
    const unknown = [...read(path).matchAll(/\b(mooring_\w+)\{([^}]*)\}/g)].flatMap(
      ([, name = '', matchers = '']) =>
        [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)\\?"([^"\\]*)/g)].flatMap(
          ([, label = '', values = '']) => {
            const { known, others } = metrics.get(name)?.labels[label] ?? {
              known: [],
              others: true,
            };
            const wrong = values.split('|').filter((value) => !others && !known.includes(value));
            return wrong.map((value) => `${name}{${label}="${value}"}`);
          },
        ),
    );
    expect(unknown, path).toEqual([]);
  });
});

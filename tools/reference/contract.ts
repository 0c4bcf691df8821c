// The tables of docs/reference/contract.md that come from definitions.
import { serverEvents } from '../../service/protocol/events.ts';
import {
  connectRefusalCodes,
  handshakeRefusalReasons,
  handshakeRefusals,
  type RefusalCode,
  refusals,
  requestRefusalCodes,
} from '../../service/protocol/refusals.ts';
import { describeMetrics, type MetricDescription } from '../../service/telemetry/definitions.ts';
import { clientEventsOf, namespaces } from './events.ts';
import { isNothing, notationOf, schemaOf } from './schema.ts';

const code = (text: string) => `\`${text}\``;

function table(heads: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), `|${'---|'.repeat(heads.length)}`, ...rows.map(line)].join('\n');
}

function clientEventRows(): string[][] {
  const everywhere = clientEventsOf('/').filter((event) =>
    clientEventsOf('/admin').includes(event),
  );
  const rows = namespaces.flatMap((namespace) =>
    clientEventsOf(namespace)
      .filter((event) => !everywhere.includes(event))
      .map((event) => ({ namespace: code(namespace), event })),
  );
  return [...rows, ...everywhere.map((event) => ({ namespace: 'every', event }))].map(
    ({ namespace, event: { name, schema, description, answer, perSecondMax } }) => {
      const payload = isNothing(schema) ? '–' : code(notationOf(schemaOf(schema, 'input')));
      const keys = Object.keys(answer?.shape ?? {});
      const acknowledgement = code(`{ ${['ok', ...keys].join(', ')} }`);
      const limit = perSecondMax === undefined ? '' : ` At most ${perSecondMax} per second.`;
      return [namespace, code(name), payload, description + limit, acknowledgement];
    },
  );
}

const refusalRows = (codes: RefusalCode[]) =>
  codes.map((name) => [
    code(name),
    refusals[name].retryable ? 'yes' : 'no',
    refusals[name].description,
  ]);

function labelsOf({ labels }: MetricDescription): string {
  return Object.entries(labels)
    .map(([label, { known, others }]) =>
      others ? label : `${label}: ${known.map(code).join(', ')}`,
    )
    .join(', ');
}

/** Name to table. */
export const sections: Record<string, () => string> = {
  'client-events': () =>
    table(['namespace', 'client sends', 'payload', 'effect', 'acknowledgement'], clientEventRows()),
  'server-events': () =>
    table(
      ['namespace', 'client gets', 'arguments', 'who and when'],
      serverEvents.map(({ name, namespace, schema, description }) => [
        namespace === 'every' ? namespace : code(namespace),
        code(name),
        code(notationOf(schemaOf(schema, 'output'))),
        description,
      ]),
    ),
  'connect-refusals': () => table(['code', 'retryable', 'why'], refusalRows(connectRefusalCodes)),
  'request-refusals': () => table(['code', 'retryable', 'why'], refusalRows(requestRefusalCodes)),
  'handshake-refusals': () =>
    table(
      ['reason', 'why'],
      handshakeRefusalReasons.map((reason) => [
        code(reason),
        handshakeRefusals[reason].description,
      ]),
    ),
  metrics: () =>
    table(
      ['name', 'type', 'labels', 'meaning'],
      describeMetrics().map((metric) => [
        code(metric.name.replace('mooring_', '')),
        metric.type,
        labelsOf(metric),
        metric.help,
      ]),
    ),
};

/** The page as it must be: sections are between `<!-- begin NAME -->` and `<!-- end NAME -->`. */
export function withSections(page: string): string {
  let text = page;
  for (const [name, content] of Object.entries(sections)) {
    const [begin, end] = [`<!-- begin ${name} -->\n`, `\n<!-- end ${name} -->`];
    const [start, stop] = [text.indexOf(begin), text.indexOf(end)];
    if (start < 0 || stop < start) throw new Error(`the page has no section ${begin.trim()}`);
    text = `${text.slice(0, start + begin.length)}\n${content()}\n${text.slice(stop)}`;
  }
  return text;
}

// Publishes a batch in one script call.
import { idLength } from '../../delivery/envelope.ts';
import { type Format, FormatRefused, formats } from '../../delivery/formats.ts';
import { type AdapterOptions, keepMsOf } from '../../options.ts';
import { EngineUnavailable, type Outcome, type Publication } from '../engine.ts';
import { encodeRooms } from './channel-message.ts';
import type { Argument, Connections } from './connections.ts';
import { type Keys, positionKeys } from './keys.ts';
import { publish as script } from './log-scripts.ts';
import type { Witness } from './witness.ts';

interface Parts {
  connections: Connections;
  keys: Keys;
  options: AdapterOptions;
  witness: Witness;
  format: Format;
  /** Called with the format to use if the given one is refused. */
  agreed(format: Format): void;
}

export async function publish(
  publications: Publication[],
  { connections, keys, options, witness, format, agreed }: Parts,
): Promise<Outcome[]> {
  const call = callOf(publications, keys, options, format);
  const answers = (await connections.run(script, ...call)) as string[] | number;
  if (typeof answers === 'number') {
    if (answers < formats.oldest) throw new EngineUnavailable(incompatible);
    agreed(answers);
    throw new FormatRefused(`Format ${format} is refused; the newest is ${answers}`);
  }
  if (Number(answers.at(-1)) > 0) options.observer.limitReached('log_bytes');
  return publications.map(({ logs, once }, i) => {
    const answer = answers[i] as string;
    if (/^[=!]/.test(answer)) {
      const end = 1 + idLength;
      const conflict = answer.startsWith('!');
      return { id: answer.slice(1, end), first: false, conflict, result: answer.slice(end) };
    }
    witness.seen(answer, logs[0]);
    return { id: answer, first: true, conflict: false, result: once?.result ?? '' };
  });
}

const incompatible = 'A process of a version that cannot read what this one writes is running';

const recordOf = (record: Publication['record']): string[] =>
  record
    ? [...[record.entriesMax, record.bytesMax, record.ms].map(String), record.value]
    : ['', '', '', ''];

/** The keys and arguments of the script. */
function callOf(
  publications: Publication[],
  keys: Keys,
  options: AdapterOptions,
  format: Format,
): [string[], Argument[]] {
  const { logEntriesMax, logBytesMax, sharedEntriesMax, sharedBytesMax } = options;
  const names = [...positionKeys(keys), keys.shared, keys.formats];
  const limits = [logEntriesMax, logBytesMax, sharedEntriesMax, sharedBytesMax, keepMsOf(options)];
  const args: Argument[] = [...limits, format, publications.length].map(String);
  for (const publication of publications) {
    const { payload, messages, logs, channels, rooms, record, once, raw } = publication;
    names.push(...logs, ...(record ? [record.key] : []), ...(once ? [once.key] : []));
    args.push(
      payload,
      String(messages),
      String(logs.length),
      String(channels.length),
      ...recordOf(record),
      ...(once ? [`${once.ms}`, once.digest, once.result] : ['', '', '']),
      encodeRooms(rooms),
      ...(raw ? [raw.channel, raw.message] : ['', '']),
      ...channels,
    );
  }
  return [names, args];
}

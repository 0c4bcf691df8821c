// Publishes a batch in one script call.
import { idLength } from '../../delivery/envelope.ts';
import { type AdapterOptions, keepMsOf } from '../../options.ts';
import type { Outcome, Publication } from '../engine.ts';
import { encodeRooms } from './channel-message.ts';
import type { Argument, Connections } from './connections.ts';
import type { Keys } from './keys.ts';
import { publish as script } from './scripts.ts';
import type { Witness } from './witness.ts';

interface Parts {
  connections: Connections;
  keys: Keys;
  options: AdapterOptions;
  witness: Witness;
}

export async function publish(
  publications: Publication[],
  { connections, keys, options, witness }: Parts,
): Promise<Outcome[]> {
  const call = callOf(publications, keys, options);
  const answers = (await connections.run(script, ...call)) as string[];
  if (Number(answers.at(-1)) > 0) options.observer.limitReached('log_bytes');
  return publications.map(({ logs, record }, i) => {
    const answer = answers[i] as string;
    if (answer.startsWith('=')) {
      const end = 1 + idLength;
      return { id: answer.slice(1, end), first: false, record: answer.slice(end) };
    }
    witness.seen(answer, logs[0]);
    return { id: answer, first: true, record: record?.value ?? '' };
  });
}

/** The keys and arguments of the script. */
function callOf(
  publications: Publication[],
  { sequence }: Keys,
  options: AdapterOptions,
): [string[], Argument[]] {
  const { logEntriesMax, logBytesMax } = options;
  const names = [sequence];
  const args: Argument[] = [
    ...[logEntriesMax, logBytesMax, keepMsOf(options), publications.length].map(String),
  ];
  for (const publication of publications) {
    const { payload, messages, logs, channels, rooms, record, once } = publication;
    names.push(...logs, ...(record ? [record.key] : []), ...(once ? [once.key] : []));
    args.push(
      payload,
      String(messages),
      String(logs.length),
      String(channels.length),
      ...(record ? [`${record.entriesMax}`, `${record.ms}`, record.value] : ['', '', '']),
      once ? String(once.ms) : '',
      encodeRooms(rooms),
      ...channels,
    );
  }
  return [names, args];
}

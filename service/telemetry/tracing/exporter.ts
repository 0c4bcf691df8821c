// Exports spans in batches, in the background, through a bounded queue.
import type { Span } from './otlp.ts';

const queueSpansMax = 2_048;
const batchSpansMax = 512;
const batchMs = 1_000;
const retryMsMax = 30_000;
const closeMsMax = 1_000;

/** `later`: the same batch may be retried. */
export type Sent = 'done' | 'refused' | 'later';

/**
 * @param send never rejects
 * @param dropped called with the number of spans that are lost
 */
export function openExporter(
  send: (spans: Span[]) => Promise<Sent>,
  dropped: (spans: number) => void,
) {
  const queue = new Map<string, Span>();
  let batch: Span[] = []; // being sent, or to be retried
  let sending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let closed = false;

  const sendBatch = async () => {
    if (batch.length === 0) batch = takeFrom(queue);
    if (batch.length === 0) return;
    const sent = await send(batch);
    failures = sent === 'later' ? failures + 1 : 0;
    if (sent === 'later') return;
    if (sent === 'refused') dropped(batch.length);
    batch = [];
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    sending ??= sendBatch().finally(() => {
      sending = undefined;
      if (queue.size + batch.length > 0) wake();
    });
    return sending;
  };
  const wake = () => {
    if (closed || sending) return;
    if (queue.size >= batchSpansMax && failures === 0) void flush();
    else timer ??= setTimeout(flush, Math.min(batchMs * 2 ** failures, retryMsMax)).unref();
  };
  /** Sends the backlog, unless the collector is unavailable. */
  const finish = async () => {
    await sending;
    do await flush();
    while (failures === 0 && queue.size > 0);
  };

  return {
    /** A queued span, which can still be changed. */
    waiting: (key: string) => queue.get(key),
    add(key: string, span: Span): void {
      if (closed || queue.size >= queueSpansMax) dropped(1);
      else {
        queue.set(key, span);
        wake();
      }
    },
    async close() {
      closed = true;
      const late = new Promise((resolve) => setTimeout(resolve, closeMsMax).unref());
      await Promise.race([finish(), late]);
      clearTimeout(timer);
      if (queue.size + batch.length > 0) dropped(queue.size + batch.length);
    },
  };
}

function takeFrom(queue: Map<string, Span>): Span[] {
  const taken: Span[] = [];
  for (const [key, span] of queue) {
    if (taken.length === batchSpansMax) break;
    queue.delete(key);
    taken.push(span);
  }
  return taken;
}

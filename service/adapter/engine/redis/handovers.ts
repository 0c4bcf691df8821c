// What only the previous process of a session knows. The process that claims the session asks on
// the channel of the previous one, as part of the claim, and gets the answer on its own channel.
import type { Format } from '../../delivery/formats.ts';
import type { EngineEvents, SessionKey } from '../engine.ts';
import { encodeText } from './channel-message.ts';
import { within } from './evaluate.ts';

const answerWord = 'answer';

/** Sent by the claim script, after the new epoch. */
interface Notice {
  namespace: string;
  pid: string;
  /** The process that asks. */
  by: string;
  question: number;
}

interface Answer {
  from: string;
  question: number;
  handover?: string | undefined;
}

interface Parts {
  processId: string;
  answerMsMax: number;
  claimed: EngineEvents['claimed'];
  /** The format to write. */
  format(): Format;
  /** Publishes on the channel of a process. */
  send(processId: string, message: Buffer): void;
}

export type Handovers = ReturnType<typeof createHandovers>;

export function createHandovers({ processId, answerMsMax, claimed, format, send }: Parts) {
  const asked = new Map<number, (handover: string | undefined) => void>();
  const silent = new Set<string>(); // frozen processes: nobody waits for them again
  let questions = 0;

  const give = ({ namespace, pid, by, question }: Notice, epoch: number): void => {
    const handover = claimed({ namespace, pid }, epoch);
    const answer: Answer = { from: processId, question, handover };
    send(by, encodeText(`${answerWord} ${JSON.stringify(answer)}`, format()));
  };
  const take = ({ from, question, handover }: Answer): void => {
    silent.delete(from);
    asked.get(question)?.(handover);
  };
  return {
    /** Handles a message on the channel of this process. */
    receive(payload: Buffer): void {
      const text = String(payload);
      const end = text.indexOf(' ');
      const [word, content] = [text.slice(0, end), JSON.parse(text.slice(end))];
      if (word === answerWord) take(content);
      else give(content, Number(word));
    },
    /** Prepares a question, which must be closed. */
    ask({ namespace, pid }: SessionKey) {
      questions += 1;
      const question = questions;
      // Before the question is sent: the answer may arrive together with the reply to the claim.
      const answered = new Promise<string | undefined>((resolve) => asked.set(question, resolve));
      return {
        notice: JSON.stringify({ namespace, pid, by: processId, question } satisfies Notice),
        /** Resolves to `undefined` if the process gives no answer in time. */
        async answerOf(process: string): Promise<string | undefined> {
          if (silent.has(process)) return undefined;
          const timedOut = () => void silent.add(process);
          return within(answered, answerMsMax, timedOut).catch(() => undefined);
        },
        close: () => void asked.delete(question),
      };
    },
  };
}

// Judges `socket.data`: after a recovery it is what was last acknowledged, or something newer.
//
// While Redis is unavailable, an acknowledgement does not wait for the save, so that a pod which
// dies then may lose the change.
import { type ClientRecord, type History, isDisturbed } from './history.ts';

export function judgeData(
  history: History,
  { events }: ClientRecord,
  stale: (at: number, text: string) => void,
): void {
  let [sent, acknowledged, due] = [0, 0, 0];
  const sentAt = new Map<number, number>();
  for (const event of events) {
    const { type, at } = event;
    if (type === 'sets') {
      sent = event.n;
      sentAt.set(sent, at);
    } else if (type === 'set') {
      const isDurable = !isDisturbed(history, sentAt.get(event.n) as number, at);
      if (isDurable && event.n > acknowledged) acknowledged = event.n;
    } else if (type === 'connected') {
      if (!event.recovered) acknowledged = 0;
      due = acknowledged;
    } else if (type === 'data' && (event.n < due || event.n > sent)) {
      stale(at, `it is ${event.n}, and ${due} was acknowledged`);
    }
  }
}

// `publish` for applications: emits, and resolves once the event is stored.
import type { Broadcast } from '../stores/broadcast.ts';
import type { Publish } from './index.ts';

export function createPublish({ publish }: Pick<Broadcast, 'publish'>): Publish {
  return async (target, event, ...args) => {
    await publish(target, event, args);
  };
}

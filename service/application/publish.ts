// Emits an event for an application; resolves when Redis has it.
import type { Broadcast } from '../stores/broadcast.ts';
import type { Publish } from './index.ts';

export function createPublish({ publish }: Pick<Broadcast, 'publish'>): Publish {
  return async (target, event, ...args) => {
    await publish(target, event, args);
  };
}

// Tells the listener of the options about the life of sessions.
import type { AdapterOptions, SessionListener } from '../options.ts';
import { infoOf, type Session } from './session.ts';

export type Tell = ReturnType<typeof createTell>;

export const createTell =
  ({ sessions }: Pick<AdapterOptions, 'sessions'>, namespace: string) =>
  (event: Exclude<keyof SessionListener, 'claimed' | 'ended'>, session: Session): void =>
    sessions[event](infoOf(session, namespace));

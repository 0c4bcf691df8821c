// What a user shows in a room, from the JSON that memberships store.
import { z } from 'zod';
import { readJson } from '../lib/read-json.ts';
import type { Member } from './memberships.ts';

export interface Shown {
  /** Missing if the user shows nothing. */
  presence?: Record<string, unknown>;
}

export interface Present extends Shown {
  userId: string;
}

export const shownOf = (presence: string): Shown =>
  presence === '' ? {} : { presence: readJson(presenceSchema, presence) ?? {} };

const presenceSchema = z.record(z.string(), z.unknown());

export const presentOf = ({ userId, presence }: Member): Present => ({
  userId,
  ...shownOf(presence),
});

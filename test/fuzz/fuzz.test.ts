import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { attacks } from './attacks.ts';
import { fuzz } from './fuzz.ts';

it.runIf(existsSync('/proc/self/fd'))(
  'a few seconds of broken input end no process, answer no 5xx and leave no connection',
  async () => {
    const counts = await fuzz({ seed: 1, seconds: 3 });
    expect(Object.keys(counts).sort()).toEqual(Object.keys(attacks).sort());
  },
);

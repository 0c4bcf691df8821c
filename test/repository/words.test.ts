// The word list of words.ts against the files that it names.
import { existsSync, readFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { describe, expect, it } from 'vitest';
import { places, trackedFiles, words } from './words.ts';

const matches = (path: string, globs: string[]) => globs.some((glob) => matchesGlob(path, glob));
const files = trackedFiles().filter((path) => existsSync(path) && matches(path, places));

describe('the words of the field', () => {
  it('are looked for in files that exist', () => {
    for (const place of places) {
      expect(
        files.filter((path) => matchesGlob(path, place)),
        place,
      ).not.toEqual([]);
    }
  });

  it.each(files)('are used in %s', (path) => {
    const lines = proseOf(path).split('\n');
    const banned = words.filter((each) => matches(path, each.in ?? places));
    const found = banned.flatMap(({ word, use }) =>
      lines.flatMap((line, i) => {
        const [match] = word.exec(line) ?? [];
        return match ? `${path}:${i + 1}: "${match}": use ${use}` : [];
      }),
    );
    expect(found).toEqual([]);
  });
});

/** Markdown without code: output and identifiers are checked where they come from. */
function proseOf(path: string): string {
  const text = readFileSync(path, 'utf8');
  if (!path.endsWith('.md')) return text;
  const blank = (code: string) => code.replace(/[^\n]/g, '');
  return text.replace(/^ *```.*?^ *```/gms, blank).replace(/`[^`\n]+`/g, '``');
}

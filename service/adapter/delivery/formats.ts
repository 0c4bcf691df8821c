// The format of everything that processes exchange through Redis: messages, log entries, sessions
// and notices. One number covers all of them, and whatever is written names it. How to change a
// format: docs/internals/decisions/0009-formats-by-agreement.md

export type Format = number;

/** The formats that this version reads. It writes the newest one that all live processes read. */
export const formats: { readonly oldest: Format; readonly newest: Format } = {
  oldest: 1,
  newest: 1,
};

/** Of what is broken. */
export const noFormat: Format = 0;

/** What can be found in a format that this version does not read. */
export const unreadableKinds = ['message', 'log_entry', 'session', 'notice'] as const;
export type UnreadableKind = (typeof unreadableKinds)[number];

/** Something is in a format that this version does not read. */
export class Unreadable extends Error {
  override name = 'Unreadable';
  readonly format: Format;

  constructor(format: Format) {
    super(`This version does not read format ${format}`);
    this.format = format;
  }
}

/** @throws {Unreadable} */
export function requireReadable(format: Format): void {
  if (!(format >= formats.oldest && format <= formats.newest)) throw new Unreadable(format);
}

/** The engine accepts only an older format, and has done nothing. */
export class FormatRefused extends Error {
  override name = 'FormatRefused';
}

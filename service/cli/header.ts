// Headers as arguments of the command line.

/** @throws if it is not `NAME: VALUE` */
export function parseHeader(text: string): [string, string] {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new Error(`--header must be "NAME: VALUE", not "${text}"`);
  }
  return [name, value];
}

// The help text and docs/reference/configuration.md, both generated from the schema.
import { hostname } from 'node:os';
import type { z } from 'zod';
import { secrets, settings } from '../config/schema.ts';

interface Variable {
  name: string;
  fallback: string;
  text: string;
}

const usage = `Mooring runs Socket.IO on many replicas.

  node service/main.ts                        start; the environment configures it
  node service/main.ts --development          start on loopback with keys, tokens and the test page
  node service/main.ts token --sub USER [--role ROLE] [--rooms PATTERN,...] [--ttl SECONDS]
                                              print a token signed with JWT_SECRET
  node service/main.ts check URL [OPTION...]  check through URL what clients rely on:
      --times 20          attempts per transport
      --quick             skip the idle check, which takes two ping intervals
      --second URL        another URL of the same service, to reach another pod; repeatable
      --connect-to HOST   connect to this host, where DNS does not know that of the URL
      --pods 1            fail if fewer pods are reached
      --websocket-only    for an endpoint without sticky sessions: skip polling
      --token-file FILE   or --token TOKEN: use this token instead of JWT_SECRET
      --room-prefix check-   prefix of the rooms that the check joins
      --json              print JSON; exit status 0: all passed, 1: something failed, 2: bad usage
  node service/main.ts trace --user USER [OPTION...]
                                              follow one user on every replica; needs TRACE=on there
      --url http://localhost:3001   the operations port of any replica
      --api-key-file FILE           or API_KEY in the environment
      --pod NAME                    show the events of this pod alone
      --json                        for programs; exit status 0: over, 1: failed, 2: bad usage
  node service/main.ts --help                 print this text; with --markdown, as in docs/reference
`;

/** For the terminal. */
export function helpText(): string {
  const width = Math.max(...variables().map(({ name }) => name.length));
  const lines = variables().map(({ name, fallback, text }) => {
    const shown = fallback && ` [${fallback}]`;
    return `  ${name.padEnd(width)}  ${text}${shown}`;
  });
  const files = `${secrets.join(', ')} can also be read from a file: set NAME_FILE to its path.`;
  return [usage, 'Environment [default]:', ...lines, '', files].join('\n');
}

/** For docs/reference/configuration.md. */
export function helpMarkdown(): string {
  const rows = variables().map(({ name, fallback, text }) => {
    const shown = name === 'POD_NAME' ? 'host name' : fallback && `\`${fallback}\``;
    return `| \`${name}\` | ${shown} | ${text} |`;
  });
  return `# Configuration

Generated from \`service/config/schema.ts\` by \`make generate\`; a test compares the two.

Mooring reads every variable once, at startup. If any value is missing or invalid, it exits with one
message that names every problem. A file can hold the value of
${secrets.map((name) => `\`${name}\``).join(', ')}: set \`NAME_FILE\` to its path.

| variable | default | description |
|---|---|---|
${rows.join('\n')}
`;
}

function variables(): Variable[] {
  return Object.entries(settings.shape).map(([name, schema]) => {
    const empty = (schema as z.ZodType).safeParse(undefined);
    const fallback = empty.success ? String(empty.data ?? '') : '';
    const text = (schema as z.ZodType).description ?? '';
    return { name, fallback: fallback === hostname() ? '' : fallback, text };
  });
}

// The reference of the environment, from the schema that reads it.
import { hostname } from 'node:os';
import type { z } from 'zod';
import { secrets, settings } from '../config/schema.ts';

interface Variable {
  name: string;
  fallback: string;
  text: string;
}

const usage = `Mooring: Socket.IO that keeps its connections.

  node service/main.ts                        start, configured by the environment
  node service/main.ts --development          start with a secret, tokens and the page, on loopback
  node service/main.ts token --sub USER [--role ROLE] [--rooms PATTERN,...] [--ttl SECONDS]
                                              print a token signed with JWT_SECRET
  node service/main.ts check URL [OPTION...]  try everything a client relies on through this URL:
      --times 20          how often each transport is tried
      --quick             leave out the idle connections, which take two ping intervals
      --second URL        another way to the same service, to meet another pod; repeatable
      --connect-to HOST   connect to this host, where DNS does not know that of the URL
      --pods 1            fail when fewer pods are met
      --websocket-only    for a door that is not sticky on purpose
      --token-file FILE   or --token TOKEN, where JWT_SECRET is not at hand
      --room-prefix check-   what the names of the rooms that are used begin with
      --json              for programs; exit status 0: nothing fails, 1: something, 2: bad usage
  node service/main.ts trace --user USER [OPTION...]
                                              follow one user on every replica; needs TRACE=on there
      --url http://localhost:3001   the operations port of any replica
      --api-key-file FILE           or API_KEY in the environment
      --pod NAME                    show the events of this pod alone
      --json                        for programs; exit status 0: over, 1: failed, 2: bad usage
  node service/main.ts --help                 this text; with --markdown, as in docs/reference
`;

/** For the terminal. */
export function helpText(): string {
  const width = Math.max(...variables().map(({ name }) => name.length));
  const lines = variables().map(({ name, fallback, text }) => {
    const shown = fallback && ` [${fallback}]`;
    return `  ${name.padEnd(width)}  ${text}${shown}`;
  });
  const files = `${secrets.join(', ')} also take a file: NAME_FILE.`;
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

Every variable is read once, at the start. A missing or wrong value ends the start with one message
that lists every problem by name. ${secrets.map((name) => `\`${name}\``).join(', ')} also take a
file: \`NAME_FILE\` holds the path to the value.

| variable | default | what it is |
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

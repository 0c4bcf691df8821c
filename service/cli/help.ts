// The help text and docs/reference/configuration.md, both generated from the schema.
import { hostname } from 'node:os';
import type { z } from 'zod';
import { secrets, settings } from '../config/schema.ts';

interface Variable {
  name: string;
  fallback: string;
  text: string;
}

const start = `  mooring                     start the service; environment variables configure it
  mooring --development       start on loopback with generated keys, tokens and the test page
`;

const token = `  mooring token --sub USER    print a token signed with JWT_SECRET
      --role ROLE             the user's role, such as admin
      --rooms PATTERN,...     rooms that the user may join, with ROOM_ACCESS=claims
      --ttl SECONDS           lifetime of the token [3600]
`;

const check = `  mooring check URL           test everything that clients rely on, through URL
      --times N               attempts per transport [20]
      --quick                 skip the idle check, which takes two ping intervals
      --second URL            a URL that reaches other pods of the service; repeatable
      --connect-to HOST       connect to this host if DNS cannot resolve the host of URL
      --header "NAME: VALUE"  header to send with every request; repeatable
      --ingress NAMESPACE/NAME  also read this Ingress and its controller, with kubectl
      --pods N                fail if fewer pods are reached [1]
      --origin ORIGIN         also check pages on that origin, such as https://app.example.com
      --websocket-only        skip polling, for an endpoint without sticky sessions
      --token-file FILE       use the token in FILE instead of JWT_SECRET; or --token TOKEN
      --room-prefix PREFIX    prefix of the rooms that the check joins [check-]
      --json                  print JSON
                              exit status 0: all passed, 1: something failed, 2: bad usage
`;

const trace = `  mooring trace --user USER   follow one user across all replicas; needs TRACE=on
      --url URL               the operations port of any replica [http://localhost:3001]
      --api-key-file FILE     read the API key from FILE; or set API_KEY
      --pod NAME              show only the events of this pod
      --json                  print one JSON object per line
                              exit status 0: ended or stopped, 1: failed, 2: bad usage
`;

const commands: Record<string, string> = { token, check, trace };

const general = `  mooring --help              print this help; after a command, its help
`;

const usage = `Mooring runs Socket.IO on many replicas.

Run it as \`npx mooring\` in the repository, or as \`node service/main.ts\` in a pod.

${[start, token, check, trace, general].join('\n')}`;

/** For the terminal; `undefined` if there is no such command. */
export function commandHelp(name: string): string | undefined {
  return Object.hasOwn(commands, name) ? `Usage:\n\n${commands[name]}` : undefined;
}

/** For the terminal. */
export function helpText(): string {
  const width = Math.max(...variables().map(({ name }) => name.length));
  const lines = variables().map(({ name, fallback, text }) => {
    const shown = fallback && ` [${fallback}]`;
    return `  ${name.padEnd(width)}  ${text}${shown}`;
  });
  const files =
    `${secrets.join(', ')} can also be read from a file: set NAME_FILE to its path, or ` +
    'SECRETS_DIR to a folder with files such as jwt-secret and api-keys.';
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

Mooring reads every variable at startup. If any value is missing or invalid, it exits with one
message that names every problem. A file can hold the value of
${secrets.map((name) => `\`${name}\``).join(', ')}:
set \`NAME_FILE\` to its path, or \`SECRETS_DIR\` to a folder with one file per variable, such as
\`jwt-secret\` for \`JWT_SECRET\`. In that folder files may be missing.

Files are read again every two seconds: keys of tokens and of the backend API, and the credentials
of Redis, can be [rotated](../operations/secrets.md) without a restart. Everything else takes
effect at the next start.

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

/** What a person needs to use what `up` has started. */
interface Started {
  address: string;
  operations: string;
  apiKey: string;
  tokens: Record<string, string>;
  /** How each replica is killed, to see its clients move on. */
  kill: string[];
  /** Where the logs are. */
  logs: string;
}

const notification = '{"users":["alice"],"event":"notification","data":{"text":"Hello, Alice"}}';

export function welcome({ address, operations, apiKey, tokens, kill, logs }: Started): string {
  const people = Object.entries(tokens);
  return `
Mooring is up: nginx (ip_hash) -> 3 replicas -> Redis

  Address    ${address}

  Pages      open two of them and talk
${people.map(([name, token]) => `    ${name.padEnd(7)}  ${address}/#token=${token}`).join('\n')}

  Tokens     for other clients: auth: { token }
${people.map(([name, token]) => `    ${name.padEnd(7)}  ${token}`).join('\n')}

  API key    ${apiKey}
  Publish    from a back end, on any replica's operations port:
    curl -X POST ${operations}/v1/publish \\
      -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' \\
      -d '${notification}'

  Kill one   its clients come back on the others
${kill.map((command) => `    ${command}`).join('\n')}

  Logs       ${logs}
  Stop       Ctrl-C here, or \`make down\` anywhere
`;
}

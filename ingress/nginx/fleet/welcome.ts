/** Everything needed to try the fleet. */
interface Started {
  address: string;
  operations: string;
  apiKey: string;
  tokens: Record<string, string>;
  /** Commands that kill each replica, to watch its clients recover. */
  kill: string[];
  /** Where the logs are. */
  logs: string;
}

const notification = '{"users":["alice"],"event":"notification","data":{"text":"Hello, Alice"}}';

export function welcome({ address, operations, apiKey, tokens, kill, logs }: Started): string {
  const people = Object.entries(tokens);
  return `
Mooring is running: nginx (ip_hash) -> 3 replicas -> Redis

  Address    ${address}

  Pages      open two of these links and chat
${people.map(([name, token]) => `    ${name.padEnd(7)}  ${address}/#token=${token}`).join('\n')}

  Tokens     for your own clients: auth: { token }
${people.map(([name, token]) => `    ${name.padEnd(7)}  ${token}`).join('\n')}

  API key    ${apiKey}
  Publish    from a backend, through the operations port of any replica
    curl -X POST ${operations}/v1/publish \\
      -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' \\
      -d '${notification}'

  Kill       a replica; its clients recover on the others
${kill.map((command) => `    ${command}`).join('\n')}

  Logs       ${logs}
  Stop       Ctrl-C here, or \`make down\` in any terminal
`;
}

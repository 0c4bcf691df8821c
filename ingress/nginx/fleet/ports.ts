import { createServer } from 'node:net';
import { Problem } from '../../../tools/problem.ts';
import { type Ports, portVariables } from './settings.ts';

/** Fails before anything starts, with every port that is taken and the variable to change it. */
export async function requireFreePorts(ports: Ports): Promise<void> {
  const taken: string[] = [];
  for (const [kind, variable] of Object.entries(portVariables)) {
    const wanted = [ports[kind as keyof Ports]].flat();
    for (const port of wanted) {
      if (await isFree(port)) continue;
      const example = (wanted[0] ?? port) + 100;
      taken.push(`Port ${port} (${kind}) is in use; try ${variable}=${example} make up`);
    }
  }
  if (taken.length > 0) throw new Problem(taken.join('\n'));
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

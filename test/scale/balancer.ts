// Sends every connection to the first pod that accepts it, so that stock clients find another pod
// when theirs is gone.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export async function openBalancer(ports: number[]) {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const join = ([port, ...others]: number[]) => {
      if (port === undefined) return void client.destroy();
      const upstream = connect(port, '127.0.0.1');
      let isConnected = false;
      upstream.once('connect', () => {
        isConnected = true;
        client.pipe(upstream).pipe(client);
      });
      upstream.on('error', () => {});
      upstream.on('close', () => {
        if (isConnected) client.destroy();
        else join(others);
      });
      client.on('close', () => upstream.destroy());
    };
    open.add(client);
    client.on('error', () => {}).on('close', () => open.delete(client));
    join(ports);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      for (const client of open) client.destroy();
    },
  };
}

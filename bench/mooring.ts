// One replica of Mooring, with metrics that can be switched off.
import { createApp } from '../service/app.ts';
import { mintToken } from '../service/auth/tokens.ts';
import { parseConfig } from '../service/config/schema.ts';
import { roomName } from '../service/protocol/rooms.ts';
import { createLog } from '../service/telemetry/log.ts';
import { createMetrics } from '../service/telemetry/metrics.ts';
import { answerCalls } from './child.ts';
import { createPublishing } from './publishing.ts';
import { switchable } from './switch.ts';

const [, redisUrl = ''] = process.argv.slice(2);
const secret = 'a secret for the benchmark, and nothing else';
const apiKey = 'a key for the benchmark';
const config = parseConfig({
  HOST: '127.0.0.1',
  PORT: '0',
  OPERATIONS_PORT: '0',
  REDIS_URL: redisUrl,
  JWT_SECRET: secret,
  API_KEY: apiKey,
  LOG_LEVEL: 'silent',
  REBALANCE: 'off',
  HANDSHAKES_PER_SECOND_MAX: '1000000', // all clients connect at once, to the only replica
});
const { metrics, count } = switchable(createMetrics());
const app = await createApp(config, createLog('silent', 'bench'), { metrics });
app.io.on('connection', (socket) => socket.join(roomName(socket.handshake.auth.room)));
await app.started;
const port = await app.listen();

/** Publishes through the backend API, without HTTP. */
async function publish(room: string, data: object): Promise<void> {
  const { status } = await app.api({
    method: 'POST',
    url: '/v1/publish',
    headers: { authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ rooms: [room], event: 'm', data }),
  });
  if (status !== 202) throw new Error(`publish was answered ${status}`);
}

/** CPU time of a scrape, in microseconds. */
async function scrape(): Promise<number> {
  const scrapes = 20;
  const before = process.cpuUsage();
  for (let i = 0; i < scrapes; i += 1) await app.metrics();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / scrapes;
}

answerCalls({
  port: () => port,
  tokens: (users: number) =>
    Array.from({ length: users }, (_, i) => mintToken(secret, { sub: `user-${i}` }, 3_600)),
  publish: createPublishing(publish),
  count,
  scrape,
  figures: app.metrics,
});

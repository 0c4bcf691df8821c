// Metrics that count nothing: what a server costs without them.
import type { Metrics } from '../service/metrics.ts';

const nothing = () => {};

export const uncounted: Metrics = {
  connected: nothing,
  upgraded: nothing,
  disconnected: nothing,
  connectRefused: nothing,
  requestRefused: nothing,
  recoveryEnded: nothing,
  messageReceived: nothing,
  messagePublished: nothing,
  deliveryDelayed: nothing,
  caughtUp: nothing,
  messageDelivered: nothing,
  slowConsumerClosed: nothing,
  redisUp: nothing,
  redisReconnected: nothing,
  draining: nothing,
  roomCreated: nothing,
  roomDeleted: nothing,
  limitReached: nothing,
  backgroundFailed: nothing,
  spansDropped: nothing,
  probed: nothing,
  probeFailed: nothing,
  observe: nothing,
  redisSays: nothing,
  text: async () => '',
  snapshot: async () => [],
};

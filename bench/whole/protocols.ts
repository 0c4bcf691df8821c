// What the load generator says in each protocol. Every message that is delivered holds the marker.
export const marker = '^SQ';

export interface Protocol {
  path: string;
  /** What a client sends first. */
  hello?(token: string, room: string): string;
  /** The answer to a text before the client is ready: a text to send, or `ready`. */
  greet(text: string, token: string, room: string): string | 'ready' | undefined;
  /** The answer to a ping among the texts. */
  ping?: [ping: string, pong: string];
  /** A text that publishes a message. */
  publish(message: { room: string }): string;
}

export const protocols = {
  'socket.io': {
    path: '/socket.io/?EIO=4&transport=websocket',
    greet(text, token, room) {
      if (text.startsWith('0')) return `40${JSON.stringify({ token })}`;
      if (text.startsWith('40')) return `42${JSON.stringify(['join', room])}`;
      return text.startsWith('42["joined"') ? 'ready' : undefined;
    },
    ping: ['2', '3'],
    publish: (message) => `42${JSON.stringify(['send', message])}`,
  },
  ws: {
    path: '/',
    hello: (_, room) => JSON.stringify({ join: room }),
    greet: (text) => (text === '"joined"' ? 'ready' : undefined),
    publish: (message) => JSON.stringify(message),
  },
} satisfies Record<string, Protocol>;

export type ProtocolName = keyof typeof protocols;

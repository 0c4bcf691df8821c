// Sends one request over a socket and always comes back with an answer.

export const answerMsMax = 5000;

// A packet is never left to the client's own buffer: that would be sent on the next connect,
// before the rooms are joined again.
export async function request(socket, event, payload) {
  if (!socket.connected) return notConnected;
  try {
    const payloads = payload === undefined ? [] : [payload];
    return await socket.timeout(answerMsMax).emitWithAck(event, ...payloads);
  } catch {
    return socket.connected ? noAnswer : notConnected;
  }
}

const notConnected = refuse('not_connected', 'The line is down');
const noAnswer = refuse('no_answer', 'The server did not answer in time');

function refuse(code, message) {
  return { ok: false, error: { code, message, retryable: true } };
}

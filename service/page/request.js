// Sends one request over a socket and always resolves to an answer.

export const answerMsMax = 5000;

// Never uses the client's send buffer: it is flushed on the next connect, before the rooms are
// joined again.
export async function request(socket, event, payload) {
  if (!socket.connected) return notConnected;
  try {
    const payloads = payload === undefined ? [] : [payload];
    return await socket.timeout(answerMsMax).emitWithAck(event, ...payloads);
  } catch {
    return socket.connected ? noAnswer : notConnected;
  }
}

const notConnected = refuse('not_connected', 'Not connected');
const noAnswer = refuse('no_answer', 'The server did not answer in time');

function refuse(code, message) {
  return { ok: false, error: { code, message, retryable: true } };
}

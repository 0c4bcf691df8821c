// Sends messages: shown at once, and retried with the same id, so that none is delivered twice.

export function compose(room, text) {
  const delivery = { id: crypto.randomUUID(), sentId: '', text, at: Date.now(), state: 'waiting' };
  room.outgoing.push(delivery);
  return delivery;
}

export async function deliver(connection, room, delivery, changed) {
  if (connection.line.state !== 'connected' || !room.joined) delivery.state = 'waiting';
  else {
    delivery.state = 'sending';
    changed();
    const { id, text } = delivery;
    settle(room, delivery, await connection.request('send_message', { roomId: room.id, text, id }));
  }
  changed();
}

export function deliverWaiting(connection, room, changed) {
  const waiting = room.outgoing.filter(({ state }) => state === 'waiting');
  return Promise.all(waiting.map((delivery) => deliver(connection, room, delivery, changed)));
}

export function discard(room, id) {
  room.outgoing = room.outgoing.filter((delivery) => delivery.id !== id);
}

function settle(room, delivery, answer) {
  if (answer.ok) {
    delivery.state = 'sent';
    delivery.sentId = answer.message.id;
    if (room.messages.some(({ id }) => id === delivery.sentId)) discard(room, delivery.id);
  } else if (answer.error.code === 'not_connected') delivery.state = 'waiting';
  else {
    delivery.state = 'failed';
    delivery.reason = answer.error.message;
  }
}

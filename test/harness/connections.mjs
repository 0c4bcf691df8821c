// An application whose clients may ask how many connections their process has open, and one that
// calls itself slow keeps it busy when it connects.
/** @type {import('../../service/application/index.ts').Application} */
export default (io) => {
  let open = 0;
  Reflect.get(io, 'httpServer').on('connection', (connection) => {
    open += 1;
    connection.once('close', () => {
      open -= 1;
    });
  });
  io.engine.prependListener('connection', ({ request }) => {
    const end = Date.now() + (request.url.includes('slow') ? 1_000 : 0);
    while (Date.now() < end);
  });
  io.on('connection', (socket) => {
    socket.on('connections', (reply) => reply(open));
  });
  return undefined;
};

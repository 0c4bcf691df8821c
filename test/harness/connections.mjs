// An application whose clients may ask how many connections their process has open.
/** @type {import('../../service/application.ts').Application} */
export default (io) => {
  let open = 0;
  Reflect.get(io, 'httpServer').on('connection', (connection) => {
    open += 1;
    connection.once('close', () => {
      open -= 1;
    });
  });
  io.on('connection', (socket) => {
    socket.on('connections', (reply) => reply(open));
  });
  return undefined;
};

// The application of Mooring in the comparison: the same two events as contestant A.
export default function application(io) {
  io.on('connection', (socket) => {
    socket.on('join', async (room) => {
      await socket.join(`room:${room}`);
      socket.emit('joined', room);
    });
    socket.on('send', (message) => io.to(`room:${message.room}`).emit('message', message));
  });
}

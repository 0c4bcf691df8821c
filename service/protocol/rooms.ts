// The names of Socket.IO's rooms. Prefixes keep the rooms of an application, users' rooms and
// socket ids apart: socket ids contain no colon.

export const roomName = (roomId: string) => `room:${roomId}`;
export const userRoom = (userId: string) => `user:${userId}`;

// Names of Socket.IO rooms. Prefixes separate the application's rooms, users' rooms and socket ids,
// which contain no colon.

export const roomName = (roomId: string) => `room:${roomId}`;
export const userRoom = (userId: string) => `user:${userId}`;

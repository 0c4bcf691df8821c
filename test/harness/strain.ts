// An application that can be made to block its event loop, or to fill its heap.
import type { Application } from '../../service/application/index.ts';

const everyMs = 10;

const strain: Application = (io) => {
  let blockMs = 0;
  let kept: unknown[] = [];
  const timer = setInterval(() => {
    const end = performance.now() + blockMs;
    while (performance.now() < end);
  }, everyMs);
  io.on('connection', (socket) => {
    socket.on('block', (ms: number, done: () => void) => {
      blockMs = ms;
      done();
    });
    socket.on('fill', (megabytes: number, done: (kept: number) => void) => {
      // Arrays of numbers are on the heap of V8, as buffers are not.
      kept = Array.from({ length: megabytes }, () => new Array(128 * 1024).fill(0.5));
      done(kept.length);
    });
    socket.on('echo', (text: string, done: (text: string) => void) => done(text));
  });
  return () => clearInterval(timer);
};

export default strain;

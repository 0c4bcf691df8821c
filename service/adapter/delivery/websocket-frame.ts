// Builds the WebSocket frame of an Engine.IO message, once for all sockets of a process.

const tail = '"]'; // what follows the offset
const placeholderBytes = 16;
const finalText = 0x81;
const engineMessage = '4'.charCodeAt(0);
const length16 = 126;
const length64 = 127;

/**
 * Copies `packet`, which is shared.
 * @param offset replaces its placeholder, the last argument of the event
 */
export function frameOf(packet: Buffer, offset: string): { frame: Buffer; text: Buffer } {
  const kept = packet.length - placeholderBytes - tail.length;
  const length = 1 + kept + offset.length + tail.length;
  const short = length < length16;
  const headLength = short ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headLength + length);
  frame[0] = finalText;
  frame[1] = short ? length : headLength === 4 ? length16 : length64;
  if (headLength === 4) frame.writeUInt16BE(length, 2);
  else if (headLength === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame[headLength] = engineMessage;
  packet.copy(frame, headLength + 1, 0, kept);
  frame.write(offset + tail, headLength + 1 + kept, 'latin1');
  return { frame, text: frame.subarray(headLength + 1) };
}

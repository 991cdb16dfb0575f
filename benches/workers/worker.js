'use strict';
// REF-NODE's worker: JSON in, handler, JSON out, over a unix socket, and nothing else.
//
// worker.js serve SOCKET            answers length-prefixed frames until the socket closes
// worker.js echo SOCKET             the same without looking at them: always the same bytes
// worker.js time PAYLOAD_FILE COUNT prints the nanoseconds one frame takes without the socket calls

const fs = require('fs');
const net = require('net');
const { main_handler: handler } = require('./index.js');

function answer(frame, done) {
  handler(JSON.parse(frame.toString('utf8', 4)), {}, (error, result) => {
    if (error) throw error;
    const text = JSON.stringify(result);
    const size = Buffer.byteLength(text);
    const reply = Buffer.allocUnsafe(4 + size);
    reply.writeUInt32LE(size, 0);
    reply.write(text, 4);
    done(reply);
  });
}

const REPLY = '{"ok": true, "call": 1234}';
const SAME = Buffer.concat([Buffer.from(Uint32Array.of(REPLY.length).buffer), Buffer.from(REPLY)]);

function serve(path, answer) {
  const socket = net.connect(path);
  let held = null;
  socket.on('data', (chunk) => {
    const frame = held ? Buffer.concat([held, chunk]) : chunk;
    if (frame.length < 4 || frame.length < 4 + frame.readUInt32LE(0)) {
      held = frame;
      return;
    }
    held = null;
    answer(frame, (reply) => socket.write(reply));
  });
  socket.on('close', () => process.exit(0));
}

function measure(payloadFile, count) {
  const payload = fs.readFileSync(payloadFile);
  const frame = Buffer.alloc(4 + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  payload.copy(frame, 4);
  const ignore = () => {};
  for (let i = 0; i < count; i += 1) answer(frame, ignore);
  const started = process.hrtime.bigint();
  for (let i = 0; i < count; i += 1) answer(frame, ignore);
  console.log(String((process.hrtime.bigint() - started) / BigInt(count)));
}

if (process.argv[2] === 'serve') {
  serve(process.argv[3], answer);
} else if (process.argv[2] === 'echo') {
  serve(process.argv[3], (frame, done) => done(SAME));
} else {
  measure(process.argv[3], Number(process.argv[4]));
}

'use strict';
// REF-NODE's worker: JSON in, handler, JSON out, over a unix socket, and nothing else.
//
// worker.js serve SOCKET            answers length-prefixed frames until the socket closes
// worker.js echo SOCKET NS          always the same bytes, after as many nanoseconds of processor time spent on nothing
// worker.js time SOCKET             as serve, and writes down the processor time that is not for the socket

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

const micros = () => { const { user, system } = process.cpuUsage(); return user + system; };

/** Always the same answer, for a given price. */
function echo(nanoseconds) {
  return (frame, done) => {
    for (const until = micros() + nanoseconds / 1000; micros() < until;);
    done(SAME);
  };
}

/** `answer`, keeping account of its processor time in a file: nanoseconds and frames. */
function timed(folder) {
  const note = fs.openSync(`${folder}/${process.pid}.times`, 'w');
  let spent = 0;
  let frames = 0;
  return (frame, done) => {
    const began = micros();
    answer(frame, (reply) => {
      spent += micros() - began;
      frames += 1;
      if (frames % 64 === 0) fs.writeSync(note, `${spent * 1000} ${frames}`, 0);
      done(reply);
    });
  };
}

const [mode, path, price] = process.argv.slice(2);
if (mode === 'serve') serve(path, answer);
else if (mode === 'echo') serve(path, echo(Number(price)));
else serve(path, timed(require('path').dirname(path)));

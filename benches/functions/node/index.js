'use strict';
// The function that every Node.js measurement calls, on Sluice and on the reference alike.

let calls = 0;

exports.main_handler = (event, context, callback) => {
  calls += 1;
  const answer = { ok: true, call: calls };
  if (event.hold_ms) {
    setTimeout(() => callback(null, answer), event.hold_ms);
  } else {
    callback(null, answer);
  }
};

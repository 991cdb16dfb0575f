// Does what its event says, as tests/functions/scf_probe does in Python.
'use strict';
const crypto = require('crypto');
const { execFileSync } = require('child_process');
const fs = require('fs');

const instance = crypto.randomUUID();
let calls = 0;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const actions = {
  async echo(event, context) {
    const plain = Object.fromEntries(Object.entries(context).filter(([, value]) => typeof value !== 'function'));
    return { event, context: plain, remaining: context.getRemainingTimeInMillis() };
  },
  async who() {
    return { instance, calls, pid: process.pid };
  },
  async sleep(event) {
    await wait(event.seconds * 1000);
    return { instance, calls };
  },
  async env() {
    return process.env;
  },
  async print(event) {
    for (const line of event.lines) console.log(line);
    console.error('to stderr');
    return event.lines.length;
  },
  async raise(event) {
    throw new TypeError(event.message || 'deliberate failure');
  },
  async exit(event) {
    process.exit(event.code === undefined ? 1 : event.code);
  },
  async allocate(event) {
    const held = [];
    for (let n = 0; n < event.mib; n += 8) held.push(Buffer.alloc(8 << 20, 1));
    return held.length;
  },
  async text(event) {
    return 'a'.repeat(event.length);
  },
  async nothing() {},
  async paths(event) {
    return {
      cwd: process.cwd(),
      exec: process.execPath,
      version: process.version,
      present: Object.fromEntries((event.paths || []).map((path) => [path, fs.existsSync(path)])),
    };
  },
  async run(event) {
    return execFileSync(event.command[0], event.command.slice(1)).toString();
  },
  async zone() {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    return { offset: new Date().getTimezoneOffset(), zone: process.env.TZ || null, found: timeZone };
  },
};

exports.main_handler = async (event, context) => {
  calls += 1;
  return actions[event.do || 'echo'](event, context);
};

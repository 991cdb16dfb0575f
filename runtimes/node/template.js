'use strict';
/*
 * The template of Node.js sandboxes: an interpreter with the bootstrap loaded and warm that forks itself on demand.
 *
 * The forking and all that puts a child into its sandbox is native code (`adapters/sandbox/template`): `serve`
 * returns in each child. Nothing of a user's ever enters this process. A forked child has no helper threads, so V8 may
 * not count on any: hence `--single-threaded` and `claim`.
 */

const path = require('path');
const v8 = require('v8');
const bootstrap = require('./bootstrap.js');

const ORDERS = 3;
const PRELOADED = 'assert buffer child_process crypto dns events http https net os querystring stream tls url util zlib'.split(' ');
const END = 0;
const BLANK = 2;
const ROUNDS = 20;
const SETTLE_MS = 20;
const SMALL_MIB = 256;
const DEPTH = 400; // calls: some pages of the stack

const native = { exports: {} };
process.dlopen(native, path.join(__dirname, 'template.so'));
const { claim, serve, exit, seed, pid } = native.exports;
if (!claim()) exit(1); // the server sees that, and starts this Node.js anew for each instance

preload();
setHeap(SMALL_MIB);
bootstrap.prepare(ROUNDS, fitHeap);
// Whatever was made so far moves to where a child's first collections do not go, and the collector's own tasks run
// to their end: a child would have to do all that in pages of its own.
v8.setFlagsFromString('--expose-gc');
const collect = require('vm').runInNewContext('gc');
collect();
collect();
v8.getHeapCodeStatistics(); // looks at all of the heap, for which V8 has to finish sweeping it
v8.setFlagsFromString('--no-expose-gc');
setTimeout(become, SETTLE_MS);

/** What functions require, and what takes Node.js long the first time: children then share the pages. */
function preload() {
  for (const name of PRELOADED) require(name);
  require('tls').createSecureContext(); // reads the roots of trust: 20 ms
  new Date().toLocaleString(); // reads what is known of languages: 15 ms
  if (parseInt(process.versions.node, 10) >= 20) void globalThis.Response; // loads `fetch`, of which 18 warns
}

/** Serves orders; goes on in each child, which is a process of a sandbox then. */
function become() {
  const role = serve(ORDERS);
  if (role === END) exit(0);
  forgetTemplate();
  if (role === BLANK) { // pages that the first request would fault in are touched now
    bootstrap.warm();
    descend(DEPTH);
  }
  bootstrap.serve(ORDERS);
}

function descend(depth) {
  return depth === 0 ? 0 : 1 + descend(depth - 1);
}

/**
 * Has the heap grow in proportion to the function's memory. V8 made its plans when the template started, by the memory
 * of the host, and would collect too late for a small function. Each change of a flag takes a tenth of a millisecond,
 * so the template has those of the smallest functions, which are the most.
 */
function fitHeap({ memory_mib: memory }) {
  if (memory > SMALL_MIB) setHeap(memory);
}

function setHeap(memory) {
  const [percent, factor] = memory <= SMALL_MIB ? [30, 1] : [memory <= 512 ? 60 : 0, 2]; // 0 and 2 are V8's own
  v8.setFlagsFromString(`--heap-growing-percent=${percent} --semi-space-growth-factor=${factor}`);
}

/** What a process learns when it starts and a child has to learn anew. */
function forgetTemplate() {
  const born = process.hrtime();
  process.uptime = () => {
    const [seconds, nanoseconds] = process.hrtime(born);
    return seconds + nanoseconds / 1e9;
  };
  process.reallyExit = exit;
  Object.defineProperty(process, 'pid', { ...Object.getOwnPropertyDescriptor(process, 'pid'), value: pid() });
  process.execArgv = [];
  process.argv[1] = path.join(__dirname, 'bootstrap.js');
  // `Math.random` takes its seed when it is first called. Threads that the function starts get one of their own.
  v8.setFlagsFromString(`--random-seed=${seed()}`);
  Math.random();
  v8.setFlagsFromString('--random-seed=0');
}

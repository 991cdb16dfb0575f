'use strict';
/*
 * Runs one Node.js function inside a sandbox: loads the user's module once, then answers requests on a socket.
 *
 * Only Node.js' own modules, and as few files as possible: it is embedded in the server, must start on any Node.js from
 * 12 on, and each file takes time to load.
 * What a frame means is written in runtimes/README.md; what a handler may expect is the vendors' contract
 * (Tencent SCF or Alibaba FC). Replies and log lines are written synchronously, so that everything a handler
 * printed is in the pipe before its reply is in the socket, and a small reply costs one system call.
 *
 * The modules `net` and `url` are loaded only when something needs them, as they take long, and every instance would pay
 * it. `stream` would be one of them, but Node.js needs it to print, which warming does.
 */

const fs = require('fs');
const path = require('path');
const util = require('util');
const { Missing, enter, forget, open, pick, setEnvironment } = require('./load.js');

const [BLANK, LOADED, READY, RESULT, ERROR, TAGGED, OUTPUT] = Buffer.from('Blireto');
const [INIT, REQUEST, TAGGED_REQUEST] = Buffer.from('IRT');

const words = (text) => text.split(' ');

/** What the platform sets in a function's environment, in the server's order: an object takes longer to make the first time. */
const VARIABLES = {
  scf: words('CLASSPATH HOME HOSTNAME LANG LC_ALL LD_LIBRARY_PATH LOGNAME NODE_PATH PATH PWD PYTHONDONTWRITEBYTECODE ' +
    'PYTHONPATH SCF_FUNCTIONNAME SCF_FUNCTIONVERSION SCF_NAMESPACE SHELL SHLVL TENCENTCLOUD_APPID TENCENTCLOUD_REGION ' +
    'TENCENTCLOUD_RUNENV TENCENTCLOUD_SECRETID TENCENTCLOUD_SECRETKEY TENCENTCLOUD_SESSIONTOKEN TENCENTCLOUD_UIN USER ' +
    'USER_CODE_ROOT _SCF_SERVER_PORT'),
  fc: words('FC_ACCOUNT_ID FC_CUSTOM_LISTEN_PORT FC_FUNCTION_HANDLER FC_FUNCTION_MEMORY_SIZE FC_FUNCTION_NAME ' +
    'FC_FUNC_CODE_PATH FC_INSTANCE_ID FC_QUALIFIER FC_REGION FC_SERVICE_NAME HOME HOSTNAME LANG LC_ALL LD_LIBRARY_PATH ' +
    'NODE_PATH PATH PWD PYTHONPATH'),
};
// What SCF's platform sets or may set; what remains of the environment is the user's own.
const PLATFORM_PREFIXES = ['SCF_', '_SCF_', 'TENCENTCLOUD_', 'QCLOUD_'];
const PLATFORM_NAMES = new Set(VARIABLES.scf.concat('TRIGGER_SRC'));

const CONSOLE = // what of it prints
  ('log info warn error debug trace dir dirxml table group groupCollapsed groupEnd assert count countReset ' +
    'time timeEnd timeLog').split(' ');

const { writeSync } = fs; // the user's code may replace it

let channel = null;
let dialect = null;
let fit = () => {}; // adapts the process to the function that it is told of
let current = null; // the call that runs now, or the initialisation; of several calls none is here
let several = null; // what runs now in an instance that takes more than one call at a time
let nowhere = null; // where output goes that is nobody's
let streams = {}; // stdout and stderr, each made when it is first used
const trodden = {}; // documents of warming, kept for the short texts in them that functions have too: V8 looks those up

// --- the control socket --------------------------------------------------------------------------------------

class Channel {
  /** `read` has what arrives at a descriptor given to a function. */
  constructor(fd, onFrame, read) {
    this.fd = fd;
    this.onFrame = onFrame;
    this.waiting = []; // frames that came before the one at hand was answered
    this.partial = null;
    this.filled = 0;
    this.out = Buffer.allocUnsafeSlow(65536);
    this.handle = read(fd, (chunk) => this.take(chunk));
  }

  /** Splits what arrived into frames. A frame's body is valid until `onFrame` returns. */
  take(chunk) {
    while (chunk.length > 0) {
      if (this.partial === null) {
        const size = chunk.length < 4 ? 5 : 4 + chunk.readUInt32LE(0);
        if (chunk.length >= size) {
          this.deliver(chunk.subarray(0, size));
          chunk = chunk.subarray(size);
          continue;
        }
        this.partial = Buffer.allocUnsafe(size);
        this.filled = 0;
      }
      chunk = chunk.subarray(this.fill(chunk));
    }
  }

  fill(chunk) {
    const used = chunk.copy(this.partial, this.filled);
    this.filled += used;
    if (this.filled < this.partial.length) return used;
    const frame = this.partial;
    const size = 4 + frame.readUInt32LE(0);
    this.partial = null;
    if (size > frame.length) { // only its head was there when it was begun
      this.partial = Buffer.allocUnsafe(size);
      frame.copy(this.partial);
    } else {
      this.deliver(frame);
    }
    return used;
  }

  deliver(frame) {
    if (current === null && this.waiting.length === 0) this.onFrame(frame[4], frame.subarray(5));
    else this.waiting.push(Buffer.from(frame));
  }

  next() {
    if (this.waiting.length > 0) setImmediate(() => {
      const frame = this.waiting.shift();
      this.onFrame(frame[4], frame.subarray(5));
      if (several !== null) this.next();
    });
  }

  /** Sends text or bytes as one frame, in one write if the socket takes it. A tag says which request it is about. */
  send(type, body, tag = 0) {
    const head = tag === 0 ? 5 : 10;
    let out = this.out;
    let size;
    if (typeof body === 'string' && body.length * 3 + head <= out.length) {
      size = out.write(body, head);
    } else {
      size = Buffer.byteLength(body);
      if (size + head > out.length) out = Buffer.allocUnsafe(size + head);
      if (typeof body === 'string') out.write(body, head);
      else out.set(body, head);
    }
    out.writeUInt32LE(size + head - 4, 0);
    out[head - 1] = type;
    if (tag !== 0) {
      out[4] = TAGGED;
      out.writeUInt32LE(tag, 5);
    }
    if (!writeAll(this.fd, out, size + head)) process.exit(0); // the server is gone
  }

  ref() { this.handle.ref(); }
  unref() { this.handle.unref(); }
}

function readSocket(fd, onChunk) {
  return readBare(fd, onChunk) || readAsStream(fd, onChunk);
}

/** Reads through the handle beneath `net.Socket`, or answers null where this Node.js does not offer it so. */
function readBare(fd, onChunk) {
  let pipe = null;
  try {
    const { Pipe, constants } = process.binding('pipe_wrap');
    const { streamBaseState } = process.binding('stream_wrap');
    pipe = new Pipe(constants.SOCKET);
    const input = Buffer.allocUnsafeSlow(65536);
    if (pipe.open(fd)) return null;
    pipe.useUserBuffer(input);
    pipe.onread = chunkReader(streamBaseState, input, onChunk);
    return pipe.readStart() === 0 ? pipe : null;
  } catch (error) {
    return null;
  }
}

/** `state` begins with the number of bytes that are in `input`, or an error. */
function chunkReader(state, input, onChunk) {
  return () => {
    const size = state[0];
    if (size < 0) process.exit(0);
    onChunk(input.subarray(0, size));
  };
}

function readAsStream(fd, onChunk) {
  const socket = new (require('net').Socket)({ fd, readable: true, writable: true });
  socket.on('data', onChunk);
  for (const event of ['end', 'close', 'error']) socket.on(event, () => process.exit(0));
  return socket;
}

/** Writes all of it before it returns, also where the descriptor does not block. False if that is impossible. */
function writeAll(fd, bytes, end) {
  let pause = 0.05;
  for (let at = 0; at < end;) {
    try {
      at += writeSync(fd, bytes, at, end - at);
      pause = 0.05;
    } catch (error) {
      if (error.code !== 'EAGAIN') return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
      pause = Math.min(pause * 2, 2); // milliseconds
    }
  }
  return true;
}

// --- the log ---------------------------------------------------------------------------------------------------

/** Writes to the log; what cannot be written, because the user's code closed it, is lost. */
function writeLog(text, call = callAtHand()) {
  output(1, Buffer.from(text), call);
}

function output(fd, bytes, call) {
  if (several !== null) several.write(fd, bytes, call);
  else writeAll(nowhere === null ? fd : nowhere, bytes, bytes.length);
}

/** The call that output belongs to and that an uncaught exception ends; null if there is none or it is not known. */
function callAtHand() {
  return several === null ? current : several.atHand();
}

/** What is printed through `console` or a logger: by way of `process.stdout` only if someone has asked for that. */
function print(text) {
  if (streams.stdout) streams.stdout.write(text);
  else writeLog(text);
}

/** stdout or stderr as a stream that has written when `write` returns. */
function logStream(fd) {
  const { Writable } = require('stream');
  const stream = new Writable({
    decodeStrings: true,
    write(chunk, encoding, done) {
      output(fd, chunk, callAtHand());
      done();
    },
  });
  stream.fd = fd;
  stream.destroy = () => stream;
  return stream;
}

/** Puts our streams and our line prefix in place. */
function replaceOutput() {
  for (const [name, fd] of [['stdout', 1], ['stderr', 2]]) {
    const get = () => streams[name] || (streams[name] = logStream(fd));
    const set = (stream) => { streams[name] = stream; };
    Object.defineProperty(process, name, { get, set, configurable: true, enumerable: true });
  }
  prefixConsole();
}

function prefixConsole() {
  let level = 'verbose';
  const id = () => {
    const call = callAtHand() || (several && several.oldest());
    return call ? call.id : '';
  };
  const sink = { write: (text) => print(dialect.prefix(id(), level) + text), on() {} };
  const own = new console.Console({ stdout: sink, stderr: sink, ignoreErrors: false });
  for (const name of CONSOLE) console[name] = own[name];
  for (const [name, its] of [['info', 'info'], ['warn', 'warn'], ['error', 'error'], ['debug', 'debug'], ['trace', 'error']]) {
    console[name] = (...args) => {
      level = its;
      try {
        own[name](...args);
      } finally {
        level = 'verbose';
      }
    };
  }
}

// --- failures --------------------------------------------------------------------------------------------------

function isError(value) {
  return value instanceof Error || util.types.isNativeError(value);
}

function isOwnLine(line) {
  return line.includes(__dirname) || /^\s+at .*\(?(node:)?internal\//.test(line);
}

function withoutOwnLines(text) {
  return text.split('\n').filter((line) => !isOwnLine(line)).join('\n');
}

function textOf(value) {
  if (typeof value === 'string') return value;
  try {
    const text = JSON.stringify(value);
    return text === undefined ? String(value) : text;
  } catch (error) {
    return util.inspect(value);
  }
}

/** How much of a message or a stack is passed on. */
const ERROR_CHARS = 64 * 1024;

/** The body of an error frame for something thrown, rejected or handed to a callback. */
function failureOf(kind, reason, handled) {
  if (reason instanceof Missing) {
    return { kind, message: reason.message, type: 'HandlerNotFound', stack: null, frames: null, handled };
  }
  if (!isError(reason)) {
    return { kind, message: textOf(reason).slice(0, ERROR_CHARS), type: null, stack: null, frames: null, handled };
  }
  // An error may carry megabytes.
  const stack = withoutOwnLines(String(reason.stack || reason).slice(0, ERROR_CHARS));
  const frames = stack.split('\n').map((line) => line.trim()).filter((line) => line.startsWith('at '));
  const message = withoutOwnLines(String(reason.message).slice(0, ERROR_CHARS));
  return { kind, message, type: String(reason.name || 'Error'), stack, frames, handled };
}

function loadFailureOf(reason) {
  const unparsable = reason instanceof SyntaxError && !String(reason.stack).startsWith(reason.name);
  const absent = isError(reason) && /^(ERR_)?MODULE_NOT_FOUND$/.test(reason.code);
  const notThere = reason instanceof Missing || unparsable || absent;
  return failureOf(notThere ? 'handler_not_found' : 'user_exception', reason, false);
}

// --- one call --------------------------------------------------------------------------------------------------

/** One request from its frame to its reply; whatever happens after the reply is ignored. */
class Call {
  constructor(id, qualifier, deadline, limit) {
    this.tag = 0; // what the server calls it, if there may be others
    this.id = id;
    this.qualifier = qualifier;
    this.deadline = deadline;
    this.limit = limit; // bytes of its result
    this.over = false;
    this.returned = false; // the handler's synchronous part has ended
    this.promised = false; // it returned a promise
    this.draining = false; // it ends, at the latest, when the event loop is empty
    this.outcome = null; // what the callback was given, until it may be sent
  }

  succeed(value) {
    if (this.over) return;
    let body;
    try {
      body = dialect.render(value);
    } catch (error) {
      return this.reply(ERROR, Object.assign(failureOf('bad_return', error, false), { stack: null, frames: null }));
    }
    const longest = typeof body === 'string' ? body.length * 3 : body.length;
    const size = longest > this.limit ? Buffer.byteLength(body) : 0;
    if (size <= this.limit) return this.reply(RESULT, body);
    const message = `The response has ${size} bytes, the limit is ${this.limit} bytes`;
    this.reply(ERROR, { kind: 'response_too_large', message, type: null, stack: null, frames: null, handled: false });
  }

  fail(reason, handled) {
    if (this.over) return;
    const failure = failureOf('user_exception', reason, handled);
    if (failure.stack !== null) writeLog(`${dialect.prefix(this.id, 'error')}${failure.stack}\n`, this);
    this.reply(ERROR, failure);
  }

  reply(type, body) {
    this.over = true;
    channel.send(type, type === RESULT ? body : JSON.stringify(body), this.tag);
    channel.ref();
    if (several !== null) {
      several.running.delete(this.tag);
      return;
    }
    current = null;
    channel.next();
  }

  /** What `callback(error, value)` was given counts once; it is sent when the handler has returned. */
  callBack(error, value) {
    if (this.outcome === null) this.outcome = { error, value };
  }

  sendOutcome() {
    const { error, value } = this.outcome;
    if (error === null || error === undefined) this.succeed(value);
    else this.fail(error, true);
  }
}

/**
 * The calls that run at the same time in this process. What is asynchronous carries the call that it began in, so that
 * output and exceptions find it. Where that is lost, as in callbacks of a pool of connections that was made at load or
 * in native code, output goes to the pipe and the server gives it to the oldest call.
 */
class Several {
  constructor() {
    const { AsyncLocalStorage } = require('async_hooks');
    const none = { run: (call, work) => work(), getStore() {} }; // Node.js before 12.17
    this.storage = AsyncLocalStorage ? new AsyncLocalStorage() : none;
    this.running = new Map(); // by tag, oldest first
  }

  run(call, payload) {
    this.running.set(call.tag, call);
    this.storage.run(call, () => runCall(call, payload));
  }

  atHand() {
    const call = this.storage.getStore();
    return call === undefined || call.over ? null : call;
  }

  oldest() {
    const [call] = this.running.values();
    return call || null;
  }

  write(fd, bytes, call) {
    if (call === null || call.over) return void writeAll(fd, bytes, bytes.length);
    for (let at = 0; at < bytes.length; at += OUTPUT_BYTES) {
      channel.send(OUTPUT, bytes.subarray(at, at + OUTPUT_BYTES), call.tag);
    }
  }
}

/** The longest piece of output that goes into one frame. */
const OUTPUT_BYTES = 60 * 1024;

// --- Tencent SCF: a parsed event in, JSON out -------------------------------------------------------------------

class Scf {
  constructor(init) {
    const { env } = init;
    this.init = init;
    const own = init.user_env || env;
    const shown = { SCF_NAMESPACE: init.namespace };
    for (const name of Object.keys(own)) {
      if (!isPlatformName(name)) shown[name] = own[name];
    }
    this.context = {
      memory_limit_in_mb: init.memory_mib,
      time_limit_in_ms: init.timeout_ms,
      request_id: '',
      environment: JSON.stringify(shown),
      environ: Object.keys(shown).map((name) => `${name}=${shown[name]}`).join(';'),
      function_version: init.version,
      function_name: init.function_name,
      namespace: init.namespace,
      tencentcloud_region: init.region,
      tencentcloud_appid: env.TENCENTCLOUD_APPID || init.account,
      tencentcloud_uin: env.TENCENTCLOUD_UIN || init.account,
    };
  }

  prefix(id) {
    return `${new Date().toISOString()}\t${id}\t`;
  }

  run(call, payload) {
    let event;
    try {
      event = payload.length > 0 ? JSON.parse(payload.toString()) : {};
    } catch (error) {
      const message = `The event is not JSON: ${error.message}`;
      return call.reply(ERROR, { kind: 'event_not_json', message, type: null, stack: null, frames: null, handled: false });
    }
    const context = this.contextOf(call);
    call.draining = true;
    channel.unref(); // so that `beforeExit` tells when the user's event loop is empty
    const result = this.handler(event, context, (error, value) => {
      call.callBack(error, value);
      if (call.returned && !call.promised && !context.callbackWaitsForEmptyEventLoop) call.sendOutcome();
    });
    call.returned = true;
    if (isThenable(result)) {
      call.promised = true;
      result.then((value) => call.succeed(value), (reason) => call.fail(reason, false));
    } else if (call.outcome !== null && !context.callbackWaitsForEmptyEventLoop) {
      call.sendOutcome();
    }
  }

  contextOf(call) {
    const end = (error, value) => {
      call.callBack(error, value);
      if (!call.over) call.sendOutcome();
    };
    return Object.assign({}, this.context, {
      request_id: call.id,
      callbackWaitsForEmptyEventLoop: true,
      getRemainingTimeInMillis: () => Math.max(0, call.deadline - Date.now()),
      done: end,
      succeed: (value) => end(null, value),
      fail: (error) => end(error === undefined || error === null ? new Error('context.fail was called') : error),
    });
  }

  loopIsEmpty(call) {
    if (call.outcome !== null && !call.promised) call.sendOutcome();
    else call.succeed(null);
  }

  render(value) {
    const text = JSON.stringify(value);
    return text === undefined ? 'null' : text;
  }
}

function isPlatformName(name) {
  return PLATFORM_NAMES.has(name) || PLATFORM_PREFIXES.some((prefix) => name.startsWith(prefix));
}

// --- Alibaba FC: bytes in, bytes out, markers around each call in the log --------------------------------------

/** How long an async handler that takes a callback may still call it after it has returned nothing. */
const CALLBACK_GRACE_MS = 1000;

class Fc {
  constructor(init) {
    this.init = init;
    const keys = init.credentials || {};
    this.context = {
      requestId: '',
      credentials: {
        accessKeyId: keys.access_key_id || '',
        accessKeySecret: keys.access_key_secret || '',
        securityToken: keys.security_token || '',
      },
      function: {
        name: init.function_name,
        handler: init.handler,
        memory: init.memory_mib,
        timeout: init.timeout_ms / 1000,
        initializer: init.initializer || '',
        initializationTimeout: init.init_timeout_ms / 1000,
      },
      service: null,
      region: init.region,
      accountId: init.account,
      retryCount: 0,
      tracing: { openTracingSpanContext: '', openTracingSpanBaggages: {}, jaegerEndpoint: '' },
      logger: null,
    };
  }

  prefix(id, level) {
    return `${new Date().toISOString()} ${id} [${level}] `;
  }

  run(call, payload) {
    const { handler } = this;
    const event = Buffer.from(payload);
    const result = handler(event, this.contextOf(call), (error, value) => {
      call.callBack(error, value);
      if (call.returned) call.sendOutcome();
    });
    call.returned = true;
    if (call.outcome !== null) return call.sendOutcome();
    if (!isThenable(result)) return;
    call.promised = true;
    result.then((value) => {
      // An async handler that takes a callback may still call it, as long as anything of it runs.
      if (value !== undefined || handler.length < 3) return call.succeed(value);
      call.draining = true;
      channel.unref();
      // What else keeps the loop alive (a pool of connections) is no reason to wait for ever.
      setTimeout(() => call.succeed(undefined), CALLBACK_GRACE_MS).unref();
    }, (reason) => call.fail(reason, false));
  }

  loopIsEmpty(call) {
    call.succeed(undefined);
  }

  async initialize(initializer) {
    const id = this.init.request_id || '';
    this.log(`FC Initialize Start RequestId: ${id}\n`);
    try {
      await new Promise((resolve, reject) => {
        const done = (error) => (error === null || error === undefined ? resolve() : reject(error));
        const result = initializer(this.contextOf(current), done);
        if (isThenable(result)) result.then(() => resolve(), reject);
      });
    } catch (error) {
      this.log(`FC Initialize End RequestId: ${id}, Error: Unhandled function error\n`);
      throw error;
    }
    this.log(`FC Initialize End RequestId: ${id}\n`);
  }

  contextOf(call) {
    const [init, service] = [this.init, this.init.service || {}];
    const write = (line) => (several === null ? print(line) : writeLog(line, call)); // of this call
    const log = (level) => (...args) => write(`${this.prefix(call.id, level)}${util.format(...args)}\n`);
    return Object.assign({}, this.context, {
      requestId: call.id,
      service: {
        name: init.namespace,
        logProject: service.log_project || '',
        logStore: service.log_store || '',
        qualifier: call.qualifier,
        versionId: init.version,
      },
      logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    });
  }

  render(value) {
    if (typeof value === 'string' || Buffer.isBuffer(value) || value instanceof Uint8Array) return value;
    if (value === undefined || value === null) return '';
    const text = JSON.stringify(value);
    return text === undefined ? '' : text;
  }

  log(text) {
    writeLog(text);
  }
}

// --- loading the user's code -----------------------------------------------------------------------------------

function isThenable(value) {
  return value !== null && typeof value === 'object' && typeof value.then === 'function';
}

// --- the process -----------------------------------------------------------------------------------------------

function onFrame(type, body) {
  if (type === REQUEST && dialect !== null && dialect.handler) request(body, 0);
  else if (type === TAGGED_REQUEST && several !== null && dialect.handler) request(body.subarray(4), body.readUInt32LE(0));
  else if (type === INIT) start(JSON.parse(body.toString()));
}

function request(body, tag) {
  const idEnd = 1 + body[0];
  const at = idEnd + 1 + body[idEnd];
  const deadline = body.readUInt32LE(at) + body.readUInt32LE(at + 4) * 0x100000000;
  const call = new Call(body.latin1Slice(1, idEnd), body.utf8Slice(idEnd + 1, at), deadline, body.readUInt32LE(at + 8));
  call.tag = tag;
  const payload = body.subarray(at + 12);
  if (tag !== 0) return several.run(call, payload);
  current = call;
  runCall(call, payload);
}

function runCall(call, payload) {
  try {
    dialect.run(call, payload);
  } catch (error) {
    call.fail(error, false);
  }
}

/** Answers 'I'. All of it runs at once unless something of the user's is asynchronous. */
function start(init) {
  current = new Call(init.request_id || '', init.version, Date.now() + init.init_timeout_ms, 0);
  current.initializing = true;
  dialect = init.dialect === 'fc' ? new Fc(init) : new Scf(init);
  try {
    fit(init);
    enter(init);
    const opened = open(init.code_dir, init.handler);
    const initializer = init.initializer ? open(init.code_dir, init.initializer) : null;
    if (initializer === null && !isThenable(opened.exports)) return ready(pick(opened.exports, opened));
    startAsync(opened, initializer).catch(failStart);
  } catch (error) {
    failStart(error);
  }
}

async function startAsync(opened, initializer) {
  const call = current; // it is over when something of it has failed meanwhile
  const handler = pick(await opened.exports, opened);
  if (initializer !== null) {
    const initialize = pick(await initializer.exports, initializer);
    if (call.over) return;
    channel.send(LOADED, '');
    await dialect.initialize(initialize);
  }
  if (!call.over) ready(handler);
}

function ready(handler) {
  dialect.handler = handler;
  if (dialect.init.concurrency > 1) several = new Several();
  current = null;
  channel.send(READY, '');
  channel.next();
}

function failStart(reason) {
  if (current.over) return;
  current.over = true; // `current` stays: nothing is served any more
  const failure = loadFailureOf(reason);
  writeLog(`${dialect.prefix(current.id, 'error')}${failure.stack || failure.message}\n`);
  channel.send(ERROR, JSON.stringify(failure));
}

/** Whether the runtime that the function was written for only warns of a rejection that nobody handles. */
function onlyWarnsOfRejections() {
  const major = dialect && /(\d+)/.exec(dialect.init.runtime || '');
  return Boolean(major) && Number(major[1]) < 15;
}

/** An exception that nobody caught: the call fails, and a process in an unknown state takes no further one. */
function onUncaught(event, reason) {
  if (process.listenerCount(event) > 1) return; // the user's code deals with it
  if (event === 'unhandledRejection' && onlyWarnsOfRejections()) {
    const text = isError(reason) ? withoutOwnLines(reason.stack) : textOf(reason);
    const call = callAtHand();
    return writeLog(`${dialect.prefix(call === null ? '' : call.id, 'warn')}UnhandledPromiseRejectionWarning: ${text}\n`);
  }
  if (current !== null && current.initializing) return failStart(reason);
  const call = callAtHand();
  if (call !== null) call.fail(reason, false);
  else writeLog(`${dialect ? dialect.prefix('', 'error') : ''}${isError(reason) ? withoutOwnLines(reason.stack) : textOf(reason)}\n`);
  process.exit(1);
}

function onLoopEmpty() {
  channel.ref();
  if (several !== null) {
    for (const call of [...several.running.values()]) {
      if (call.draining) dialect.loopIsEmpty(call);
    }
  } else if (current !== null && !current.initializing) {
    dialect.loopIsEmpty(current);
  }
}

/**
 * Walks the paths of an initialisation and a first request, from bytes that arrive to bytes that are sent, so that the
 * real ones find them compiled. Leaves no trace: the environment becomes what it was.
 */
function warm() {
  const real = channel;
  const before = { ...process.env };
  const texts = (names) => names.reduce((all, name) => Object.assign(all, { [name]: before[name] || '' }), {});
  const init = (name, handler) => ({ // as the server has it, in its order
    account: '', code_dir: __dirname, credentials: texts(words('access_key_id access_key_secret security_token')),
    dialect: name, env: texts(VARIABLES[name]), function_name: '', handler: `warm.${handler}`, init_timeout_ms: 1, initializer: '',
    memory_mib: 0, namespace: 'default', region: '', request_id: '', runtime: '',
    service: texts(words('log_project log_store role')), timeout_ms: 1, user_env: {}, version: '$LATEST',
  });
  const request = Buffer.concat([Buffer.from('\x04warm\x01q'), Buffer.alloc(8), Buffer.from([0, 0, 16, 0]), Buffer.from('{"key": [1, "v"]}')]);
  const folder = process.cwd();
  nowhere = fs.openSync('/dev/null', 'w');
  for (const [name, handler] of [['scf', 'handler'], ['scf', 'waits'], ['scf', 'promise'], ['fc', 'promise'], ['fc', 'handler']]) {
    const input = Buffer.concat([frame(INIT, JSON.stringify(init(name, handler))), frame(REQUEST, request)]);
    channel = new Channel(nowhere, onFrame, (fd, onChunk) => {
      const arrived = chunkReader([input.length], input, onChunk);
      return { ref() {}, unref() {}, arrived };
    });
    channel.handle.arrived();
    onLoopEmpty(); // which the call of `waits` waits for
    trodden[name] = dialect.init;
    forget(path.join(__dirname, 'warm.js'));
  }
  fs.closeSync(nowhere);
  nowhere = null;
  streams = {}; // Node.js asks for stderr when it first prints
  process.chdir(folder);
  setEnvironment(before);
  channel = real;
  dialect = null;
  current = null;
}

function frame(type, body) {
  const bytes = Buffer.concat([Buffer.alloc(5), Buffer.from(body)]);
  bytes.writeUInt32LE(bytes.length - 4, 0);
  bytes[4] = type;
  return bytes;
}

/**
 * What can be done before it is known whose process this is. Treading paths often makes them faster still. `own(init)`
 * is called before the function is loaded.
 */
function prepare(rounds, own = fit) {
  fit = own;
  replaceOutput();
  for (let round = 0; round < rounds; round += 1) warm();
  process.on('uncaughtException', (error) => onUncaught('uncaughtException', error));
  process.on('unhandledRejection', (reason) => onUncaught('unhandledRejection', reason));
  process.on('beforeExit', onLoopEmpty);
}

function serve(fd) {
  channel = new Channel(fd, onFrame, readSocket);
  channel.send(BLANK, '');
}

if (require.main === module) {
  prepare(1);
  serve(3);
} else {
  module.exports = { prepare, serve, warm };
}

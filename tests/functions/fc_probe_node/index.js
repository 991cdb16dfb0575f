// The FC twin of scf_probe_node: (event, context, callback) with the event as a Buffer.
'use strict';
const crypto = require('crypto');

const instance = crypto.randomUUID();
let calls = 0;
let initialised = 0;

exports.initialize = (context, callback) => {
  initialised += 1;
  callback(null, '');
};

const actions = {
  who: (order, event, context, callback) => callback(null, JSON.stringify({ instance, calls, initialised })),
  event: (order, event, context, callback) =>
    callback(null, JSON.stringify({ buffer: Buffer.isBuffer(event), text: event.toString() })),
  context: (order, event, context, callback) =>
    callback(null, {
      requestId: context.requestId,
      region: context.region,
      accountId: context.accountId,
      function: context.function,
      service: context.service,
      credentials: Object.keys(context.credentials).sort(),
    }),
  buffer: (order, event, context, callback) => callback(null, Buffer.from([...Array(256).keys()])),
  object: (order, event, context, callback) => callback(null, { as: 'json' }),
  handled: (order, event, context, callback) => callback(new Error(order.message || 'handled failure')),
  handledText: (order, event, context, callback) => callback('only text'),
  throws: () => {
    throw new RangeError('thrown on purpose');
  },
  print: (order, event, context, callback) => {
    for (const line of order.lines) console.log(line);
    context.logger.info('through the logger');
    callback(null, 'printed');
  },
  exit: () => process.exit(1),
  sleep: (order, event, context, callback) => setTimeout(() => callback(null, JSON.stringify({ instance })), order.seconds * 1000),
  env: (order, event, context, callback) => callback(null, JSON.stringify(process.env)),
};

exports.handler = (event, context, callback) => {
  calls += 1;
  const order = event.length ? JSON.parse(event.toString()) : {};
  actions[order.do || 'who'](order, event, context, callback);
};

exports.promised = async (event) => `promised ${event.toString()}`;

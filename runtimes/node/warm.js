// Loaded and called by the bootstrap before it has a function, so that the way to the first one is trodden. What it prints
// goes nowhere.
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  callback(null, print(event, context));
};
exports.waits = (event, context, callback) => callback(null, event);
// Settled at once, since nothing is left to do when the way has been trodden.
exports.promise = (event, context) => ({ then: (resolve) => resolve(print(event, context)) });

/** Each line begins with a date. The first one has Node.js ask for the time zone, and perhaps look for it in many files. */
function print(event, context) {
  console.log('%s', event);
  console.error(event);
  if (context.logger) context.logger.info(event);
  return event;
}

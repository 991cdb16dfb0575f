// Loaded and called by the bootstrap before it has a function, so that the way to the first one is trodden.
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  callback(null, event);
};

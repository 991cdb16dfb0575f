'use strict';
// The measured function behind @google-cloud/functions-framework.

const { main_handler: handler } = require('./handler.js');

exports.handle = (request, response) => handler(request.body, {}, (error, result) => response.json(result));

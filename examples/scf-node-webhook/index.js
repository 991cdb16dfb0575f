// Receives a webhook: an SCF event function that checks the sender's signature before it believes anything.
'use strict';
const crypto = require('crypto');

const secret = process.env.WEBHOOK_SECRET || 'demo-secret';

function signatureOf(body) {
  return crypto.createHmac('sha256', secret).update(body).digest('hex');
}

function isGenuine(body, signature) {
  const expected = Buffer.from(signatureOf(body));
  const given = Buffer.from(String(signature));
  return expected.length === given.length && crypto.timingSafeEqual(expected, given);
}

exports.main_handler = async (event, context) => {
  if (!isGenuine(event.body, event.signature)) {
    console.log('refused a webhook whose signature does not match');
    return { accepted: false, reason: 'the signature does not match the body' };
  }
  const { action, issues } = JSON.parse(event.body);
  console.log(`accepted "${action}" about ${issues.length} issues`);
  const byLabel = {};
  for (const label of issues.flatMap((issue) => issue.labels)) {
    byLabel[label] = (byLabel[label] || 0) + 1;
  }
  return { accepted: true, action, issues: issues.length, byLabel, request: context.request_id };
};

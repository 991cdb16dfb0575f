// Renders a note as a page: an FC event function. The event is a Buffer of text in a little Markdown.
'use strict';

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text) => text.replace(/[&<>"]/g, (sign) => entities[sign]);

function inline(text) {
  return escape(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replace(/\*([^*]+)\*/g, '<em>$1</em>');
}

function block(text) {
  const heading = /^(#{1,3}) (.*)$/.exec(text);
  if (heading) return `<h${heading[1].length}>${inline(heading[2])}</h${heading[1].length}>`;
  const lines = text.split('\n');
  if (lines.every((line) => line.startsWith('- '))) {
    return `<ul>${lines.map((line) => `<li>${inline(line.slice(2))}</li>`).join('')}</ul>`;
  }
  return `<p>${inline(lines.join(' '))}</p>`;
}

exports.handler = (event, context, callback) => {
  const note = event.toString().trim();
  if (!note) {
    callback(new Error('the note is empty: send some text'));
    return;
  }
  const blocks = note.split(/\n{2,}/).map(block);
  context.logger.info(`rendered ${blocks.length} blocks for ${context.service.name}/${context.function.name}`);
  callback(null, `<!doctype html><meta charset="utf-8">${blocks.join('')}`);
};

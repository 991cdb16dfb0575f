'use strict';
/* Making a process the function's, and the way from the name of a handler to the function. */

const fs = require('fs');
const path = require('path');

let environment = null; // what this module has put into `process.env`, which is slow to read and to write
let searched = null; // what Node.js last knew of where modules may lie

/** What is wrong with the package, in our words. */
class Missing extends Error {}

function setEnvironment(variables) {
  const before = environment === null ? { ...process.env } : environment;
  for (const name of Object.keys(before)) {
    if (!(name in variables)) delete process.env[name];
  }
  for (const name of Object.keys(variables)) {
    if (before[name] !== variables[name]) process.env[name] = variables[name];
  }
  environment = variables;
  const search = `${variables.NODE_PATH}\n${variables.HOME}`;
  if (search !== searched) module.constructor._initPaths();
  searched = search;
}

/** Makes this process the function's: environment, working directory, module search path. */
function enter(init) {
  setEnvironment(init.env);
  try {
    process.chdir(init.code_dir);
  } catch (error) {
    throw new Missing(`The code directory '${init.code_dir}' cannot be opened: ${error.code}`);
  }
}

/** The exports of the file of an entry point `dir/file.function`, or a promise of them, and the function's name. */
function open(codeDir, entry) {
  const dot = entry.lastIndexOf('.');
  const [module, name] = [entry.slice(0, Math.max(dot, 0)), entry.slice(dot + 1)];
  if (module === '' || name === '' || name.includes('/')) {
    throw new Missing(`Handler '${entry}' must have the form file.function, such as index.main_handler`);
  }
  const base = path.join(codeDir, module);
  for (const suffix of ['.js', '.mjs', '.cjs']) {
    const file = base + suffix;
    if (fs.existsSync(file)) return { exports: loadFile(file, codeDir), module, name };
  }
  throw new Missing(explainMissing(codeDir, module));
}

function loadFile(file, codeDir) {
  if (file.endsWith('.mjs') || (file.endsWith('.js') && isModulePackage(path.dirname(file), codeDir))) {
    return import(require('url').pathToFileURL(file).href);
  }
  return isItsOwnPath(file, codeDir) && !process.env.NODE_OPTIONS ? requirePath(file) : require(file);
}

/** Whether there is no link on the way to a file, seen from the code directory as the working directory. */
function isItsOwnPath(file, codeDir) {
  return path.dirname(file) === codeDir && process.cwd() === codeDir && fs.lstatSync(file).isFile();
}

/**
 * What `require` does when it knows which file is meant: finding that out takes it two thirds of its time. It is not for
 * those who have it watched, which can only have begun before this, through NODE_OPTIONS.
 */
function requirePath(file) {
  const Module = module.constructor;
  if (Module._cache[file] !== undefined) return Module._cache[file].exports;
  const loading = new Module(file, module);
  Module._cache[file] = loading;
  try {
    loading.load(file);
  } finally {
    if (!loading.loaded) delete Module._cache[file];
  }
  return loading.exports;
}

function isModulePackage(folder, codeDir) {
  for (let at = folder; at.startsWith(codeDir); at = path.dirname(at)) {
    const manifest = path.join(at, 'package.json');
    if (fs.existsSync(manifest)) return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
    if (at === path.dirname(at)) break;
  }
  return false;
}

function pick(exports, { name, module }) {
  const found = exports[name] || (exports.default && exports.default[name]);
  if (typeof found !== 'function') throw new Missing(`Handler '${name}' is missing on module '${module}'`);
  return found;
}

function explainMissing(codeDir, module) {
  const wanted = `${module}.js`;
  const text = `Cannot find module '${path.join(codeDir, wanted)}'`;
  const top = fs.readdirSync(codeDir).sort();
  const other = top.find((name) => name.startsWith(`${path.basename(module)}.`));
  if (other !== undefined) {
    return `${text}. The package has '${other}', but a Node.js function needs a .js file: ${wanted}`;
  }
  const folders = top.filter((name) => fs.existsSync(path.join(codeDir, name, wanted)));
  if (folders.length === 1) return `${text}. It is inside the folder '${folders[0]}': zip the files, not the folder`;
  return `${text}. The package has at its root: ${top.slice(0, 10).join(', ') || 'nothing'}`;
}

function forget(file) {
  delete require.cache[file];
  module.children.length = 0;
}

module.exports = { Missing, enter, forget, open, pick, setEnvironment };

/**
 * Builds `app/host/lame/lame.wasm` from Debian's source of LAME 3.100 with Debian's compiler, and compares it with the
 * hash that is committed beside it: the same bytes come out in any folder.
 *
 *   npm run build:lame                      builds in a temporary folder, compares, changes nothing
 *   npm run build:lame -- --write           replaces the module and its hash
 *   npm run build:lame -- --folder <path>   builds there, and leaves everything
 *
 * Debian 12; as root it installs what is missing. Debian's patches to 3.100-6 touch the command line program, its pages
 * and the makefiles, no file that is compiled here, so upstream's tarball as Debian carries it is the whole source.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { inRepo, run } from './stage.mjs';

const TARBALL = 'lame_3.100.orig.tar.gz';
const TARBALL_SHA256 = 'ddfe36cab873794038ae2c1210557ad34857a4b6bdc515785d1da9e175b1da1e';
/** The second keeps what the first has dropped. */
const SOURCES = [
  `http://deb.debian.org/debian/pool/main/l/lame/${TARBALL}`,
  `http://snapshot.debian.org/archive/debian/20250520T000000Z/pool/main/l/lame/${TARBALL}`,
];
/** Another version of any of these may make other bytes of the same source. */
const TOOLS = {
  'clang-14': '1:14.0.6-12',
  'lld-14': '1:14.0.6-12',
  'libclang-rt-14-dev-wasm32': '1:14.0.6-12',
  'wasi-libc': '0.0~git20220510.9886d3d-2',
};

const PLACE = 'app/host/lame';
/** libmp3lame without the decoder's interface, which needs mpglib. */
const PARTS = [
  ...[
    'VbrTag',
    'bitstream',
    'encoder',
    'fft',
    'gain_analysis',
    'id3tag',
    'lame',
    'newmdct',
    'presets',
    'psymodel',
  ],
  ...[
    'quantize',
    'quantize_pvt',
    'reservoir',
    'set_get',
    'tables',
    'takehiro',
    'util',
    'vbrquantize',
    'version',
  ],
];
/** `__DATE__` in particular must not get in; nor does any path: sources are named relative to the folder. */
const COMPILE = ['--target=wasm32-wasi', '-O3', '-DNDEBUG', '-DHAVE_CONFIG_H', '-w', '-Werror=date-time'];
const INCLUDE = ['-I.', '-Ilame-3.100/include', '-Ilame-3.100/libmp3lame'];
/** One encoder takes 576 KiB; more than a mebibyte it cannot get. */
const LINK = ['-mexec-model=reactor', '-Wl,--strip-all', '-Wl,--gc-sections', '-Wl,--max-memory=1048576'];

const { values: options } = parseArgs({
  options: { write: { type: 'boolean' }, folder: { type: 'string' } },
});

/** @param {Uint8Array} bytes */
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} [cwd]
 * @returns {Promise<string>} what it printed
 */
async function must(command, args, cwd) {
  const { code, output } = await run(command, args, { quiet: true, ...(cwd ? { cwd } : {}) });
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output.trim()}`);
  return output;
}

async function installedTools() {
  const format = '${Package} ${db:Status-Abbrev} ${Version}\n';
  const { output } = await run('dpkg-query', ['-W', '-f', format, ...Object.keys(TOOLS)], { quiet: true });
  const rows = output.split('\n').map((line) => line.split(/\s+/));
  return new Map(rows.filter(([, status]) => status === 'ii').map(([name, , version]) => [name, version]));
}

async function ensureTools() {
  let installed = await installedTools();
  const missing = Object.keys(TOOLS).filter((name) => !installed.has(name));
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...missing];
  if (missing.length > 0) {
    if (process.getuid?.() !== 0) throw new Error(`It needs: sudo apt-get ${install.join(' ')}`);
    console.log(`Installing ${missing.join(', ')}`);
    await must('apt-get', ['update', '-qq']);
    await must('apt-get', install);
    installed = await installedTools();
  }
  for (const [name, version] of Object.entries(TOOLS)) {
    const has = installed.get(name);
    if (has !== version) console.warn(`${name} is ${has}, not ${version}: the bytes may differ.`);
  }
}

/** @param {string} folder */
async function fetchSource(folder) {
  const path = join(folder, TARBALL);
  if (existsSync(path) && sha256(readFileSync(path)) === TARBALL_SHA256) return;
  const failures = [];
  for (const url of SOURCES) {
    try {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`answered ${response.status}`);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (sha256(bytes) !== TARBALL_SHA256) throw new Error('is not the file that is expected');
      writeFileSync(path, bytes);
      return;
    } catch (error) {
      failures.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(failures.join('\n'));
}

/**
 * @param {string} folder
 * @returns {Promise<Uint8Array>} the module
 */
async function build(folder) {
  await fetchSource(folder);
  await must('tar', ['-xzf', TARBALL], folder);
  for (const own of ['shim.c', 'config.h']) copyFileSync(inRepo(join(PLACE, own)), join(folder, own));
  const sources = ['shim.c', ...PARTS.map((name) => `lame-3.100/libmp3lame/${name}.c`)];
  const objects = [];
  for (const source of sources) {
    const object = `${source.replace(/.*\/|\.c$/g, '')}.o`;
    await must('clang-14', [...COMPILE, ...INCLUDE, '-c', source, '-o', object], folder);
    objects.push(object);
  }
  await must('clang-14', ['--target=wasm32-wasi', ...LINK, ...objects, '-o', 'lame.wasm'], folder);
  return readFileSync(join(folder, 'lame.wasm'));
}

async function main() {
  const folder = options.folder ? resolve(options.folder) : mkdtempSync(join(tmpdir(), 'earshot-lame-'));
  mkdirSync(folder, { recursive: true });
  try {
    await ensureTools();
    const module = await build(folder);
    const line = `${sha256(module)}  lame.wasm\n`;
    const hashPath = inRepo(join(PLACE, 'lame.wasm.sha256'));
    console.log(`${line.trimEnd()}, ${module.length} bytes`);
    if (options.write) {
      writeFileSync(inRepo(join(PLACE, 'lame.wasm')), module);
      writeFileSync(hashPath, line);
    } else if (!existsSync(hashPath) || readFileSync(hashPath, 'utf8') !== line) {
      throw new Error(`This is not what ${PLACE}/lame.wasm.sha256 says.`);
    } else {
      console.log('The same bytes as the committed module.');
    }
  } finally {
    if (!options.folder) rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

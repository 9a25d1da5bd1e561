/**
 * Runs Holdfast's sources on a Node that can read them. Plain JavaScript that older Node versions run too: where this one is too old, the
 * binary of the `node` package, installed beside the product, is started in its place with the same arguments.
 */
import { existsSync, realpathSync } from 'node:fs';
import * as module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import * as zlib from 'node:zlib';

const here = realpathSync(fileURLToPath(import.meta.url));
// Types are stripped without a flag, and zstd is there, from 22.18 on.
const capable = process.features.typescript === 'strip' && typeof zlib.createZstdCompress === 'function';

function findNode() {
  const binary = process.platform === 'win32' ? 'node.exe' : 'node';
  for (let folder = dirname(here); ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', 'node', 'bin', binary);
    if (existsSync(candidate) && realpathSync(candidate) !== realpathSync(process.execPath)) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * Lets Node keep what it has compiled (and stripped of its types) for the next time. Beside the installed packages, and not in the folder
 * for temporary files, which is Node's default: there another user could put code under the name that ours is looked for. What is kept
 * is taken only for a source of the same bytes; where the folder cannot be written, nothing is kept.
 */
function keepCompiled() {
  module.enableCompileCache(join(dirname(dirname(dirname(here))), 'node_modules', '.cache', 'holdfast'));
}

/**
 * V8 would let the space for young objects grow to 96 MB, and collect that much later the large buffers that hang on them: a backup of many small
 * files takes 100 MB less without, and no more time. What is done at once needs no thrift.
 */
function keepYoungSpaceSmall() {
  setFlagsFromString('--semi-space-growth-factor=1');
}

async function runWith(node, file) {
  const { spawn } = await import('node:child_process');
  const child = spawn(node, [...process.execArgv, file, ...process.argv.slice(2)], { stdio: 'inherit' });
  const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`holdfast: ${node} does not start: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    // Ends by the same signal, so that whoever waits sees what happened.
    for (const name of forwarded) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

/**
 * Calls `run` in this process where that is possible; otherwise starts the script again on a newer Node.
 * @param {string} script the `import.meta.url` of the script that was started
 * @param {() => Promise<void>} run
 */
export async function onCapableNode(script, run) {
  if (capable) {
    keepCompiled();
    setTimeout(keepYoungSpaceSmall, 200).unref();
    return run();
  }
  const node = findNode();
  if (node === undefined) {
    console.error(
      `holdfast: Node.js ${process.versions.node} is too old and no newer one is installed beside holdfast; install Node.js 22.18 or later, or run "npm install" in ${dirname(dirname(dirname(here)))}.`,
    );
    process.exit(1);
  }
  await runWith(node, realpathSync(fileURLToPath(script)));
}

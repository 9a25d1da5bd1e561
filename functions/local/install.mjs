/**
 * Makes `npm start` and `npm test` work on a clean clone: installs the packages where they are missing or not those of the lock file,
 * then makes sure that a Node runs them which can read TypeScript. Plain JavaScript, because the machine's own Node runs this first;
 * called from the scripts themselves, because npm leaves `pre` scripts out where install scripts are refused.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Type stripping without a flag came with 22.18 (Node.js documentation, "Modules: TypeScript"). */
const OLDEST = [22, 18];

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Whether node_modules holds what the lock file says; packages for other platforms may be absent. */
function isInstalled() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' || optional || devOptional || installed[path]?.version === version,
  );
}

/** Stops with one sentence. @returns {never} */
function stop(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

/** `npm ci`, its output on stderr so that stdout stays the command's own. */
function install() {
  const npm = process.env.npm_execpath;
  // The development packages are what tests and bundles are made with, also where NODE_ENV or npm's configuration leaves them out.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const { status, signal, error } =
    npm === undefined ? spawnSync('npm', args, options) : spawnSync(process.execPath, [npm, ...args], options);
  if (error) stop(`Holdfast could not start npm (${error.message}); install npm and try again.`);
  if (status !== 0)
    stop(
      `Holdfast could not install its packages (npm ci ended with ${signal ?? status}, see above); check the network and npm's configuration, then try again.`,
    );
}

/** The Node that npm's scripts run on: the `node` package's where its install script could fetch one, otherwise the machine's. */
function nodeVersion() {
  const own = join(root, 'node_modules', '.bin', 'node');
  if (!existsSync(own)) return process.versions.node;
  const { stdout, status } = spawnSync(own, ['--version'], { encoding: 'utf8' });
  if (status !== 0)
    stop(
      `${own} does not run on this machine; remove node_modules and set npm's ignore-scripts, then install Node.js 24.`,
    );
  return stdout.trim().replace(/^v/, '');
}

if (!isInstalled()) install();
const version = nodeVersion();
const [major = 0, minor = 0] = version.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
  stop(
    `Holdfast needs Node.js ${OLDEST.join('.')} or later and this machine has ${version}; install Node.js 24, or allow install scripts (npm config set ignore-scripts false) and run npm ci.`,
  );

/** The tools that are measured side by side, each as it is meant to be used, with a repository on the same disk. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { type Command, measure } from './measure.ts';

export interface Tool {
  readonly name: string;
  readonly version: string;
  /** What it does not do that a backup needs; empty for a backup tool. */
  readonly lacks: string;
  /** Makes a fresh repository in an empty folder, for backups of `source`. */
  prepare(repository: string, source: string): Promise<void>;
  backup(repository: string, source: string): Command;
  /** The newest backup into a folder that is not there yet. */
  restore(repository: string, source: string, to: string): Promise<Command>;
  /** Where what is stored lies. */
  stored(repository: string): string;
}

const PASSWORD = 'bench';
const cli = fileURLToPath(new URL('../../functions/local/holdfast.mjs', import.meta.url));

/** @throws Error for none but Holdfast on the path: a comparison needs a peer. */
export function findTools(): readonly Tool[] {
  const found = [holdfast(), restic(), kopia(), rclone()].filter((tool) => tool !== undefined);
  if (found.length === 1)
    throw new Error('no peer is on the PATH; install restic, kopia or rclone (go install, or packages of the system)');
  return found;
}

/** The first line of what a program says of its version; undefined where it is not installed. */
export function versionOf(program: string, ...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0]?.trim() : undefined;
}

export const holdfastCommand = (folder: string, ...args: readonly string[]): Command => ({
  program: process.execPath,
  args: [cli, ...args],
  folder,
});

const listSchema = z.object({ recoveryPoints: z.array(z.looseObject({ recoveryPointId: z.string() })).min(1) });

/** The newest recovery point of the plan in a folder. */
export async function newestPoint(folder: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { output } = await measure({ ...holdfastCommand(folder, 'list', '--json'), env });
  return listSchema.parse(JSON.parse(output)).recoveryPoints[0]?.recoveryPointId ?? '';
}

function holdfast(): Tool {
  return {
    name: 'holdfast',
    version: `holdfast on Node ${process.version}`,
    lacks: '',
    async prepare(repository, source) {
      mkdirSync(repository, { recursive: true });
      const plan = `vaults:\n  primary: { url: "file://${repository}/vault" }\nplans:\n  app:\n    sources: ["file://${source}"]\n    vault: primary\n    verify: { after: never }\n`;
      writeFileSync(join(repository, 'holdfast.yml'), plan);
      await measure(holdfastCommand(repository, 'init', '--yes'));
    },
    backup: (repository) => holdfastCommand(repository, 'run', 'app', '--kind', 'incremental'),
    async restore(repository, _source, to) {
      return holdfastCommand(repository, 'restore', await newestPoint(repository), '--to', `file://${to}`);
    },
    stored: (repository) => join(repository, 'vault'),
  };
}

function restic(): Tool | undefined {
  const version = versionOf('restic', 'version');
  if (version === undefined) return undefined;
  const command = (repository: string, ...args: readonly string[]): Command => ({
    program: 'restic',
    args: ['--quiet', '--repo', join(repository, 'repo'), ...args],
    env: { RESTIC_PASSWORD: PASSWORD, RESTIC_CACHE_DIR: join(repository, 'cache') },
  });
  return {
    name: 'restic',
    version,
    lacks: '',
    async prepare(repository) {
      await measure(command(repository, 'init'));
    },
    backup: (repository, source) => command(repository, 'backup', source),
    restore: async (repository, source, to) => command(repository, 'restore', `latest:${source}`, '--target', to),
    stored: (repository) => join(repository, 'repo'),
  };
}

function kopia(): Tool | undefined {
  const version = versionOf('kopia', '--version');
  if (version === undefined) return undefined;
  const command = (repository: string, ...args: readonly string[]): Command => ({
    program: 'kopia',
    args: [`--config-file=${join(repository, 'config')}`, '--log-dir', join(repository, 'log'), ...args],
    env: { KOPIA_PASSWORD: PASSWORD, KOPIA_CHECK_FOR_UPDATES: 'false' },
  });
  return {
    name: 'kopia',
    version: `kopia ${version}, compression zstd`,
    lacks: '',
    async prepare(repository) {
      const at = [`--path=${join(repository, 'repo')}`, `--cache-directory=${join(repository, 'cache')}`];
      await measure(command(repository, 'repository', 'create', 'filesystem', ...at));
      // It compresses nothing unless told.
      await measure(command(repository, 'policy', 'set', '--global', '--compression=zstd'));
    },
    backup: (repository, source) => command(repository, 'snapshot', 'create', '--no-progress', source),
    restore: async (repository, source, to) => command(repository, 'snapshot', 'restore', '--no-progress', source, to),
    stored: (repository) => join(repository, 'repo'),
  };
}

function rclone(): Tool | undefined {
  const version = versionOf('rclone', 'version');
  if (version === undefined) return undefined;
  const command = (...args: readonly string[]): Command => ({
    program: 'rclone',
    args: ['--config', '/dev/null', '--quiet', ...args],
  });
  return {
    name: 'rclone',
    version: `${version}, sync`,
    lacks: 'keeps one state, not sealed, not compressed',
    prepare: async (repository) => void mkdirSync(repository, { recursive: true }),
    backup: (repository, source) => command('sync', source, join(repository, 'copy')),
    restore: async (repository, _source, to) => command('sync', join(repository, 'copy'), to),
    stored: (repository) => join(repository, 'copy'),
  };
}

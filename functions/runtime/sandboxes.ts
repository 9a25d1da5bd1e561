/** Sandboxes: fresh places into which a verification restores, gone when it is done. */
import { existsSync, mkdirSync } from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Attributes, type EntryKey, findKeyText, type Json } from '../core/entry.ts';
import { findPlan, type HoldfastConfig } from '../core/plan.ts';
import type { Ports, Sandbox, Target } from '../core/ports.ts';
import { asFolder, formatUri, type PlaceUri, parseUri } from '../core/uri.ts';
import { SANDBOX_LEAVES_OUT as SECRET_TRAPS } from '../sources/secrets-manager/sandbox.ts';
import { SANDBOX_LEAVES_OUT as PARAMETER_TRAPS } from '../sources/ssm/sandbox.ts';

/** How the kinds of place are emptied in which removing an entry does not end it at once. */
export interface SandboxRemoval {
  readonly table: (name: string) => Promise<void>;
  readonly secret: (name: string) => Promise<void>;
}

export interface SandboxOptions {
  /** URIs of places for sandboxes; the first of the source's own kind serves. */
  readonly places: readonly string[];
  readonly openTarget: (uri: string) => Target | Promise<Target>;
  readonly remove: SandboxRemoval;
  /** Hex; sets apart a sandbox from what a crash has left of an earlier one. */
  readonly suffix: string;
}

/** Opens sandboxes for the sources of plans: in the plan's own place, or else in the first of `places` that is of the source's kind. */
export function sandboxOpener(
  options: Omit<SandboxOptions, 'suffix'> & {
    readonly config: HoldfastConfig;
    readonly randomBytes: Ports['randomBytes'];
  },
): Ports['openSandbox'] {
  return async ({ uri, plan }, id) => {
    const own = findPlan(options.config, plan)?.verify.sandbox;
    return makeSandbox(uri, id, {
      ...options,
      places: [...(own === undefined ? [] : [own]), ...options.places],
      suffix: options.randomBytes(4).toString('hex'),
    });
  };
}

/** Where there is always room for a sandbox, under names of our own. A function has none: it is proven by the hash of its code. */
const OWN_PLACES = ['dynamodb://holdfast-sandbox', 'ssm:///holdfast-sandbox/', 'secretsmanager://holdfast-sandbox/'];

/** A new place for a source at `sourceUri`, or undefined where no place is of its kind. `id` is for a person who looks at the place. */
export async function makeSandbox(
  sourceUri: string,
  id: string,
  options: SandboxOptions,
): Promise<Sandbox | undefined> {
  const kind = parseUri(sourceUri).scheme;
  const place = [...options.places, ...OWN_PLACES].map(parseUri).find((uri) => uri.scheme === kind);
  const uri = place && within(place, `holdfast-sandbox-${id}-${options.suffix}`);
  if (uri === undefined) return undefined;
  const written = new Set<EntryKey>();
  const target = withoutTraps(await options.openTarget(formatUri(uri)), uri.scheme, (key) => written.add(key));
  // A directory that is not there is an absent target, and not an empty one.
  if (uri.scheme === 'file') mkdirSync(uri.path, { recursive: true, mode: 0o700 });
  return { target, dispose: () => dispose(uri, target, written, options.remove) };
}

const ARCHIVES: readonly Json[] = ['GLACIER', 'DEEP_ARCHIVE'];

/**
 * What must not be in a sandbox, which says that it cannot hold it: an object put into an archive class could not be read back, a locked one could
 * not be removed, a secret's rotation would change the password of what it is for.
 */
function trapsIn(kind: PlaceUri['scheme'], { storageClass }: Attributes): readonly string[] {
  if (kind === 'ssm') return PARAMETER_TRAPS;
  if (kind === 'secretsmanager') return SECRET_TRAPS;
  return [...(storageClass !== undefined && ARCHIVES.includes(storageClass) ? ['storageClass'] : []), 'objectLock'];
}

function withoutTraps(target: Target, kind: PlaceUri['scheme'], onWrite: (key: EntryKey) => void): Target {
  return {
    ...target,
    write: async (entry, content) => {
      if (kind === 'secretsmanager') onWrite(entry.key);
      const left = trapsIn(kind, entry.attributes).filter((name) => name in entry.attributes);
      if (left.length === 0) return target.write(entry, content);
      const kept = Object.entries(entry.attributes).filter(([name]) => !left.includes(name));
      return [...(await target.write({ ...entry, attributes: Object.fromEntries(kept) }, content)), ...left];
    },
  };
}

function within(place: PlaceUri, name: string): PlaceUri | undefined {
  switch (place.scheme) {
    case 'file':
      return { ...place, path: join(place.path, name) };
    case 's3':
      return { ...place, prefix: `${asFolder(place).prefix}${name}/` };
    case 'ssm':
    case 'secretsmanager':
      return { ...place, prefix: `${place.prefix}${name}/` };
    case 'dynamodb':
      return { ...place, table: name };
    case 'lambda':
      return undefined;
  }
}

/**
 * One thing that cannot be removed leaves no other behind.
 * @param written Secrets that were written: a listing may be minutes behind.
 */
async function dispose(
  uri: PlaceUri,
  target: Target,
  written: ReadonlySet<EntryKey>,
  remove: SandboxRemoval,
): Promise<void> {
  if (uri.scheme === 'file') return removeFolder(uri.path);
  if (uri.scheme === 'dynamodb') return remove.table(uri.table);
  const failures: unknown[] = [];
  const note = (error: unknown) => void failures.push(error);
  if (uri.scheme === 'secretsmanager')
    for (const key of written) await remove.secret(`${uri.prefix}${findKeyText(key) ?? ''}`).catch(note);
  else if ('list' in target)
    for await (const page of target.list({})) for (const { key } of page) await target.remove(key).catch(note);
  if (failures.length > 0) throw failures[0];
}

/** Folders come back with the modes that they had, which may forbid to empty them. */
async function removeFolder(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  await makeWritable(folder);
  await rm(folder, { recursive: true, force: true });
}

async function makeWritable(folder: string | Buffer): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' }))
    if (entry.isDirectory()) await makeWritable(Buffer.concat([Buffer.from(folder), Buffer.from('/'), entry.name]));
}

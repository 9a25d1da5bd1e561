/** Sandboxes: fresh places into which a verification restores, gone when it is done. */
import { existsSync, mkdirSync } from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../core/entry.ts';
import { InvalidInputError } from '../core/errors.ts';
import { findPlan, type HoldfastConfig } from '../core/plan.ts';
import type { Ports, Sandbox, Target } from '../core/ports.ts';
import { asFolder, formatUri, type PlaceUri, parseUri } from '../core/uri.ts';

export interface SandboxOptions {
  /** URIs of places for sandboxes; the first of the source's own kind serves. */
  readonly places: readonly string[];
  readonly openTarget: (uri: string) => Target;
  /** Hex; sets apart a sandbox from what a crash has left of an earlier one. */
  readonly suffix: string;
}

/** Opens sandboxes for the sources of plans: in the plan's own place, or else in the first of `places` that is of the source's kind. */
export function sandboxOpener(options: {
  readonly config: HoldfastConfig;
  readonly places: readonly string[];
  readonly openTarget: (uri: string) => Target;
  readonly randomBytes: Ports['randomBytes'];
}): Ports['openSandbox'] {
  return ({ uri, plan }, id) => {
    const own = findPlan(options.config, plan)?.verify.sandbox;
    return makeSandbox(uri, id, {
      places: [...(own === undefined ? [] : [own]), ...options.places],
      openTarget: options.openTarget,
      suffix: options.randomBytes(4).toString('hex'),
    });
  };
}

/** A new place for a source at `sourceUri`, or undefined where no place is of its kind. `id` is for a person who looks at the place. */
export function makeSandbox(sourceUri: string, id: string, options: SandboxOptions): Sandbox | undefined {
  const kind = parseUri(sourceUri).scheme;
  const place = options.places.map(parseUri).find((uri) => uri.scheme === kind);
  if (place === undefined) return undefined;
  const uri = within(place, `holdfast-sandbox-${id}-${options.suffix}`);
  const target = withoutTraps(options.openTarget(formatUri(uri)));
  // A directory that is not there is an absent target, and not an empty one.
  if (uri.scheme === 'file') mkdirSync(uri.path, { recursive: true, mode: 0o700 });
  return { target, dispose: () => (uri.scheme === 'file' ? removeFolder(uri.path) : removeEntries(target)) };
}

const ARCHIVES: readonly Json[] = ['GLACIER', 'DEEP_ARCHIVE'];

/** An object put into an archive class could not be read back, and a locked one could not be removed: the sandbox says that it cannot hold that. */
function withoutTraps(target: Target): Target {
  return {
    ...target,
    write: async (entry, content) => {
      const { storageClass, objectLock, ...others } = entry.attributes;
      const trapped = storageClass !== undefined && ARCHIVES.includes(storageClass);
      const left = [...(trapped ? ['storageClass'] : []), ...(objectLock === undefined ? [] : ['objectLock'])];
      if (left.length === 0) return target.write(entry, content);
      const attributes = trapped || storageClass === undefined ? others : { ...others, storageClass };
      return [...(await target.write({ ...entry, attributes }, content)), ...left];
    },
  };
}

function within(place: PlaceUri, name: string): PlaceUri {
  if (place.scheme === 'file') return { scheme: 'file', path: join(place.path, name) };
  if (place.scheme === 's3') return { ...place, prefix: `${asFolder(place).prefix}${name}/` };
  throw new InvalidInputError(`${formatUri(place)} is no place for a sandbox`);
}

async function removeEntries(target: Target): Promise<void> {
  if ('list' in target) for await (const { key } of target.list({})) await target.remove(key);
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

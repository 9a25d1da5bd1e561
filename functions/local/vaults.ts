/**
 * The vaults of one plan file share one key set, so that blobs are copied between them byte for byte: the descriptor is made once and
 * copied to every vault that lacks it.
 */
import { randomBytes } from 'node:crypto';
import {
  createDescriptor,
  DESCRIPTOR_NAME,
  parseDescriptor,
  serializeDescriptor,
  unlockDescriptor,
  type VaultDescriptor,
} from '../core/descriptor.ts';
import { ConflictError, IntegrityError, InvalidInputError, NotFoundError } from '../core/errors.ts';
import type { Secret, SlotRequest } from '../core/keyring.ts';
import type { HoldfastConfig } from '../core/plan.ts';
import type { BlobStore } from '../core/ports.ts';
import { parseUri } from '../core/uri.ts';
import { openStore } from '../runtime/local-places.ts';

interface NamedStore {
  readonly name: string;
  readonly store: BlobStore;
}

/** What `surveyVaults` saw. */
export interface VaultSurvey {
  /** The descriptor that the vaults share, when at least one has it, in its stored bytes. */
  readonly found: { readonly descriptor: VaultDescriptor; readonly bytes: Buffer } | undefined;
  readonly missing: readonly NamedStore[];
}

/**
 * Looks at every vault and changes nothing.
 * @throws InvalidInputError for two vaults of different key sets and for a descriptor of another format; IntegrityError for a damaged
 * one, and for a vault that holds snapshots but has lost its descriptor when no other vault has it.
 */
export async function surveyVaults(config: HoldfastConfig): Promise<VaultSurvey> {
  const missing: NamedStore[] = [];
  let found: (NonNullable<VaultSurvey['found']> & { readonly name: string }) | undefined;
  for (const [name, vault] of Object.entries(config.vaults)) {
    const store = await openStore(vault);
    const bytes = await findDescriptor(store);
    if (bytes === undefined) {
      missing.push({ name, store });
      continue;
    }
    const descriptor = parseDescriptor(bytes, store.url);
    if (found !== undefined && found.descriptor.vaultId !== descriptor.vaultId)
      throw new InvalidInputError(
        `vault ${found.name} (${found.descriptor.vaultId}) and vault ${name} (${descriptor.vaultId}) have different keys; all vaults of one holdfast.yml share one key set, so put one of them into a holdfast.yml of its own`,
      );
    found ??= { name, descriptor, bytes };
  }
  if (found === undefined) for (const vault of missing) await assertUnused(vault);
  return { found, missing };
}

async function findDescriptor(store: BlobStore): Promise<Buffer | undefined> {
  try {
    return await store.get(DESCRIPTOR_NAME);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    // A bucket that is absent is not ours to make, and to write there would fail with the same words.
    return undefined;
  }
}

async function assertUnused({ name, store }: NamedStore): Promise<void> {
  for (const prefix of ['manifests/', 'packs/', 'segments/']) {
    if (await holdsAny(store, prefix))
      throw new IntegrityError(
        `vault ${name} (${store.url}) holds ${prefix} but no ${DESCRIPTOR_NAME}, without which they cannot be read; copy ${DESCRIPTOR_NAME} back from another vault or a copy`,
      );
  }
}

async function holdsAny(store: BlobStore, prefix: string): Promise<boolean> {
  try {
    for await (const _ of store.list(prefix)) return true;
  } catch (error) {
    // A folder that is not there yet holds nothing; a bucket must be there.
    if (!(error instanceof NotFoundError) || parseUri(store.url).scheme !== 'file') throw error;
  }
  return false;
}

/**
 * Gives each vault that lacks it the descriptor. Returns a sentence for each vault made.
 * @param keys open the key set, the first of them also contents; needed to make a new one.
 */
export async function makeVaults(survey: VaultSurvey, keys: readonly SlotRequest[]): Promise<readonly string[]> {
  const { found, missing } = survey;
  if (missing.length === 0) return [];
  const bytes = found?.bytes ?? newDescriptor(keys);
  const created: string[] = [];
  for (const { name, store } of missing) {
    const outcome = await store.putNew(DESCRIPTOR_NAME, bytes);
    if (outcome === 'exists' && !(await store.get(DESCRIPTOR_NAME)).equals(bytes))
      throw new ConflictError(
        `vault ${name} (${store.url}) was made by another while init was at work; start it again`,
      );
    created.push(`made the vault ${name} in ${store.url}`);
  }
  return created;
}

/** @throws InvalidInputError when the secret does not open the descriptor that the vaults share. */
export function assertOpens(survey: VaultSurvey, secret: Secret): void {
  if (survey.found !== undefined) unlockDescriptor(survey.found.descriptor, secret);
}

function newDescriptor(slots: readonly SlotRequest[]): Buffer {
  if (slots.length === 0) throw new InvalidInputError('a new vault needs a key; give --key-file or a passphrase');
  const { descriptor } = createDescriptor({
    createdAt: new Date().toISOString(),
    slots,
    randomBytes,
  });
  return serializeDescriptor(descriptor);
}

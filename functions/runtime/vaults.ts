/** Opening vaults: the place that the plan file names, its descriptor, and the keys that a secret gives. */
import { DESCRIPTOR_NAME, parseDescriptor, unlockDescriptor } from '../core/descriptor.ts';
import { NotFoundError } from '../core/errors.ts';
import type { Secret } from '../core/keyring.ts';
import { getVaultConfig, type HoldfastConfig, type VaultConfig } from '../core/plan.ts';
import type { BlobStore, Vault } from '../core/ports.ts';
import { parseUri } from '../core/uri.ts';
import { filesBlobStore } from '../stores/files.ts';
import { s3BlobStore } from '../stores/s3.ts';
import type { S3Clients } from './clients.ts';

/** The store of a vault; `s3://bucket/name` and `s3://bucket/name/` are one place. */
export function vaultStore(vault: Pick<VaultConfig, 'url' | 'region'>, s3: S3Clients): BlobStore {
  const uri = parseUri(vault.url);
  if (uri.scheme === 'file') return filesBlobStore(uri.path);
  const prefix = uri.prefix === '' || uri.prefix.endsWith('/') ? uri.prefix : `${uri.prefix}/`;
  return s3BlobStore(s3(vault.region), { bucket: uri.bucket, prefix });
}

/**
 * Opens a vault by its name in the plan file.
 * @throws InvalidInputError (no such vault, or the secret does not open it), NotFoundError (no descriptor), IntegrityError (descriptor damaged)
 */
export async function openVault(
  name: string,
  options: { readonly config: HoldfastConfig; readonly s3: S3Clients; readonly secret: () => Promise<Secret> },
): Promise<Vault> {
  const store = vaultStore(getVaultConfig(options.config, name), options.s3);
  const descriptor = parseDescriptor(await readDescriptor(name, store), store.url);
  return { name, store, keys: unlockDescriptor(descriptor, await options.secret()), chunking: descriptor.chunking };
}

async function readDescriptor(name: string, store: BlobStore): Promise<Buffer> {
  try {
    return await store.get(DESCRIPTOR_NAME);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new NotFoundError(
      `vault "${name}" (${store.url}) has no ${DESCRIPTOR_NAME}: it was never made, or the place is not mounted; make it with holdfast init`,
      { cause: error, context: { vault: name } },
    );
  }
}

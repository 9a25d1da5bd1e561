/** Opening vaults: the place that the plan file names, its descriptor, and the keys that a secret gives. */
import { DESCRIPTOR_NAME, parseDescriptor, unlockDescriptor } from '../core/descriptor.ts';
import { NotFoundError } from '../core/errors.ts';
import type { Secret } from '../core/keyring.ts';
import { getVaultConfig, type HoldfastConfig, type VaultConfig } from '../core/plan.ts';
import type { BlobStore, Ports, Vault } from '../core/ports.ts';
import { oncePerKey } from './once-per-key.ts';

export interface VaultOptions {
  readonly config: HoldfastConfig;
  /** @throws InvalidInputError for a vault that this process cannot reach. */
  readonly openStore: (vault: VaultConfig) => BlobStore | Promise<BlobStore>;
  /** Asked when a vault is opened. */
  readonly secret: () => Promise<Secret>;
}

/**
 * Opens vaults by their names in the plan file, each once; one that could not be opened is tried again.
 * @throws InvalidInputError (no such vault, or the secret does not open it), NotFoundError (no descriptor), IntegrityError (descriptor damaged)
 */
export function vaultOpener(options: VaultOptions): Ports['openVault'] {
  return oncePerKey((name) => openVault(name, options));
}

async function openVault(name: string, { config, openStore, secret }: VaultOptions): Promise<Vault> {
  const store = await openStore(getVaultConfig(config, name));
  const descriptor = parseDescriptor(await readDescriptor(name, store), store.url);
  return { name, store, keys: unlockDescriptor(descriptor, await secret()), chunking: descriptor.chunking };
}

async function readDescriptor(name: string, store: BlobStore): Promise<Buffer> {
  try {
    return await store.get(DESCRIPTOR_NAME);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const lacking =
      error.context.awsError === 'NoSuchBucket'
        ? 'is not there, because its bucket does not exist; check the name, or create the bucket and fill it from a replica'
        : `has no ${DESCRIPTOR_NAME}: it was never made, or the place is not mounted; make it with holdfast init`;
    throw new NotFoundError(`vault "${name}" (${store.url}) ${lacking}`, { cause: error, context: { vault: name } });
  }
}

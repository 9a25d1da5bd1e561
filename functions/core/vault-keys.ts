/** The keys of an open vault, as far as the keyring gave them to this process. */
import { createHmac, hkdfSync } from 'node:crypto';
import { IntegrityError } from './errors.ts';
import type { VaultId } from './ids.ts';

/** One generation of a vault's keys; a rotation adds the next. Blobs say which generation they are sealed with. */
export interface KeyGeneration {
  /** 1 to 255, rising. */
  readonly generation: number;
  /** 32 bytes: seals segments and manifests. Backing up needs it. */
  readonly metadataKey: Buffer;
  /** 32 bytes, X25519: packs are sealed to it. */
  readonly contentPublicKey: Buffer;
  /** 32 bytes, X25519: absent in a process that may back up but not read back. */
  readonly contentPrivateKey: Buffer | undefined;
}

/** The newest generation, with which everything new is sealed, and the earlier ones, which still open what is older. */
export interface VaultKeys extends KeyGeneration {
  readonly vaultId: VaultId;
  readonly earlier: readonly KeyGeneration[];
}

/** @throws IntegrityError naming `what` when the keyring gave no such generation. */
export function getGeneration(keys: VaultKeys, generation: number, what: string): KeyGeneration {
  const found = [keys, ...keys.earlier].find((one) => one.generation === generation);
  if (found === undefined)
    throw new IntegrityError(`${what} is sealed with key generation ${generation}, which this key does not open`);
  return found;
}

/** The key under which the content index knows a chunk: an HMAC, so that the index tells nothing of the content. 64 hex digits. */
export function contentIndexKey(keys: VaultKeys, chunkId: string): string {
  const indexKey = Buffer.from(
    hkdfSync('sha256', keys.metadataKey, Buffer.alloc(0), `holdfast/1 content index ${keys.vaultId}`, 32),
  );
  return createHmac('sha256', indexKey).update(chunkId, 'hex').digest('hex');
}

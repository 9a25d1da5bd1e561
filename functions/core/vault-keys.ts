/** The keys of an open vault, as far as the keyring gave them to this process. */
import { createHmac, hkdfSync } from 'node:crypto';
import type { VaultId } from './ids.ts';

export interface VaultKeys {
  readonly vaultId: VaultId;
  /** 32 bytes: seals segments and manifests. Backing up needs it. */
  readonly metadataKey: Buffer;
  /** 32 bytes, X25519: packs are sealed to it. */
  readonly contentPublicKey: Buffer;
  /** 32 bytes, X25519: absent in a process that may back up but not read back. */
  readonly contentPrivateKey: Buffer | undefined;
}

/** The key under which the content index knows a chunk: an HMAC, so that the index tells nothing of the content. 64 hex digits. */
export function contentIndexKey(keys: VaultKeys, chunkId: string): string {
  const indexKey = Buffer.from(
    hkdfSync('sha256', keys.metadataKey, Buffer.alloc(0), `holdfast/1 content index ${keys.vaultId}`, 32),
  );
  return createHmac('sha256', indexKey).update(chunkId, 'hex').digest('hex');
}

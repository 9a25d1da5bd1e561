/**
 * The keyring wraps a vault's keys in slots, each slot enough alone for what it is for: a passphrase, a key file, or a KMS key; of kind `read`
 * (both keys of a generation) or `write` (the metadata key only: enough to back up, not to read back).
 */
import { createCipheriv, createDecipheriv, hkdfSync, scryptSync } from 'node:crypto';
import * as z from 'zod';
import { IntegrityError } from './errors.ts';
import { publicKeyOf } from './hpke.ts';
import type { VaultId } from './ids.ts';
import type { KeyGeneration } from './vault-keys.ts';

/** Random bytes in a key file. */
export const KEY_FILE_BYTES = 32;

/** What a person or a machine holds to open a vault. A key file is 32 random bytes. */
export type Secret =
  | { readonly type: 'passphrase'; readonly passphrase: string }
  | { readonly type: 'keyfile'; readonly bytes: Buffer };

export const base64 = (bytes: number) =>
  z.base64().refine((text) => Buffer.from(text, 'base64').length === bytes, `is not ${bytes} bytes in base64`);
/** Nonce, 32 bytes encrypted, tag. */
const wrappedKey = base64(12 + 32 + 16);

const slotBase = {
  slotId: z.string().regex(/^[0-9a-f]{16}$/),
  /** `read` opens both keys; `write` the metadata key only: enough to back up, not to read back. */
  kind: z.enum(['read', 'write']),
};
export const generationSchema = z.number().int().min(1).max(255);
/** The keys of each generation that the slot opens. */
const wrappedKeys = z
  .array(z.strictObject({ generation: generationSchema, metadata: wrappedKey, content: wrappedKey.optional() }))
  .min(1)
  .max(255);

// scrypt cost: N up to 2^20 with r 8 takes 1 GiB; a descriptor that asks for more is refused rather than obeyed.
const passphraseSlot = z.strictObject({
  type: z.literal('passphrase'),
  ...slotBase,
  keys: wrappedKeys,
  salt: base64(32),
  n: z
    .number()
    .int()
    .min(1024)
    .max(1 << 20),
  r: z.literal(8),
  p: z.literal(1),
});
const keyfileSlot = z.strictObject({ type: z.literal('keyfile'), ...slotBase, keys: wrappedKeys, salt: base64(32) });
/** The keys are encrypted by KMS under the encryption context `{ vaultId, generation, purpose: metadata | content }`. */
const kmsSlot = z.strictObject({
  type: z.literal('kms'),
  ...slotBase,
  keyArn: z.string().max(2048),
  keys: z
    .array(
      z.strictObject({
        generation: generationSchema,
        metadata: z.base64().max(8192),
        content: z.base64().max(8192).optional(),
      }),
    )
    .min(1)
    .max(255),
});
export const slotSchema = z
  .discriminatedUnion('type', [passphraseSlot, keyfileSlot, kmsSlot])
  .refine(
    (slot) => slot.keys.every((one) => (slot.kind === 'read') === (one.content !== undefined)),
    'a read slot holds both keys of a generation, a write slot one',
  );
export type Slot = z.infer<typeof slotSchema>;

const contextOf = (vaultId: string, slotId: string, generation: number, purpose: 'metadata' | 'content'): Buffer =>
  Buffer.from(`holdfast/1 slot ${vaultId} ${slotId} ${generation} ${purpose}`);

function wrap(wrappingKey: Buffer, nonce: Buffer, context: Buffer, key: Buffer): string {
  const cipher = createCipheriv('aes-256-gcm', wrappingKey, nonce).setAAD(context);
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

function unwrap(wrappingKey: Buffer, context: Buffer, wrapped: string): Buffer | undefined {
  const bytes = Buffer.from(wrapped, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey, bytes.subarray(0, 12)).setAAD(context);
  decipher.setAuthTag(bytes.subarray(44));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(12, 44)), decipher.final()]);
  } catch {
    return undefined; // The tag is wrong, which here means: this secret is not the slot's.
  }
}

/** The key that a secret gives for a slot's salt; a passphrase takes about 128 N·r bytes of memory. */
function wrappingKeyOf(secret: Secret, salt: Buffer, n: number): Buffer {
  if (secret.type === 'keyfile') return Buffer.from(hkdfSync('sha256', secret.bytes, salt, 'holdfast/1 key file', 32));
  // NFC, so that one passphrase typed on two systems is one passphrase.
  return scryptSync(secret.passphrase.normalize('NFC'), salt, 32, { N: n, r: 8, p: 1, maxmem: 256 * n * 8 });
}

const SCRYPT_N = 1 << 16;

export interface SlotRequest {
  readonly secret: Secret;
  readonly kind: 'read' | 'write';
}

/** One slot for one secret, which opens the given generations. */
export function makeSlot(
  vaultId: VaultId,
  { secret, kind }: SlotRequest,
  generations: readonly KeyGeneration[],
  randomBytes: (n: number) => Buffer,
): Slot {
  const slotId = randomBytes(8).toString('hex');
  const salt = randomBytes(32);
  const wrappingKey = wrappingKeyOf(secret, salt, SCRYPT_N);
  const keys = generations.map(({ generation, metadataKey, contentPrivateKey }) => {
    const wrapFor = (purpose: 'metadata' | 'content', key: Buffer): string =>
      wrap(wrappingKey, randomBytes(12), contextOf(vaultId, slotId, generation, purpose), key);
    const content =
      kind === 'read' && contentPrivateKey !== undefined ? { content: wrapFor('content', contentPrivateKey) } : {};
    return { generation, metadata: wrapFor('metadata', metadataKey), ...content };
  });
  const base = { slotId, kind, keys, salt: salt.toString('base64') };
  return secret.type === 'passphrase'
    ? { type: 'passphrase', ...base, n: SCRYPT_N, r: 8, p: 1 }
    : { type: 'keyfile', ...base };
}

/**
 * Every generation in a slot; undefined when the slot is another secret's, or of a type that no secret opens.
 * @param publicKeys the public content key of each generation, as the descriptor says.
 * @throws IntegrityError when the descriptor was altered.
 */
export function openSlot(
  vaultId: VaultId,
  slot: Slot,
  secret: Secret,
  publicKeys: ReadonlyMap<number, Buffer>,
): KeyGeneration[] | undefined {
  if (slot.type === 'kms' || slot.type !== secret.type) return undefined;
  const n = slot.type === 'passphrase' ? slot.n : 0;
  const wrappingKey = wrappingKeyOf(secret, Buffer.from(slot.salt, 'base64'), n);
  const opened: KeyGeneration[] = [];
  for (const { generation, metadata, content } of slot.keys) {
    const open = (purpose: 'metadata' | 'content', wrapped: string) =>
      unwrap(wrappingKey, contextOf(vaultId, slot.slotId, generation, purpose), wrapped);
    const metadataKey = open('metadata', metadata);
    if (metadataKey === undefined) return undefined;
    const contentPublicKey = publicKeys.get(generation);
    if (contentPublicKey === undefined)
      throw new IntegrityError(`vault ${vaultId}: a slot opens key generation ${generation}, which is not listed`);
    const contentPrivateKey = content === undefined ? undefined : open('content', content);
    // Whoever can write holdfast.json could put a public key of their own there; the owner of the private key would notice here.
    const fits = contentPrivateKey !== undefined && publicKeyOf(contentPrivateKey).equals(contentPublicKey);
    if (content !== undefined && !fits)
      throw new IntegrityError(
        `vault ${vaultId}: the public content key is not the private key's; the descriptor was altered`,
      );
    opened.push({ generation, metadataKey, contentPublicKey, contentPrivateKey });
  }
  return opened;
}

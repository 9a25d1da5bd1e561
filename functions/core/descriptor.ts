/**
 * The vault descriptor, `holdfast.json`: format, vault id, chunking parameters, public content key, and the keyring, which holds
 * the metadata key and the private content key wrapped in slots, each slot enough alone for what it is for.
 */
import { createCipheriv, createDecipheriv, hkdfSync, scryptSync } from 'node:crypto';
import { z } from 'zod';
import { IntegrityError, InvalidInputError } from './errors.ts';
import { publicKeyOf } from './hpke.ts';
import type { VaultId } from './ids.ts';
import { parseJson } from './json.ts';
import type { VaultKeys } from './vault-keys.ts';

export const DESCRIPTOR_NAME = 'holdfast.json';
const FORMAT = 'holdfast-vault-1';
export const KEY_FILE_BYTES = 32;

/** What a person or a machine holds to open a vault. A key file is 32 random bytes. */
export type Secret =
  | { readonly type: 'passphrase'; readonly passphrase: string }
  | { readonly type: 'keyfile'; readonly bytes: Buffer };

const base64 = (bytes: number) =>
  z.base64().refine((text) => Buffer.from(text, 'base64').length === bytes, `is not ${bytes} bytes in base64`);
/** Nonce, 32 bytes encrypted, tag. */
const wrappedKey = base64(12 + 32 + 16);

const slotBase = {
  slotId: z.string().regex(/^[0-9a-f]{16}$/),
  /** `read` opens both keys; `write` the metadata key only: enough to back up, not to read back. */
  kind: z.enum(['read', 'write']),
  metadata: wrappedKey,
  content: wrappedKey.optional(),
};

// scrypt cost: N up to 2^20 with r 8 takes 1 GiB; a descriptor that asks for more is refused rather than obeyed.
const passphraseSlot = z.strictObject({
  type: z.literal('passphrase'),
  ...slotBase,
  salt: base64(32),
  n: z
    .number()
    .int()
    .min(1024)
    .max(1 << 20),
  r: z.literal(8),
  p: z.literal(1),
});
const keyfileSlot = z.strictObject({ type: z.literal('keyfile'), ...slotBase, salt: base64(32) });
/** The keys are encrypted by KMS under the encryption context `{ vaultId, purpose: metadata | content }`. */
const kmsSlot = z.strictObject({
  type: z.literal('kms'),
  slotId: slotBase.slotId,
  kind: slotBase.kind,
  keyArn: z.string().max(2048),
  metadata: z.base64().max(8192),
  content: z.base64().max(8192).optional(),
});
const slotSchema = z
  .discriminatedUnion('type', [passphraseSlot, keyfileSlot, kmsSlot])
  .refine(
    (slot) => (slot.kind === 'read') === (slot.content !== undefined),
    'a read slot holds both keys, a write slot one',
  );
type Slot = z.infer<typeof slotSchema>;

const chunkingSchema = z.strictObject({
  algorithm: z.literal('fastcdc'),
  minBytes: z
    .number()
    .int()
    .min(64 << 10),
  averageBytes: z
    .number()
    .int()
    .min(64 << 10),
  maxBytes: z
    .number()
    .int()
    .max(16 << 20),
});
export type Chunking = z.infer<typeof chunkingSchema>;
export const DEFAULT_CHUNKING: Chunking = {
  algorithm: 'fastcdc',
  minBytes: 256 << 10,
  averageBytes: 1 << 20,
  maxBytes: 8 << 20,
};

const descriptorSchema = z.strictObject({
  format: z.literal(FORMAT),
  vaultId: z.string().regex(/^[0-9a-f]{32}$/) as unknown as z.ZodType<VaultId>,
  createdAt: z.iso.datetime(),
  chunking: chunkingSchema,
  contentPublicKey: base64(32),
  keyring: z.array(slotSchema).min(1).max(100),
});
export type VaultDescriptor = z.infer<typeof descriptorSchema>;

const contextOf = (vaultId: string, slotId: string, purpose: 'metadata' | 'content'): Buffer =>
  Buffer.from(`holdfast/1 slot ${vaultId} ${slotId} ${purpose}`);

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

/** One slot for one secret. `privateKey` is needed for a `read` slot. */
function makeSlot(
  vaultId: VaultId,
  request: SlotRequest,
  metadataKey: Buffer,
  privateKey: Buffer,
  randomBytes: (n: number) => Buffer,
): Slot {
  const slotId = randomBytes(8).toString('hex');
  const salt = randomBytes(32);
  const wrappingKey = wrappingKeyOf(request.secret, salt, SCRYPT_N);
  const base = {
    slotId,
    kind: request.kind,
    salt: salt.toString('base64'),
    metadata: wrap(wrappingKey, randomBytes(12), contextOf(vaultId, slotId, 'metadata'), metadataKey),
    ...(request.kind === 'read'
      ? { content: wrap(wrappingKey, randomBytes(12), contextOf(vaultId, slotId, 'content'), privateKey) }
      : {}),
  };
  return request.secret.type === 'passphrase'
    ? { type: 'passphrase', ...base, n: SCRYPT_N, r: 8, p: 1 }
    : { type: 'keyfile', ...base };
}

/** A new key set with a slot for each secret, at least one of kind `read`. `createdAt` ISO-8601 UTC. */
export function createDescriptor(options: {
  readonly createdAt: string;
  readonly slots: readonly SlotRequest[];
  readonly randomBytes: (count: number) => Buffer;
  readonly chunking?: Chunking;
}): { readonly descriptor: VaultDescriptor; readonly keys: VaultKeys } {
  const { randomBytes } = options;
  if (!options.slots.some((slot) => slot.kind === 'read'))
    throw new InvalidInputError('a vault needs at least one key of kind read, or nobody could ever restore from it');
  const vaultId = randomBytes(16).toString('hex') as VaultId;
  const metadataKey = randomBytes(32);
  const contentPrivateKey = randomBytes(32);
  const contentPublicKey = publicKeyOf(contentPrivateKey);
  const descriptor: VaultDescriptor = {
    format: FORMAT,
    vaultId,
    createdAt: options.createdAt,
    chunking: options.chunking ?? DEFAULT_CHUNKING,
    contentPublicKey: contentPublicKey.toString('base64'),
    keyring: options.slots.map((slot) => makeSlot(vaultId, slot, metadataKey, contentPrivateKey, randomBytes)),
  };
  return { descriptor, keys: { vaultId, metadataKey, contentPublicKey, contentPrivateKey } };
}

export function serializeDescriptor(descriptor: VaultDescriptor): Buffer {
  return Buffer.from(`${JSON.stringify(descriptor, null, 2)}\n`);
}

/** @throws InvalidInputError for a descriptor of another format, IntegrityError for one that is damaged; both name the vault. */
export function parseDescriptor(bytes: Buffer, url: string): VaultDescriptor {
  const what = `vault ${url}: ${DESCRIPTOR_NAME}`;
  if (bytes.length > 1 << 20) throw new IntegrityError(`${what} is larger than a descriptor can be`);
  const { format } = parseJson(bytes, z.looseObject({ format: z.string() }), what);
  if (format !== FORMAT)
    throw new InvalidInputError(
      `${what} says format "${format.slice(0, 60)}", but this Holdfast reads ${FORMAT}; use the version that wrote it`,
    );
  return parseJson(bytes, descriptorSchema, what);
}

/**
 * Opens the keyring with a secret, trying each slot of its type; a `read` slot is preferred.
 * @throws InvalidInputError when the secret opens no slot.
 */
export function unlockDescriptor(descriptor: VaultDescriptor, secret: Secret): VaultKeys {
  const slots = descriptor.keyring
    .filter((slot) => slot.type === secret.type)
    .sort((a, b) => (a.kind < b.kind ? -1 : 1));
  for (const slot of slots) {
    if (slot.type === 'kms') continue;
    const n = slot.type === 'passphrase' ? slot.n : 0;
    const wrappingKey = wrappingKeyOf(secret, Buffer.from(slot.salt, 'base64'), n);
    const open = (purpose: 'metadata' | 'content', wrapped: string) =>
      unwrap(wrappingKey, contextOf(descriptor.vaultId, slot.slotId, purpose), wrapped);
    const metadataKey = open('metadata', slot.metadata);
    if (metadataKey === undefined) continue;
    const contentPublicKey = Buffer.from(descriptor.contentPublicKey, 'base64');
    const contentPrivateKey = slot.content === undefined ? undefined : open('content', slot.content);
    // Whoever can write holdfast.json could put a public key of their own there; the owner of the private key would notice here.
    if (
      slot.content !== undefined &&
      (contentPrivateKey === undefined || !publicKeyOf(contentPrivateKey).equals(contentPublicKey))
    )
      throw new IntegrityError(
        `vault ${descriptor.vaultId}: the public content key is not the private key's; the descriptor was altered`,
      );
    return { vaultId: descriptor.vaultId, metadataKey, contentPublicKey, contentPrivateKey };
  }
  const held = secret.type === 'passphrase' ? 'this passphrase' : 'this key file';
  throw new InvalidInputError(
    `${held} opens no slot of the keyring of vault ${descriptor.vaultId}; give the passphrase or key file that the vault was made with`,
  );
}

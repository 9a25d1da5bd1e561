/**
 * The vault descriptor, `holdfast.json`: format, vault id, chunking parameters, public content key, and the keyring, which holds
 * the metadata key and the private content key wrapped in slots, each slot enough alone for what it is for.
 */
import * as z from 'zod';
import { IntegrityError, InvalidInputError } from './errors.ts';
import { publicKeyOf } from './hpke.ts';
import type { VaultId } from './ids.ts';
import { parseJson } from './json.ts';
import { base64, generationSchema, makeSlot, openSlot, type Secret, type SlotRequest, slotSchema } from './keyring.ts';
import { MAX_CHUNK_BYTES } from './pack.ts';
import type { KeyGeneration, VaultKeys } from './vault-keys.ts';

export const DESCRIPTOR_NAME = 'holdfast.json';
const FORMAT = 'holdfast-vault-1';

const chunkSize = z.number().int().positive().max(MAX_CHUNK_BYTES);
const chunkingSchema = z
  .strictObject({
    algorithm: z.literal('fastcdc'),
    minBytes: chunkSize.min(64 << 10),
    averageBytes: chunkSize,
    maxBytes: chunkSize,
  })
  .refine((sizes) => sizes.minBytes <= sizes.averageBytes && sizes.averageBytes <= sizes.maxBytes, 'sizes must rise');
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
  /** The newest last: what is new is sealed with it. */
  generations: z
    .array(z.strictObject({ generation: generationSchema, createdAt: z.iso.datetime(), contentPublicKey: base64(32) }))
    .min(1)
    .refine(
      (list) => list.every((one, index) => index === 0 || one.generation > (list[index - 1]?.generation ?? 0)),
      'must rise',
    ),
  keyring: z.array(slotSchema).min(1).max(100),
});
export type VaultDescriptor = z.infer<typeof descriptorSchema>;

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
  const contentPrivateKey = randomBytes(32);
  const keys: KeyGeneration = {
    generation: 1,
    metadataKey: randomBytes(32),
    contentPublicKey: publicKeyOf(contentPrivateKey),
    contentPrivateKey,
  };
  const { createdAt } = options;
  const descriptor: VaultDescriptor = {
    format: FORMAT,
    vaultId,
    createdAt,
    chunking: options.chunking ?? DEFAULT_CHUNKING,
    generations: [{ generation: 1, createdAt, contentPublicKey: keys.contentPublicKey.toString('base64') }],
    keyring: options.slots.map((slot) => makeSlot(vaultId, slot, [keys], randomBytes)),
  };
  return { descriptor, keys: { vaultId, ...keys, earlier: [] } };
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
 * @throws InvalidInputError when the secret opens no slot, or none of the newest generation; IntegrityError when the descriptor was altered.
 */
export function unlockDescriptor(descriptor: VaultDescriptor, secret: Secret): VaultKeys {
  const publicKeys = new Map(
    descriptor.generations.map((one) => [one.generation, Buffer.from(one.contentPublicKey, 'base64')]),
  );
  for (const slot of [...descriptor.keyring].sort((a, b) => (a.kind < b.kind ? -1 : 1))) {
    const opened = openSlot(descriptor.vaultId, slot, secret, publicKeys);
    if (opened !== undefined) return newestFirst(descriptor, opened);
  }
  const held = secret.type === 'passphrase' ? 'this passphrase' : 'this key file';
  throw new InvalidInputError(
    `${held} opens no slot of the keyring of vault ${descriptor.vaultId}; give the passphrase or key file that the vault was made with`,
  );
}

function newestFirst(descriptor: VaultDescriptor, opened: readonly KeyGeneration[]): VaultKeys {
  const newest = opened.find((one) => one.generation === descriptor.generations.at(-1)?.generation);
  if (newest === undefined)
    throw new InvalidInputError(
      `this key is from before the newest key generation of vault ${descriptor.vaultId}; give a key that was kept at the rotation`,
    );
  return { vaultId: descriptor.vaultId, ...newest, earlier: opened.filter((one) => one !== newest) };
}

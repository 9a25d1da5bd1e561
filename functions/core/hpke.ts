/**
 * HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export only: a secret that the sender and the owner of a
 * key pair share, the sender knowing the public key alone.
 */
import { createHmac, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';

// RFC 9180 sections 4.1 and 7: the suite identifiers of X25519 (0x0020), HKDF-SHA256 (0x0001) and export-only (0xffff).
const KEM_SUITE = Buffer.from('KEM\x00\x20', 'latin1');
const HPKE_SUITE = Buffer.from('HPKE\x00\x20\x00\x01\xff\xff', 'latin1');
const EMPTY = Buffer.alloc(0);
// RFC 8410: the DER heads of raw X25519 keys.
const SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex');
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex');

const privateKeyObject = (raw: Buffer): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, raw]), format: 'der', type: 'pkcs8' });
const publicKeyObject = (raw: Buffer): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' });

/** The public key (32 bytes) of a private X25519 key (32 bytes). */
export function publicKeyOf(privateKey: Buffer): Buffer {
  const der = createPublicKey(privateKeyObject(privateKey)).export({ format: 'der', type: 'spki' });
  return Buffer.from(der.subarray(SPKI_HEAD.length));
}

const hmac = (key: Buffer, ...data: readonly Buffer[]): Buffer => {
  const mac = createHmac('sha256', key);
  for (const part of data) mac.update(part);
  return mac.digest();
};

function labeledExtract(suite: Buffer, salt: Buffer, label: string, input: Buffer): Buffer {
  return hmac(salt, Buffer.from('HPKE-v1'), suite, Buffer.from(label), input);
}

/** LabeledExpand for one hash length (32 bytes), which is all that is needed here. */
function labeledExpand(suite: Buffer, key: Buffer, label: string, info: Buffer): Buffer {
  return hmac(key, Buffer.from([0, 32]), Buffer.from('HPKE-v1'), suite, Buffer.from(label), info, Buffer.from([1]));
}

function exportedSecret(
  dh: Buffer,
  encapsulated: Buffer,
  publicKey: Buffer,
  info: Buffer,
  exporterContext: Buffer,
): Buffer {
  const extracted = labeledExtract(KEM_SUITE, EMPTY, 'eae_prk', dh);
  const shared = labeledExpand(KEM_SUITE, extracted, 'shared_secret', Buffer.concat([encapsulated, publicKey]));
  const context = Buffer.concat([
    Buffer.from([0]),
    labeledExtract(HPKE_SUITE, EMPTY, 'psk_id_hash', EMPTY),
    labeledExtract(HPKE_SUITE, EMPTY, 'info_hash', info),
  ]);
  const secret = labeledExtract(HPKE_SUITE, shared, 'secret', EMPTY);
  const exporter = labeledExpand(HPKE_SUITE, secret, 'exp', context);
  return labeledExpand(HPKE_SUITE, exporter, 'sec', exporterContext);
}

/**
 * The sender's side. `ephemeral` is 32 fresh random bytes, used once.
 * @returns the encapsulated key (32 bytes, to be stored) and the secret (32 bytes).
 */
export function sendSecret(
  publicKey: Buffer,
  ephemeral: Buffer,
  info: Buffer,
  exporterContext: Buffer,
): { readonly encapsulated: Buffer; readonly secret: Buffer } {
  const encapsulated = publicKeyOf(ephemeral);
  const dh = diffieHellman({ privateKey: privateKeyObject(ephemeral), publicKey: publicKeyObject(publicKey) });
  return { encapsulated, secret: exportedSecret(dh, encapsulated, publicKey, info, exporterContext) };
}

/** The owner's side: the secret (32 bytes) of an encapsulated key. Throws what OpenSSL throws for a point of small order. */
export function receiveSecret(privateKey: Buffer, encapsulated: Buffer, info: Buffer, exporterContext: Buffer): Buffer {
  const dh = diffieHellman({ privateKey: privateKeyObject(privateKey), publicKey: publicKeyObject(encapsulated) });
  return exportedSecret(dh, encapsulated, publicKeyOf(privateKey), info, exporterContext);
}

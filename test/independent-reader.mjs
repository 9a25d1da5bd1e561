#!/usr/bin/env node
// Restores a snapshot, with its whole chain, from a vault directory. Written from functions/core/FORMAT.md alone: Node's
// built-ins only, nothing of functions/. Usage: node independent-reader.mjs VAULT SNAPSHOT OUT
// The secret comes from HOLDFAST_PASSPHRASE or from the key file named by HOLDFAST_KEY_FILE (holdfast.key here if unset).
import { spawnSync } from 'node:child_process';
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as zlib from 'node:zlib';

if (zlib.zstdDecompressSync === undefined) {
  // zstd came with Node 22.15: an older Node hands over to the one that is installed beside this project.
  const newer = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!fs.existsSync(newer)) fail('this needs Node 22.15 or later');
  process.exit(spawnSync(newer, process.argv.slice(1), { stdio: 'inherit' }).status ?? 1);
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
const [vault, snapshotArgument, out] = process.argv.slice(2);
if (out === undefined) fail('usage: node independent-reader.mjs VAULT SNAPSHOT OUT');
const snapshotId = snapshotArgument.split('@')[0];
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), crypto.createHash('sha256')).digest();
const hex = (bytes) => bytes.toString('hex');
const hkdf = (key, salt, info) => Buffer.from(crypto.hkdfSync('sha256', key, salt, info, 32));

// --- Sealed pieces: AES-256-GCM, nonce = offset in the blob; codec byte, then raw or zstd ---
function decrypt(key, nonce, context, bytes) {
  const decipher = crypto.createDecipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(bytes.length - 16));
  return Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - 16)), decipher.final()]);
}
function unseal(key, offset, kind, sealed) {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(offset), 4);
  const opened = decrypt(key, nonce, kind, sealed);
  return opened[0] === 1 ? zlib.zstdDecompressSync(opened.subarray(1)) : opened.subarray(1);
}

// --- The descriptor and its keyring ---
const descriptor = JSON.parse(fs.readFileSync(join(vault, 'holdfast.json'), 'utf8'));
if (descriptor.format !== 'holdfast-vault-1') fail(`this vault is of format ${descriptor.format}`);
function readSecret() {
  if (process.env.HOLDFAST_PASSPHRASE !== undefined)
    return { type: 'passphrase', bytes: Buffer.from(process.env.HOLDFAST_PASSPHRASE.normalize('NFC')) };
  const text = fs.readFileSync(process.env.HOLDFAST_KEY_FILE ?? 'holdfast.key', 'utf8');
  return { type: 'keyfile', bytes: Buffer.from(/^holdfast-key-1 (\S+)/m.exec(text)?.[1] ?? '', 'base64') };
}
function unwrapSlots(secret) {
  for (const slot of descriptor.keyring.filter((one) => one.type === secret.type && one.kind === 'read')) {
    const salt = Buffer.from(slot.salt, 'base64');
    const wrapping =
      slot.type === 'passphrase'
        ? crypto.scryptSync(secret.bytes, salt, 32, { N: slot.n, r: slot.r, p: slot.p, maxmem: 256 * slot.n * slot.r })
        : hkdf(secret.bytes, salt, 'holdfast/1 key file');
    try {
      return slot.keys.map((keys) => {
        const [metadata, content] = ['metadata', 'content'].map((purpose) => {
          const wrapped = Buffer.from(keys[purpose], 'base64');
          const context = `holdfast/1 slot ${descriptor.vaultId} ${slot.slotId} ${keys.generation} ${purpose}`;
          return decrypt(wrapping, wrapped.subarray(0, 12), context, wrapped.subarray(12));
        });
        return { generation: keys.generation, metadata, content };
      });
    } catch {
      // This slot is another secret's.
    }
  }
  return fail('this secret opens no read slot of the vault');
}
const generations = unwrapSlots(readSecret());
const keysOf = (generation) =>
  generations.find((one) => one.generation === generation) ?? fail(`no key of generation ${generation}`);

// --- HPKE (RFC 9180), base mode, export only: the key of a pack ---
const KEM = Buffer.from('KEM\x00\x20', 'latin1');
const HPKE = Buffer.from('HPKE\x00\x20\x00\x01\xff\xff', 'latin1');
const hmac = (key, ...parts) =>
  parts.reduce((mac, part) => mac.update(part), crypto.createHmac('sha256', key)).digest();
const extract = (suite, salt, label, input) => hmac(salt, 'HPKE-v1', suite, label, input);
const expand = (suite, key, label, info) =>
  hmac(key, Buffer.from([0, 32]), 'HPKE-v1', suite, label, info, Buffer.from([1]));
const der = (type, head, raw) => ({ key: Buffer.concat([Buffer.from(head, 'hex'), raw]), format: 'der', type });
function packKey(generation, encapsulated) {
  const privateObject = crypto.createPrivateKey(
    der('pkcs8', '302e020100300506032b656e04220420', keysOf(generation).content),
  );
  const publicKey = crypto.createPublicKey(privateObject).export({ format: 'der', type: 'spki' }).subarray(12);
  const peer = crypto.createPublicKey(der('spki', '302a300506032b656e032100', encapsulated));
  const dh = crypto.diffieHellman({ privateKey: privateObject, publicKey: peer });
  const secret = extract(KEM, '', 'eae_prk', dh);
  const shared = expand(KEM, secret, 'shared_secret', Buffer.concat([encapsulated, publicKey]));
  const info = `holdfast/1 pack ${descriptor.vaultId}`;
  const hashes = [extract(HPKE, '', 'psk_id_hash', ''), extract(HPKE, '', 'info_hash', info)];
  const context = Buffer.concat([Buffer.from([0]), ...hashes]);
  const exporter = expand(HPKE, extract(HPKE, shared, 'secret', ''), 'exp', context);
  return expand(HPKE, exporter, 'sec', 'holdfast/1 pack key');
}

// --- Segments and manifests: frames ---
function* frames(kind, magic, blob) {
  if (blob.toString('latin1', 0, 5) !== `${magic}\x01`) fail(`a ${kind} does not begin as one`);
  const { metadata } = keysOf(blob[5]);
  const key = hkdf(metadata, blob.subarray(6, 38), `holdfast/1 ${kind} ${descriptor.vaultId}`);
  for (let at = 38; at < blob.length; ) {
    const end = at + 4 + blob.readUInt32BE(at);
    yield unseal(key, at + 4, end === blob.length ? 'last frame' : 'frame', blob.subarray(at + 4, end));
    at = end;
  }
}
function named(folder, id) {
  const blob = fs.readFileSync(join(vault, folder, id.slice(0, 2), id));
  if (hex(sha256(blob)) !== id) fail(`${folder}/${id} is damaged`);
  return blob;
}
function readManifest(id) {
  const sourceId = fs
    .readdirSync(join(vault, 'manifests'))
    .find((one) => fs.existsSync(join(vault, 'manifests', one, id)));
  if (sourceId === undefined) fail(`there is no snapshot ${id} in ${vault}`);
  const blob = fs.readFileSync(join(vault, 'manifests', sourceId, id));
  return JSON.parse(Buffer.concat([...frames('manifest', 'HFMF', blob)]).toString());
}
function* readSegment(id) {
  let held;
  for (const frame of frames('segment', 'HFSG', named('segments', id))) {
    const { packs, chunks, entries } = JSON.parse(frame.toString());
    const locate = (extents) =>
      extents.map(([index, offset, length]) => ({ chunk: chunks[index], packs, offset, length }));
    for (const [key, second, attributes, hash, sizeBytes, extents] of entries) {
      if (Array.isArray(second)) {
        held.extents.push(...locate(second));
        continue;
      }
      if (held !== undefined) yield held;
      held =
        second === undefined ? { key, removed: true } : { key, attributes, hash, sizeBytes, extents: locate(extents) };
    }
  }
  if (held !== undefined) yield held;
}

// --- The root: leaves grouped where a leaf begins with a zero byte ---
const canonical = (value) => {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
};
function checkRoot(manifest, entries) {
  const groups = [];
  let open = [];
  for (const entry of entries) {
    const { key, attributes, hash, sizeBytes, removed } = entry;
    const leaf = sha256(Buffer.from([0]), canonical(removed ? [key] : [key, attributes, hash, sizeBytes]));
    open.push(leaf);
    if (leaf[0] !== 0) continue;
    groups.push(sha256(Buffer.from([1]), ...open));
    open = [];
  }
  if (open.length > 0) groups.push(sha256(Buffer.from([1]), ...open));
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(entries.length));
  if (hex(sha256(Buffer.from([2]), count, ...groups)) !== manifest.root)
    fail(`snapshot ${manifest.snapshotId}: the entries are not those of its root`);
}

// --- Contents ---
let lastPack;
let lastChunk;
function readChunk(packs, [index, chunkId, offset, sealedBytes]) {
  const pack = packs[index];
  if (lastChunk?.chunkId === chunkId) return lastChunk.plain;
  if (lastPack?.id !== pack) {
    const blob = named('packs', pack);
    if (blob.toString('latin1', 0, 5) !== 'HFPK\x01') fail(`pack ${pack} does not begin as one`);
    lastPack = { id: pack, blob, key: packKey(blob[5], blob.subarray(6, 38)) };
  }
  const plain = unseal(lastPack.key, offset, 'chunk', lastPack.blob.subarray(offset, offset + sealedBytes));
  if (hex(sha256(plain)) !== chunkId) fail(`chunk ${chunkId} of pack ${pack} is damaged`);
  lastChunk = { chunkId, plain };
  return plain;
}
function contentOf(entry) {
  const parts = entry.extents.map((one) =>
    readChunk(one.packs, one.chunk).subarray(one.offset, one.offset + one.length),
  );
  const content = Buffer.concat(parts);
  if (hex(sha256(content)) !== entry.hash) fail(`the content of ${JSON.stringify(entry.key)} is not as its hash says`);
  return content;
}

// --- The chain, merged: the newest record of a key wins ---
const manifest = readManifest(snapshotId);
const state = new Map();
for (const id of manifest.chain) {
  const member = readManifest(id);
  const entries = member.segments.flatMap((segment) => [...readSegment(segment.id)]);
  checkRoot(member, entries);
  for (const entry of entries) state.set(entry.key, entry);
}

// --- Writing back: directories first, their modes and times last ---
const root = Buffer.from(`${out}/`);
const seconds = (nanoseconds) =>
  Number(BigInt(nanoseconds) / 1_000_000_000n) + Number(BigInt(nanoseconds) % 1_000_000_000n) / 1e9;
const isRoot = process.getuid?.() === 0;
const directories = [];
let left = 0;
fs.mkdirSync(out, { recursive: true });
if (fs.readdirSync(out).length > 0) fail(`${out} is not empty; name a new folder`);
for (const entry of [...state.values()].filter((one) => !one.removed).sort((a, b) => (a.key < b.key ? -1 : 1))) {
  const parts = entry.key.replace(/\/$/, '').split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    process.stderr.write(`a disk cannot hold ${JSON.stringify(entry.key)}; it was left out\n`);
    left += 1;
    continue;
  }
  const path = Buffer.concat([root, Buffer.from(parts.join('/'), 'latin1')]);
  fs.mkdirSync(Buffer.from(dirname(path.toString('latin1')), 'latin1'), { recursive: true });
  const { type, mode, mtimeNs, uid, gid, targetBase64 } = entry.attributes;
  if (type === 'directory' || entry.key.endsWith('/')) {
    fs.mkdirSync(path, { recursive: true });
    if (mode !== undefined) directories.push({ path, mode, mtimeNs, uid, gid });
    continue;
  }
  if (type === 'symlink') fs.symlinkSync(Buffer.from(targetBase64, 'base64'), path);
  else fs.writeFileSync(path, contentOf(entry), { flag: 'wx' });
  if (mode === undefined) continue;
  if (isRoot) fs.lchownSync(path, uid, gid);
  if (type === 'file') fs.chmodSync(path, mode);
  fs.lutimesSync(path, seconds(mtimeNs), seconds(mtimeNs));
}
const own = manifest.sourceSettings.root;
if (own) directories.unshift({ path: Buffer.from(out), ...own });
for (const { path, mode, mtimeNs, uid, gid } of directories.reverse()) {
  if (isRoot && uid !== undefined) fs.lchownSync(path, uid, gid);
  fs.utimesSync(path, seconds(mtimeNs), seconds(mtimeNs));
  fs.chmodSync(path, mode);
}
process.stdout.write(`restored snapshot ${snapshotId} (a chain of ${manifest.chain.length}) into ${out}\n`);
if (left > 0) process.exit(3);

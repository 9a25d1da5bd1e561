import { describe, expect, it } from 'vitest';
import { publicKeyOf, receiveSecret, sendSecret } from '../../functions/core/hpke.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

// RFC 9180, appendix A.7.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export-only, base mode.
const INFO = hex('4f6465206f6e2061204772656369616e2055726e');
const EPHEMERAL = hex('095182b502f1f91f63ba584c7c3ec473d617b8b4c2cec3fad5af7fa6748165ed');
const PRIVATE = hex('33d196c830a12f9ac65d6e565a590d80f04ee9b19c83c87f2c170d972a812848');
const PUBLIC = hex('194141ca6c3c3beb4792cd97ba0ea1faff09d98435012345766ee33aae2d7664');
const ENCAPSULATED = hex('e5e8f9bfff6c2f29791fc351d2c25ce1299aa5eaca78a757c0b4fb4bcd830918');
const EXPORTS = [
  ['', '7a36221bd56d50fb51ee65edfd98d06a23c4dc87085aa5866cb7087244bd2a36'],
  ['00', 'd5535b87099c6c3ce80dc112a2671c6ec8e811a2f284f948cec6dd1708ee33f0'],
  ['54657374436f6e74657874', 'ffaabc85a776136ca0c378e5d084c9140ab552b78f039d2e8775f26efff4c70e'],
] as const;

describe('HPKE', () => {
  it('derives the public key of the RFC', () => {
    expect(publicKeyOf(PRIVATE)).toEqual(PUBLIC);
  });

  it.each(EXPORTS)('exports the secret of the RFC for context "%s", on both sides', (context, secret) => {
    const sent = sendSecret(PUBLIC, EPHEMERAL, INFO, hex(context));
    expect(sent.encapsulated).toEqual(ENCAPSULATED);
    expect(sent.secret).toEqual(hex(secret));
    expect(receiveSecret(PRIVATE, ENCAPSULATED, INFO, hex(context))).toEqual(hex(secret));
  });

  it('gives another secret for another info', () => {
    expect(receiveSecret(PRIVATE, ENCAPSULATED, Buffer.from('other'), hex(''))).not.toEqual(hex(EXPORTS[0][1]));
  });
});

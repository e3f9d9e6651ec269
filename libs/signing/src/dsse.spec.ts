import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromBase64, toBase64 } from './base64.js';
import {
  generateSigningKey,
  keyFingerprintOf,
  verifyStatement,
  preAuthEncoding,
  signStatement,
  signerFrom,
  type Signer,
} from './dsse.js';
import { envelopeSchema, type Envelope, parse, CodedError } from '@koinon/contracts';
import { vectors } from './vectors.fixture.js';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
/** PKCS #8 of an Ed25519 seed (RFC 8410 section 7). */
const pkcs8 = (seedHex: string): Uint8Array => hex(`302e020100300506032b657004220420${seedHex}`);

const TYPE = 'application/vnd.test.v1+json';
const schema = z.strictObject({ site: z.string(), n: z.int() });
const statement = { site: 'a', n: 1 };

async function freshSigner(): Promise<Signer> {
  const { pkcs8: key, publicKey } = await generateSigningKey();
  return signerFrom(key, publicKey);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof CodedError ? error.code : String(error)),
  );
}

describe('Ed25519 against RFC 8032', () => {
  interface Input {
    readonly secret_key_hex?: string;
    readonly public_key_hex?: string;
    readonly message_hex: string;
    readonly signature_hex?: string;
  }
  interface Expected {
    readonly public_key_hex?: string;
    readonly signature_hex?: string;
    readonly valid: boolean;
  }
  const known = vectors<Input, Expected>('ed25519.json');

  it.each(known.filter((v) => v.input.secret_key_hex))('signs $name', async ({ input, expected }) => {
    const publicKey = toBase64(hex(expected.public_key_hex!));
    const signer = await signerFrom(pkcs8(input.secret_key_hex!), publicKey);
    expect(Buffer.from(await signer.sign(hex(input.message_hex))).toString('hex')).toBe(expected.signature_hex);
    expect(signer.keyFingerprint).toBe(await keyFingerprintOf(publicKey));
  });
});

describe('DSSE against the protocol', () => {
  interface Input {
    readonly payload_type: string;
    readonly payload_utf8?: string;
    readonly statement?: unknown;
    readonly secret_key_hex?: string;
  }
  interface Expected {
    readonly pae?: string;
    readonly payload_b64: string;
    readonly signature_b64?: string;
  }
  const known = vectors<Input, Expected>('dsse.json');

  it.each(known.filter((v) => v.expected.pae !== undefined))('encodes $name', ({ input, expected }) => {
    const encoded = preAuthEncoding(input.payload_type, new TextEncoder().encode(input.payload_utf8));
    expect(new TextDecoder().decode(encoded)).toBe(expected.pae);
  });

  it('counts bytes, not characters', () => {
    expect(new TextDecoder().decode(preAuthEncoding('é', new TextEncoder().encode('é')))).toBe('DSSEv1 2 é 2 é');
  });

  it('signs the in-toto statement as another implementation does', async () => {
    const { input, expected } = known.find((v) => v.expected.signature_b64)!;
    const publicKey = toBase64(hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'));
    const envelope = await signStatement(
      input.payload_type,
      input.statement,
      await signerFrom(pkcs8(input.secret_key_hex!), publicKey),
    );
    expect(envelope.payload).toBe(expected.payload_b64);
    expect(envelope.signatures).toEqual([{ keyid: await keyFingerprintOf(publicKey), sig: expected.signature_b64 }]);
    expect(await verifyStatement(envelope, input.payload_type, z.unknown(), publicKey)).toEqual(input.statement);
  });
});

describe('verifyStatement', () => {
  const signed = async (signer: Signer): Promise<Envelope> => signStatement(TYPE, statement, signer);

  it('gives back what was signed', async () => {
    const signer = await freshSigner();
    expect(await verifyStatement(await signed(signer), TYPE, schema, signer.publicKey)).toEqual(statement);
  });

  it('refuses every single flipped bit of payload and signature', async () => {
    const signer = await freshSigner();
    const envelope = await signed(signer);
    const payload = fromBase64(envelope.payload);
    const sig = fromBase64(envelope.signatures[0]!.sig);
    const flip = (bytes: Uint8Array, bit: number) =>
      toBase64(bytes.map((b, i) => (i === bit >> 3 ? b ^ (1 << (bit & 7)) : b)));
    for (let bit = 0; bit < 8 * payload.length; bit += 7) {
      expect(
        await codeOf(verifyStatement({ ...envelope, payload: flip(payload, bit) }, TYPE, schema, signer.publicKey)),
      ).toBe('SIGNATURE_INVALID');
    }
    for (let bit = 0; bit < 512; bit += 11) {
      const signatures = [{ keyid: signer.keyFingerprint, sig: flip(sig, bit) }];
      expect(await codeOf(verifyStatement({ ...envelope, signatures }, TYPE, schema, signer.publicKey))).toBe(
        'SIGNATURE_INVALID',
      );
    }
  });

  it('refuses another key, another type, and a type swapped in the envelope', async () => {
    const signer = await freshSigner();
    const envelope = await signed(signer);
    expect(await codeOf(verifyStatement(envelope, TYPE, schema, (await freshSigner()).publicKey))).toBe(
      'SIGNATURE_INVALID',
    );
    expect(await codeOf(verifyStatement(envelope, 'application/other', schema, signer.publicKey))).toBe(
      'SIGNATURE_INVALID',
    );
    expect(
      await codeOf(
        verifyStatement(
          { ...envelope, payloadType: 'application/other' },
          'application/other',
          schema,
          signer.publicKey,
        ),
      ),
    ).toBe('SIGNATURE_INVALID');
  });

  it('checks the schema behind the signature', async () => {
    const signer = await freshSigner();
    const envelope = await signStatement(TYPE, { ...statement, extra: true }, signer);
    expect(await codeOf(verifyStatement(envelope, TYPE, schema, signer.publicKey))).toBe('REQUEST_INVALID');
  });

  it.each([
    ['a payload with bits behind its last byte', { payload: 'QR==' }],
    ['a signature with bits behind its last byte', { signatures: [{ keyid: 'k', sig: 'QR==' }] }],
    ['a signature of another length', { signatures: [{ keyid: 'k', sig: 'QUJD' }] }],
    ['an empty signature', { signatures: [{ keyid: 'k', sig: '' }] }],
  ])('answers with a code to %s, which the envelope schema lets through', async (_, part) => {
    const signer = await freshSigner();
    const envelope = { ...(await signed(signer)), ...part };
    expect(envelopeSchema.safeParse(envelope).success).toBe(true);
    expect(await codeOf(verifyStatement(envelope, TYPE, schema, signer.publicKey))).toBe('SIGNATURE_INVALID');
  });

  it('answers with a code to a public key that is none', async () => {
    const signer = await freshSigner();
    const envelope = await signed(signer);
    for (const key of ['QUJD', toBase64(new Uint8Array(33)), 'no base64 at all']) {
      expect(await codeOf(verifyStatement(envelope, TYPE, schema, key))).toBe('SIGNATURE_INVALID');
    }
  });

  it('answers with a code to signed bytes that are no JSON or no UTF-8', async () => {
    const signer = await freshSigner();
    for (const payload of [new TextEncoder().encode('{"site":'), Uint8Array.of(0xff, 0xfe)]) {
      const sig = await signer.sign(preAuthEncoding(TYPE, payload));
      const envelope = {
        payloadType: TYPE,
        payload: toBase64(payload),
        signatures: [{ keyid: signer.keyFingerprint, sig: toBase64(sig) }],
      };
      expect(await codeOf(verifyStatement(envelope, TYPE, schema, signer.publicKey))).toBe('REQUEST_INVALID');
    }
  });
});

describe('a signed payload that is not canonical', () => {
  const open = async (text: string): Promise<string> => {
    const signer = await freshSigner();
    const payload = new TextEncoder().encode(text);
    const sig = await signer.sign(preAuthEncoding(TYPE, payload));
    return codeOf(
      verifyStatement(
        {
          payloadType: TYPE,
          payload: toBase64(payload),
          signatures: [{ keyid: signer.keyFingerprint, sig: toBase64(sig) }],
        },
        TYPE,
        z.unknown(),
        signer.publicKey,
      ),
    );
  };

  it.each([
    ['a name twice', '{"n":1,"n":2,"site":"a"}'],
    ['a name twice with one value', '{"n":1,"n":1,"site":"a"}'],
    ['names in another order', '{"site":"a","n":1}'],
    ['white space', '{"n": 1,"site":"a"}'],
    ['a newline behind it', '{"n":1,"site":"a"}\n'],
    ['a byte order mark', '\ufeff{"n":1,"site":"a"}'],
    ['a number in another form', '{"n":1.0,"site":"a"}'],
    ['an exponent', '{"n":1e0,"site":"a"}'],
    ['minus zero', '{"n":-0,"site":"a"}'],
    ['an escape that is not needed', '{"n":1,"site":"\\u0061"}'],
    ['digits that no double holds', '{"n":9007199254740993,"site":"a"}'],
    ['a number that overflows', '{"n":1e999,"site":"a"}'],
    ['a name that JSON.parse would hide', '{"__proto__":1,"__proto__":2}'],
  ])('is refused: %s', async (_, text) => {
    expect(await open(text)).toBe('REQUEST_INVALID');
  });

  it('is what it is because of its bytes: canonical ones open', async () => {
    for (const text of ['{"n":1,"site":"a"}', '[]', '"é"', '{"__proto__":1}', '{"n":0.1,"site":"\\n"}'])
      expect(await open(text)).toBe('nothing was thrown');
  });
});

describe('envelopeSchema', () => {
  const envelope = { payloadType: TYPE, payload: 'QUJD', signatures: [{ keyid: 'k', sig: 'QUJD' }] };

  it.each([
    ['no signature', { ...envelope, signatures: [] }],
    ['two signatures', { ...envelope, signatures: [envelope.signatures[0], envelope.signatures[0]] }],
    ['a payload that is not base64', { ...envelope, payload: '***' }],
    ['a long type', { ...envelope, payloadType: 'x'.repeat(201) }],
  ])('refuses %s', (_, value) => {
    expect(envelopeSchema.safeParse(envelope).success).toBe(true);
    expect(envelopeSchema.safeParse(value).success).toBe(false);
  });
});

describe('parse', () => {
  it('names every field and repeats no value', () => {
    const secret = 'hunter2-hunter2';
    try {
      parse(z.strictObject({ a: z.object({ b: z.int() }), c: z.string().max(3) }), { a: { b: secret }, c: secret });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'REQUEST_INVALID', issues: [{ path: 'a.b' }, { path: 'c' }] });
      expect(JSON.stringify(error)).not.toContain(secret);
    }
  });
});

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SealedBox, type SealedBoxContext } from './sealed-box.js';

const context: SealedBoxContext = { headerSha256: 'ab'.repeat(32), step: 'deal', from: 'basel', to: 'hungary' };
const body = new Uint8Array(randomBytes(1000));
const newBox = async () => SealedBox.from(await SealedBox.generateKey());
const refused = { code: 'SIGNATURE_INVALID', detail: expect.stringContaining('basel') };

describe('a sealed message', () => {
  it('opens for its recipient, also after the keys came back from disk', async () => {
    const key = await SealedBox.generateKey();
    const sealed = await SealedBox.seal(key.publicKey, body, context);
    expect(await (await SealedBox.from(key)).unseal(sealed, context)).toEqual(body);
    expect(await (await SealedBox.from(structuredClone(key))).unseal(new Uint8Array(sealed), context)).toEqual(body);
  });

  it('is 32 bytes of encapsulated key and 16 of tag longer, and never twice the same (RFC 9180 section 4.1)', async () => {
    const box = await newBox();
    const [one, two] = [
      await SealedBox.seal(box.publicKey, body, context),
      await SealedBox.seal(box.publicKey, body, context),
    ];
    expect(one).toHaveLength(32 + body.length + 16);
    expect(Buffer.compare(one.subarray(0, 32), two.subarray(0, 32))).not.toBe(0);
    expect(Buffer.compare(one.subarray(32), two.subarray(32))).not.toBe(0);
    expect(Buffer.from(one).includes(Buffer.from(body.subarray(0, 16)))).toBe(false);
  });

  it('does not open for another recipient', async () => {
    const [right, wrong] = [await newBox(), await newBox()];
    const sealed = await SealedBox.seal(right.publicKey, body, context);
    await expect(wrong.unseal(sealed, context)).rejects.toMatchObject(refused);
  });

  it.each(Object.keys(context))('does not open in another place: %s', async (field) => {
    const box = await newBox();
    const sealed = await SealedBox.seal(box.publicKey, body, context);
    await expect(
      box.unseal(sealed, { ...context, [field]: `${context[field as keyof SealedBoxContext]}x` }),
    ).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('does not open with any bit changed, cut short or made longer', async () => {
    const box = await newBox();
    const sealed = await SealedBox.seal(box.publicKey, body.subarray(0, 40), context);
    for (let at = 0; at < sealed.length; at++) {
      const changed = new Uint8Array(sealed);
      changed[at]! ^= 1 << (at % 8);
      // X25519 ignores the highest bit of a key; the transcript of the encapsulation does not (RFC 9180 section 4.1).
      await expect(box.unseal(changed, context), `byte ${at}`).rejects.toMatchObject(refused);
    }
    for (const bytes of [
      sealed.subarray(0, 0),
      sealed.subarray(0, 31),
      sealed.subarray(0, 32),
      sealed.subarray(0, -1),
      Buffer.concat([sealed, Buffer.alloc(1)]),
    ]) {
      await expect(box.unseal(bytes, context)).rejects.toMatchObject(refused);
    }
  });

  it('takes a view into a larger buffer for what it shows, no more', async () => {
    const box = await newBox();
    const buffer = new Uint8Array(randomBytes(64));
    const sealed = await SealedBox.seal(box.publicKey, buffer.subarray(8, 24), context);
    expect([...(await box.unseal(Buffer.concat([Buffer.alloc(5), sealed]).subarray(5), context))]).toEqual([
      ...buffer.subarray(8, 24),
    ]);
  });
});

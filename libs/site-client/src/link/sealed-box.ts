/** HPKE (RFC 9180) base mode with X25519, HKDF-SHA256 and AES-256-GCM: how shares travel through the coordinator. */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { CodedError } from '@koinon/contracts';
import { canonicalBytes, fromBase64, toBase64 } from '@koinon/signing';

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const INFO = new TextEncoder().encode('koinon/ceremony/v1');
/** Bytes of the encapsulated X25519 key in front of the ciphertext. */
const ENC_BYTES = 32;

/** What a sealed message is about; it unseals in no other place. */
export interface SealedBoxContext {
  readonly headerSha256: string;
  readonly step: string;
  readonly from: string;
  readonly to: string;
}

export interface SealingKey {
  readonly publicKey: string;
  readonly privateKey: string;
}

export class SealedBox {
  private constructor(
    readonly publicKey: string,
    private readonly privateKey: CryptoKey,
  ) {}

  static async generateKey(): Promise<SealingKey> {
    const pair = await suite.kem.generateKeyPair();
    const raw = async (bytes: Promise<ArrayBuffer>) => toBase64(new Uint8Array(await bytes));
    return {
      publicKey: await raw(suite.kem.serializePublicKey(pair.publicKey)),
      privateKey: await raw(suite.kem.serializePrivateKey(pair.privateKey)),
    };
  }

  static async from({ publicKey, privateKey }: SealingKey): Promise<SealedBox> {
    return new SealedBox(publicKey, await suite.kem.deserializePrivateKey(fromBase64(privateKey).buffer));
  }

  /** @returns enc ‖ ciphertext */
  static async seal(recipient: string, body: Uint8Array, context: SealedBoxContext): Promise<Uint8Array> {
    const recipientPublicKey = await suite.kem.deserializePublicKey(fromBase64(recipient).buffer);
    const { ct, enc } = await suite.seal(
      { recipientPublicKey, info: INFO },
      copy(body),
      canonicalBytes({ ...context }),
    );
    return Buffer.concat([new Uint8Array(enc), new Uint8Array(ct)]);
  }

  /** @throws CodedError SIGNATURE_INVALID naming the sender when the message was not sealed for this place */
  async unseal(sealed: Uint8Array, context: SealedBoxContext): Promise<Uint8Array> {
    try {
      const enc = copy(sealed.subarray(0, ENC_BYTES));
      const opened = await suite.open(
        { recipientKey: this.privateKey, enc, info: INFO },
        copy(sealed.subarray(ENC_BYTES)),
        canonicalBytes({ ...context }),
      );
      return new Uint8Array(opened);
    } catch {
      throw new CodedError('SIGNATURE_INVALID', `a sealed message of ${context.from} does not unseal`);
    }
  }
}

/** A buffer of its own: behind a Buffer may be a pool that others write to. */
const copy = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

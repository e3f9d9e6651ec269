import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

const SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex');
const INFO = 'test/sealed-box';

/** What sites send each other through the coordinator must be sealed; how is their own affair, so the tests have their own box. */
export class TestBox {
  readonly publicKey: string;
  private readonly privateKey: KeyObject;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    this.privateKey = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    this.publicKey = rawOf(publicKey).toString('base64');
  }

  static seal(recipient: string, body: Uint8Array): Uint8Array {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    const cipher = createCipheriv('aes-256-gcm', keyFor(privateKey, publicKeyOf(recipient)), Buffer.alloc(12));
    return Buffer.concat([rawOf(publicKey), cipher.update(body), cipher.final(), cipher.getAuthTag()]);
  }

  unseal(sealed: Uint8Array): Uint8Array {
    const sender = publicKeyOf(Buffer.from(sealed.subarray(0, 32)).toString('base64'));
    const decipher = createDecipheriv('aes-256-gcm', keyFor(this.privateKey, sender), Buffer.alloc(12));
    decipher.setAuthTag(sealed.subarray(-16));
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(32, -16)), decipher.final()]));
  }
}

const rawOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' }).subarray(-32);
const publicKeyOf = (raw: string): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI_HEAD, Buffer.from(raw, 'base64')]), format: 'der', type: 'spki' });
const keyFor = (privateKey: KeyObject, publicKey: KeyObject): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', diffieHellman({ privateKey, publicKey }), '', INFO, 32));

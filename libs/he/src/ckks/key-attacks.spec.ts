import { describe, expect, it } from 'vitest';
import type { CeremonyMessage } from '../scheme.js';
import { ckksAttacker } from '../testing/ckks-attacker.js';
import { Federation, expectCode } from '../testing/federation.js';
import { PREFIX_BYTES, toWords } from '../wire.js';
import { DEGREE } from './parameters.js';
import { prove } from './proof-of-possession.js';
import { PublicKeyProtocol } from './public-key-protocol.js';

const { header, keyPair, loaded, opensWith, packing, random, rings, sampler, testWords } = await ckksAttacker();

/** Each attack first works on a protocol without the defence (a control), then fails on ours. */
describe('attacks on the collective key of threshold CKKS', () => {
  it("rogue key: whoever cancels the others' shares could decrypt alone, but neither commits nor proves", () => {
    const { key } = rings;
    const protocol = new PublicKeyProtocol(key, header);
    const a = protocol.common;
    const federation = new Federation(loaded, header);
    federation.step('commit');
    federation.step('reveal');
    const honest = federation.messages
      .filter(({ step, from }) => step === 'reveal' && from !== 'hospital-3')
      .map(({ body }) => toWords(body.slice(PREFIX_BYTES + 32, PREFIX_BYTES + 32 + 3 * DEGREE * 8)));
    const own = keyPair(a);
    const rogue = honest.reduce((b, other) => key.subtract(b, other), own.b);
    const collective = honest.reduce((b, other) => key.add(b, other), rogue);
    using encryptor = sampler.zeroEncryptor(collective, a);
    const zero = encryptor.next();
    const c0 = rings.data.add(zero.subarray(0, 2 * DEGREE), packing.encode(rings.data, Uint32Array.of(1234)));
    expect(opensWith(c0, zero.slice(2 * DEGREE), own.secret)[0]).toBe(1234);

    const replace = (changes: Partial<Record<string, Uint8Array>>): CeremonyMessage[] =>
      federation.messages.map((message) =>
        message.from === 'hospital-3' ? { ...message, body: changes[message.step] ?? message.body } : message,
      );
    const borrowed = prove(key, { a, b: own.b, context: protocol.contextOf(2) }, own.secret, own.error, testWords);
    const late = protocol.reveal(random.bytes(32), rogue, borrowed);
    expectCode(
      'COMMITMENT_BROKEN',
      () => federation.site(0).runDkgStep('deal', replace({ reveal: late })),
      'hospital-3',
    );
    // Even a commitment made in time by breaking the order of the ceremony needs a proof.
    using early = new Federation(loaded, header);
    early.step('commit');
    const inbox = early
      .inbox(0)
      .map((message) => (message.from === 'hospital-3' ? { ...message, body: protocol.commitment(2, late) } : message));
    early.site(0).runDkgStep('reveal', inbox);
    const others = ['hospital-1', 'hospital-2'].map((_, i) =>
      early.site(i === 0 ? 1 : 2).runDkgStep('reveal', early.inbox(i + 1)),
    );
    const reveals = [
      ...inbox,
      ...others.flat().filter(({ from }) => from === 'hospital-2'),
      { step: 'reveal', from: 'hospital-3', body: late },
    ];
    expectCode('PROOF_REJECTED', () => early.site(0).runDkgStep('deal', reveals), 'hospital-3');
    federation[Symbol.dispose]();
  });

  it('a proof of possession binds statement, site, epoch and every byte', () => {
    const { key } = rings;
    const protocol = new PublicKeyProtocol(key, header);
    const a = protocol.common;
    const own = keyPair(a);
    const other = keyPair(a);
    const reveal = (index: number, proof: Uint8Array, b = own.b): CeremonyMessage[] => {
      using federation = new Federation(loaded, header);
      federation.step('commit');
      const body = protocol.reveal(random.bytes(32), b, proof);
      federation.messages[2] = { step: 'commit', from: 'hospital-3', body: protocol.commitment(index, body) };
      federation.site(0).runDkgStep('reveal', federation.inbox(0));
      const two = federation.site(1).runDkgStep('reveal', federation.inbox(1));
      return federation
        .site(0)
        .runDkgStep('deal', [...federation.inbox(0), ...two, { step: 'reveal', from: 'hospital-3', body }]);
    };
    const good = prove(key, { a, b: own.b, context: protocol.contextOf(2) }, own.secret, own.error, testWords);
    expect(reveal(2, good)).toHaveLength(2);
    expectCode('COMMITMENT_BROKEN', () => reveal(1, good), 'hospital-3');
    expectCode('PROOF_REJECTED', () => reveal(2, good, other.b), 'hospital-3');
    const forAnother = prove(key, { a, b: own.b, context: protocol.contextOf(1) }, own.secret, own.error, testWords);
    expectCode('PROOF_REJECTED', () => reveal(2, forAnother), 'hospital-3');
    for (const at of [0, 40, good.length - 2]) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      expectCode('PROOF_REJECTED', () => reveal(2, bad), 'hospital-3');
    }
    expectCode('PROOF_REJECTED', () => reveal(2, good.slice().fill(0x7f, 32)), 'hospital-3');
  });
});

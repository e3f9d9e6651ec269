import { describe, expect, it } from 'vitest';
import { confirmedTranscript } from '../index.js';
import { PREFIX_BYTES, concat } from '../wire.js';
import type { Context } from './context.js';
import { Federation, errorOf, expectCode, plainSum } from './federation.js';
import { corrupt } from './random.js';

/** Key ceremonies: order, dropouts, corruption, equivocation, restarts. */
export function describeCeremony({ loaded, header, random, vectors, keyShareBytes }: Context): void {
  describe('a site that is killed', () => {
    it('goes on from saved state after any step', () => {
      using federation = new Federation(loaded(), header(3, 2));
      for (const step of loaded().scheme.dkgSteps) {
        federation.header.roster.forEach((_, i) => federation.restart(i));
        federation.step(step);
      }
      federation.header.roster.forEach((_, i) => federation.restart(i));
      const values = vectors([0, 1, 2], 40, 16);
      const sum = federation.sumOf(0, values);
      federation.header.roster.forEach((_, i) => federation.restart(i));
      expect(federation.decrypt(sum).subarray(0, 40)).toEqual(plainSum(values.values(), 40));
    });

    it('posts the same bytes when it repeats a step after the first', () => {
      using federation = new Federation(loaded(), header(3, 2));
      loaded().scheme.dkgSteps.forEach((step, at) => {
        const before = federation.site(0).save();
        if (at > 0) {
          const inbox = federation.inbox(0);
          const once = federation.site(0).runDkgStep(step, inbox);
          federation.restart(0, before);
          const twice = federation.site(0).runDkgStep(step, inbox);
          expect(twice).toEqual(once);
          federation.restart(0, before);
        }
        federation.step(step);
      });
    });

    it('makes the same decryption share of the same sum again, and none of another', () => {
      using federation = Federation.ready(loaded(), header(3, 2));
      const sum = federation.sumOf(0, vectors([0, 1, 2], 10, 16));
      const before = federation.site(0).save();
      const share = federation.site(0).decryptionShare(sum);
      expectCode('DECRYPTION_SHARE_ALREADY_MADE', () => federation.site(0).decryptionShare(sum));
      const after = federation.site(0).save();
      federation.restart(0, before);
      expect(federation.site(0).decryptionShare(sum)).toEqual(share);
      federation.restart(0, after);
      expectCode('DECRYPTION_SHARE_ALREADY_MADE', () => federation.site(0).decryptionShare(sum));
    });

    it('keeps no secret once it helped to decrypt every sum of the epoch', () => {
      using federation = Federation.ready(loaded(), header(3, 2));
      const sums = [0, 1].map((index) => federation.sumOf(index, vectors([0, 1, 2], 10, 16)));
      const sizes = sums.map((sum) => {
        federation.site(0).decryptionShare(sum);
        return federation.site(0).save().length;
      });
      // The root of what is derived, and the key share.
      expect(sizes[0]! - sizes[1]!).toBe(32 + keyShareBytes);
      federation.restart(0);
      for (const sum of sums)
        expectCode('DECRYPTION_SHARE_ALREADY_MADE', () => federation.site(0).decryptionShare(sum));
    });

    it('refuses damaged state and state of others', () => {
      using federation = Federation.ready(loaded(), header(3, 2));
      const state = federation.site(0).save();
      for (let trial = 0; trial < 40; trial++) {
        const bad = state.slice();
        const at = random.below(bad.length);
        bad[at] = (bad[at] ?? 0) ^ (1 << random.below(8));
        expectCode('STATE_INVALID', () => loaded().site.restore(federation.header, 'hospital-1', bad));
      }
      expectCode('STATE_INVALID', () => loaded().site.restore(federation.header, 'hospital-1', state.slice(0, -1)));
      expectCode('STATE_INVALID', () => loaded().site.restore(federation.header, 'hospital-1', new Uint8Array(0)));
      expectCode('STATE_INVALID', () => loaded().site.restore(federation.header, 'hospital-2', state));
      expectCode('STATE_INVALID', () =>
        loaded().site.restore({ ...federation.header, keyEpochId: 'epoch-2' }, 'hospital-1', state),
      );
    });
  });

  describe('ceremony', () => {
    it('refuses a step out of turn and sums before the end', () => {
      using federation = new Federation(loaded(), header(2, 2));
      const [first = '', second = ''] = loaded().scheme.dkgSteps;
      expectCode('STEP_OUT_OF_ORDER', () => federation.site(0).runDkgStep(second, []));
      expectCode('STEP_OUT_OF_ORDER', () => federation.site(0).runDkgStep('unknown', []));
      expectCode('STEP_OUT_OF_ORDER', () => federation.site(0).encrypt(0, Uint32Array.of(1)));
      federation.step(first);
      expectCode('STEP_OUT_OF_ORDER', () => federation.site(0).runDkgStep(first, federation.inbox(0)));
    });

    it('names the site whose message of any step is missing, doubled or malformed, and goes on once it is right', () => {
      using federation = new Federation(loaded(), header(3, 2));
      loaded().scheme.dkgSteps.forEach((step, at) => {
        const earlier = loaded().scheme.dkgSteps[at - 1];
        const inbox = federation.inbox(0);
        const fromTwo = inbox.filter((message) => message.from === 'hospital-2' && message.step === earlier);
        expect(fromTwo.length).toBeGreaterThanOrEqual(at === 0 ? 0 : 1);
        for (const message of fromTwo) {
          const others = inbox.filter((other) => other !== message);
          expectCode('MESSAGE_MISSING', () => federation.site(0).runDkgStep(step, others), 'hospital-2');
          expectCode(
            'MESSAGE_UNEXPECTED',
            () => federation.site(0).runDkgStep(step, [...inbox, message]),
            'hospital-2',
          );
          expectCode(
            'MESSAGE_UNEXPECTED',
            () => federation.site(0).runDkgStep(step, [...inbox, { ...message, from: 'nobody' }]),
            'nobody',
          );
          const { body } = message;
          const bad = [
            body.slice(0, -1),
            concat(body.subarray(0, 300), body),
            new Uint8Array(0),
            body.map((x, i) => (i === 4 ? x ^ 1 : x)),
          ];
          for (const wrong of bad) {
            expect(
              errorOf(() => federation.site(0).runDkgStep(step, [...others, { ...message, body: wrong }])).site,
            ).toBe('hospital-2');
          }
        }
        federation.step(step);
      });
      const values = vectors([0, 1, 2], 5, 16);
      expect(federation.decrypt(federation.sumOf(0, values)).subarray(0, 5)).toEqual(plainSum(values.values(), 5));
    });

    it('refuses every random corruption of a message with a code, or goes on', () => {
      using federation = new Federation(loaded(), header(2, 2));
      loaded().scheme.dkgSteps.forEach((step, at) => {
        const state = federation.site(0).save();
        const inbox = federation.inbox(0);
        for (const message of inbox.filter(
          ({ from, step: posted }) => from === 'hospital-2' && posted === loaded().scheme.dkgSteps[at - 1],
        )) {
          let refused = 0;
          for (let trial = 0; trial < 30; trial++) {
            federation.restart(0, state);
            try {
              federation.site(0).runDkgStep(
                step,
                inbox.map((other) => (other === message ? { ...message, body: corrupt(message.body, random) } : other)),
              );
            } catch (error) {
              expect(error).toMatchObject({ name: 'HeError' });
              refused++;
            }
          }
          expect(refused).toBeGreaterThan(15);
        }
        federation.restart(0, state);
        federation.step(step);
      });
    });

    it('notices when the relay shows one site another message of a third in any step, at the latest when all confirm', () => {
      for (const odd of loaded().scheme.dkgSteps.slice(0, -1)) {
        using federation = new Federation(loaded(), header(3, 2));
        using shadow = new Federation(loaded(), header(3, 2));
        const noticed = (): string => {
          for (const step of loaded().scheme.dkgSteps) {
            const swap = shadow.inbox(0).filter(({ step: of, from }) => of === odd && from === 'hospital-2');
            const inbox = federation
              .inbox(0)
              .map((message) => swap.find(({ from, to }) => from === message.from && to === message.to) ?? message);
            const posted = federation.header.roster.flatMap((_, i) =>
              federation.site(i).runDkgStep(step, i === 0 ? inbox : federation.inbox(i)),
            );
            shadow.step(step);
            federation.messages.push(...posted);
          }
          return confirmedTranscript(federation.header, federation.inbox(0));
        };
        expect(['COMMITMENT_BROKEN', 'SELF_TEST_FAILED', 'TRANSCRIPT_DIFFERS']).toContain(errorOf(noticed).code);
      }
    });

    it('says so when the relay echoes something else than what this site posted', () => {
      for (const odd of loaded().scheme.dkgSteps.slice(0, -1)) {
        using federation = new Federation(loaded(), header(3, 2));
        for (const step of loaded().scheme.dkgSteps.slice(0, loaded().scheme.dkgSteps.indexOf(odd) + 1))
          federation.step(step);
        const own = federation.inbox(0).find(({ from, to }) => from === 'hospital-1' && to === undefined);
        if (!own) continue;
        const inbox = federation
          .inbox(0)
          .map((message) =>
            message === own ? { ...own, body: own.body.map((x, i) => (i === 20 ? x ^ 1 : x)) } : message,
          );
        expectCode(
          'MESSAGE_CHANGED',
          () =>
            federation.site(0).runDkgStep(loaded().scheme.dkgSteps[loaded().scheme.dkgSteps.indexOf(odd) + 1]!, inbox),
          'hospital-1',
        );
      }
    });

    it('works whether or not the relay echoes what a site posted itself', () => {
      using federation = new Federation(loaded(), header(3, 2));
      for (const step of loaded().scheme.dkgSteps) {
        const posted = federation.header.roster.flatMap((site, i) =>
          federation.site(i).runDkgStep(
            step,
            federation.inbox(i).filter((message) => i !== 0 || message.from !== site),
          ),
        );
        federation.messages.push(...posted);
      }
      expect(confirmedTranscript(federation.header, federation.messages)).toMatch(/^[0-9a-f]{64}$/);
      const { largestMessageBytes } = loaded().scheme.layout(federation.header);
      expect(Math.max(...federation.messages.map(({ body }) => body.length))).toBe(largestMessageBytes);
    });

    it('ends in one transcript, and a relay that shows different broadcasts is found', () => {
      const confirms = [0, 1].map((equivocate) => {
        using federation = new Federation(loaded(), header(3, 2));
        using shadow = new Federation(loaded(), header(3, 2));
        for (const step of loaded().scheme.dkgSteps.slice(0, -1)) {
          shadow.step(step);
          federation.step(step);
        }
        const last = loaded().scheme.dkgSteps.at(-1) ?? '';
        const swap = shadow.messages.filter((message) => message.from === 'hospital-2' && message.to === undefined);
        const inbox = federation
          .inbox(0)
          .map((message) =>
            message.from === 'hospital-2' && message.to === undefined
              ? (swap.find((other) => other.step === message.step) ?? message)
              : message,
          );
        if (equivocate === 1) return errorOf(() => federation.site(0).runDkgStep(last, inbox)).code;
        federation.step(last);
        const bodies = federation.messages.filter((message) => message.step === last);
        const odd = bodies.map((message, i) =>
          i === 1 ? { ...message, body: message.body.map((x, k) => (k === PREFIX_BYTES ? x ^ 1 : x)) } : message,
        );
        expectCode('TRANSCRIPT_DIFFERS', () => confirmedTranscript(federation.header, odd), 'hospital-2');
        return confirmedTranscript(federation.header, bodies);
      });
      expect(confirms[0]).toMatch(/^[0-9a-f]{64}$/);
      expect(['SELF_TEST_FAILED', 'COMMITMENT_BROKEN']).toContain(confirms[1]);
    });

    it.each([
      ['two sites of one name', { roster: ['a', 'a', 'b'] }],
      ['one site', { roster: ['a'] }],
      ['a threshold of one', { threshold: 1 }],
      ['a threshold above the roster', { threshold: 4 }],
      ['fewer uploads to be decrypted than sites that decrypt', { minUploads: 1 }],
      ['a short seed', { seed: 'ab' }],
      ['no sums', { sums: 0 }],
      ['more sums than a round has', { sums: 17 }],
      ['odd bits', { bits: 12 as unknown as 8 }],
      ['a control character in a name', { roster: ['a', 'b\n', 'c'] }],
      ['65 sites', { roster: Array.from({ length: 65 }, (_, i) => `s${i}`) }],
      ['another version', { version: 2 as unknown as 1 }],
    ])('refuses a header with %s', (_, changes) => {
      const bad = header(3, 2, changes);
      expectCode('HEADER_INVALID', () => loaded().site.begin(bad, bad.roster[0] ?? ''));
      expectCode('HEADER_INVALID', () => loaded().scheme.layout(bad));
      expectCode('HEADER_INVALID', () => loaded().aggregator.adder(bad));
    });

    it('refuses a threshold of which two disjoint groups exist, and takes every majority', () => {
      for (let sites = 2; sites <= 12; sites++) {
        for (let threshold = 2; threshold <= sites; threshold++) {
          const bad = 2 * threshold <= sites;
          const of = header(sites, threshold);
          const seen = bad
            ? errorOf(() => loaded().site.begin(of, 'hospital-1')).code
            : loaded().scheme.layout(of) && 'HEADER_VALID';
          expect(`${threshold} of ${sites} ${seen}`).toBe(
            `${threshold} of ${sites} ${bad ? 'HEADER_INVALID' : 'HEADER_VALID'}`,
          );
        }
      }
    });

    it('refuses a site outside the roster', () => {
      expectCode('HEADER_INVALID', () => loaded().site.begin(header(3, 2), 'nobody'), 'nobody');
    });
  });
}

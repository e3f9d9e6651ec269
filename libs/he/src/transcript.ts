import { createHash } from 'node:crypto';
import { HeError } from './errors.js';
import { headerDigest } from './header.js';
import type { CeremonyMessage, KeyEpochHeader } from './scheme.js';
import { KIND, concat, equal, payload, prefix } from './wire.js';

/**
 * The bodies of one DKG step in roster order: broadcasts, or with `to` what was addressed to that site.
 * @param own what `self` posted, used where the relay does not echo it
 * @throws HeError MESSAGE_MISSING, MESSAGE_UNEXPECTED, MESSAGE_CHANGED with the site that caused it
 */
export function bodiesOf(
  header: KeyEpochHeader,
  inbox: readonly CeremonyMessage[],
  step: string,
  self: string,
  own: Uint8Array | undefined,
  to?: string,
): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  for (const message of inbox) {
    if (message.step !== step || message.to !== to) continue;
    if (!header.roster.includes(message.from) || found.has(message.from)) {
      throw new HeError('MESSAGE_UNEXPECTED', `step ${step}: one message per roster site is expected`, message.from);
    }
    found.set(message.from, message.body);
  }
  if (own) {
    const echoed = found.get(self);
    if (echoed && !equal(echoed, own))
      throw new HeError('MESSAGE_CHANGED', `step ${step}: the relay changed what this site posted`, self);
    found.set(self, own);
  }
  return header.roster.map((site) => {
    const body = found.get(site);
    if (!body)
      throw new HeError(
        'MESSAGE_MISSING',
        `step ${step}: nothing arrived from a site; repeat the key ceremony without it`,
        site,
      );
    return body;
  });
}

/** Chains one step's broadcasts onto a transcript digest. */
export function extend(transcript: Uint8Array, step: string, bodies: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256').update('koinon/he/transcript/v1\0').update(transcript).update(`${step}\0`);
  for (const body of bodies) hash.update(createHash('sha256').update(body).digest());
  return new Uint8Array(hash.digest());
}

export function emptyTranscript(header: KeyEpochHeader): Uint8Array {
  return new Uint8Array(Buffer.from(headerDigest(header), 'hex'));
}

export function confirmation(header: KeyEpochHeader, transcript: Uint8Array): Uint8Array {
  return concat(prefix(header, KIND.confirm), transcript);
}

/**
 * The transcript digest, in hex, that every site confirmed: the key epoch may be used.
 * @param messages the broadcasts of the step `confirm`
 * @throws HeError TRANSCRIPT_DIFFERS naming the first site that disagrees with the majority
 */
export function confirmedTranscript(header: KeyEpochHeader, messages: readonly CeremonyMessage[]): string {
  const digests = bodiesOf(header, messages, 'confirm', '', undefined).map((body, i) =>
    Buffer.from(payload(body, prefix(header, KIND.confirm), 32, 'MESSAGE_MALFORMED', header.roster[i])).toString('hex'),
  );
  const votes = (digest: string): number => digests.filter((other) => other === digest).length;
  const agreed = digests.reduce((best, digest) => (votes(digest) > votes(best) ? digest : best));
  const odd = digests.findIndex((digest) => digest !== agreed);
  if (odd >= 0)
    throw new HeError('TRANSCRIPT_DIFFERS', 'sites saw different key ceremonies; repeat it', header.roster[odd]);
  return agreed;
}

import { randomBytes } from 'node:crypto';
import {
  PROTOCOL,
  ceremonyStatement,
  aggregationCommitmentStatement,
  framed,
  isFor,
  postHead,
  readInbox,
  decryptionShareStatement,
  uploadStatement,
  type Assignment,
  type AssignmentOf,
  type Assignments,
  type CeremonyPost,
  type CeremonyStatement,
  type AggregationCommitment,
  type Envelope,
  type ErrorCode,
  type Opening,
  type ServedModel,
  type UploadStatement,
} from '@koinon/contracts';
import {
  fromBase64,
  generateSigningKey,
  keyFingerprintOf,
  verifyStatement,
  signStatement,
  signerFrom,
  type Signer,
} from '@koinon/signing';
import { MerkleTree, headerDigest, schemes, spotCheck, type CeremonyMessage, type SiteKeyEpoch } from '@koinon/he';
import { taskNames, taskOf, type MadeControl, type Site, type TaskName, type Training } from '@koinon/secure-tasks';
import { readWeights } from '../registry/model-weights.js';
import type { InProcessCoordinator } from './in-process.fixture.js';
import { TestBox } from './sealed-box.fixture.js';
import { RefusedError, SiteLink, enrolmentOf } from './site-link.fixture.js';
import { digest } from './tiny-federation.fixture.js';

/** How a site takes one kind of assignment: it does it, stays silent, or refuses with a code. */
export type Answer = 'does' | 'silent' | ErrorCode;
export type Asked = Exclude<Assignment['kind'], 'task'> | TaskName;
export type Behaviour = Partial<Record<Asked, Answer>>;

export const askedIn = (assignment: Assignment): Asked =>
  assignment.kind === 'task' ? (assignment.task as TaskName) : assignment.kind;

/** What a site put into one sum. */
export interface SentSum {
  readonly task: TaskName;
  readonly round: number;
  readonly rows: number;
  readonly delta: Float32Array;
  readonly quantised: Uint32Array;
  readonly blocks: readonly Uint8Array[];
  readonly root: string;
}

/** A hospital without records: its update is a known vector, everything else is the real protocol. */
export class SimulatedSite implements AsyncDisposable {
  readonly sent = new Map<string, SentSum>();
  /** Shares made, by sum: one each, ever. */
  readonly shares = new Map<string, Uint8Array[]>();
  readonly failures: unknown[] = [];
  readonly serving = new Map<string, ServedModel>();
  /** Bytes of the last inbox, by its step. */
  readonly inboxBytes = new Map<string, number>();
  private readonly epochs = new Map<string, SiteKeyEpoch>();
  private readonly headers = new Map<string, AssignmentOf<'ceremony'>['header']>();
  private readonly rosters = new Map<string, AssignmentOf<'ceremony'>['roster']>();
  private readonly ceremonies = new Map<string, CeremonyMessage[]>();
  private readonly refused = new Set<string>();
  /** Control variates of the one run that a simulated site takes part in with them, by round. */
  readonly controls = new Map<number, MadeControl>();
  private readonly stop = new AbortController();
  private working: Promise<void> | undefined;

  private constructor(
    readonly id: string,
    readonly link: SiteLink,
    private readonly box: TestBox,
    private readonly coordinatorKey: string,
    readonly behaviour: Behaviour,
  ) {}

  static async enrol(coordinator: InProcessCoordinator, id: string, behaviour: Behaviour = {}): Promise<SimulatedSite> {
    const { token } = await coordinator.client.invite(id, `Hospital ${id}`);
    const signer = await freshSigner();
    const box = new TestBox();
    const response = await fetch(new URL('/v1/enrol', coordinator.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(await enrolmentOf(id, token, signer, box.publicKey)),
    });
    const { coordinatorKey } = (await response.json()) as { coordinatorKey: string };
    return new SimulatedSite(id, new SiteLink(coordinator.url, id, signer), box, coordinatorKey, behaviour);
  }

  /** Asks for work and does it until it is disposed. */
  work(): void {
    this.working ??= (async () => {
      for (let known: string | undefined; !this.stop.signal.aborted;) {
        try {
          const { digest, assignments } = await this.assigned(1000, known);
          for (const assignment of assignments) await this.take(assignment);
          // What is still assigned is asked for again at once.
          known = assignments.length === 0 ? digest : undefined;
        } catch (error) {
          // A run that ended in between, or a coordinator that is being closed.
          if (!this.stop.signal.aborted && !(error instanceof RefusedError)) this.failures.push(error);
        }
      }
    })();
  }

  async assignments(waitMs = 0): Promise<Assignment[]> {
    return (await this.assigned(waitMs)).assignments;
  }

  assigned(waitMs = 0, known?: string): Promise<Assignments> {
    return this.link.ask<Assignments>(
      'GET',
      `/v1/site/assignments?waitMs=${waitMs}${known === undefined ? '' : `&known=${known}`}`,
    );
  }

  async take(assignment: Assignment): Promise<void> {
    const answer = this.behaviour[askedIn(assignment)] ?? 'does';
    if (answer === 'silent') return this.idle();
    if (answer !== 'does') return this.refuse(assignment, answer);
    switch (assignment.kind) {
      case 'ceremony':
        return this.ceremony(assignment);
      case 'task':
        return this.upload(assignment);
      case 'decrypt':
        return this.share(assignment);
      case 'release':
        return this.install(assignment);
    }
  }

  /** Encrypts this site's vector once and gives it back the same every time. */
  async encrypted({ keyEpochId, sumId, sumIndex, task, input }: AssignmentOf<'task'>): Promise<SentSum> {
    const known = this.sent.get(sumId);
    if (known) return known;
    await this.agreed(keyEpochId);
    const trained = { rows: 10 + 13 * seedOf(this.id), delta: new Float32Array() };
    const asked = taskOf(task, input);
    const quantised = await asked.compute(this.site(trained));
    const blocks = [...this.epochs.get(keyEpochId)!.encrypt(sumIndex, quantised)];
    const sent: SentSum = {
      task: asked.name,
      round: asked.answers?.round ?? 0,
      ...trained,
      quantised,
      blocks,
      root: rootOf(blocks),
    };
    this.sent.set(sumId, sent);
    return sent;
  }

  /** What a task sees of this site. @param trained gets the delta of a training */
  private site(trained: { rows: number; delta: Float32Array }): Site {
    return {
      randomBytes,
      controls: {
        after: (_, counted) => (counted === null ? null : this.controls.get(counted)!.control),
        keep: (_, __, made) => void this.controls.set(made.round, made),
        answer: (_, round) => this.controls.get(round)!.answer,
      },
      train: async (asked) => {
        trained.delta = await this.delta(asked);
        return { delta: trained.delta, records: trained.rows };
      },
      score: () => Promise.resolve(scoredRecords(seedOf(this.id))),
      vector: async (sha256) => new Float32Array((await this.link.bytes(`/v1/site/blobs/${sha256}`)).slice().buffer),
    };
  }

  async commit(sumId: string, blocks: number, root: string): Promise<void> {
    const statement = { protocol: PROTOCOL, sumId, site: this.id, blocks, root };
    await this.link.ask('POST', `/v1/site/sums/${sumId}/finish`, {
      json: await signStatement(uploadStatement.type, statement, this.link.signer),
    });
  }

  async putDecryptionShare(sumId: string, closingPayload: string, share: Uint8Array): Promise<void> {
    await this.link.ask('PUT', `/v1/site/sums/${sumId}/decryption-share`, { bytes: share });
    const statement = {
      protocol: PROTOCOL,
      sumId,
      site: this.id,
      commitmentSha256: digest(fromBase64(closingPayload)),
      shareSha256: digest(share),
      blocksChecked: 1,
    };
    await this.link.ask('POST', `/v1/site/sums/${sumId}/decryption-share`, {
      json: await signStatement(decryptionShareStatement.type, statement, this.link.signer),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.working;
    for (const epoch of this.epochs.values()) epoch[Symbol.dispose]();
  }

  /** Waits for a change like a node that has nothing to do. */
  private async idle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  private async refuse(assignment: Assignment, code: ErrorCode): Promise<void> {
    if (assignment.kind === 'release') return;
    const subject =
      assignment.kind === 'ceremony'
        ? { subject: 'key-epoch', id: assignment.keyEpochId }
        : { subject: 'sum', id: assignment.sumId };
    if (this.refused.has(subject.id)) return this.idle();
    this.refused.add(subject.id);
    await this.link.ask('POST', '/v1/site/refusals', { json: { ...subject, code } });
  }

  private async ceremony({ keyEpochId, header, roster, step }: AssignmentOf<'ceremony'>): Promise<void> {
    const key = `${keyEpochId} ${step}`;
    this.headers.set(keyEpochId, header);
    this.rosters.set(keyEpochId, roster);
    if (!this.epochs.has(keyEpochId))
      this.epochs.set(keyEpochId, (await schemes.named(header.scheme).site()).begin(header, this.id));
    const messages =
      this.ceremonies.get(key) ??
      this.epochs.get(keyEpochId)!.runDkgStep(step, await this.inbox(keyEpochId, header, step));
    this.ceremonies.set(key, messages);
    const bodies = messages.map(({ to, body }) =>
      to === undefined ? body : TestBox.seal(roster.find((r) => r.site === to)!.sealingKey, body),
    );
    const statement: CeremonyStatement = {
      protocol: PROTOCOL,
      keyEpochId,
      headerSha256: headerDigest(header),
      site: this.id,
      step,
      messages: messages.map(({ to }, i) => ({ ...(to === undefined ? {} : { to }), sha256: digest(bodies[i]!) })),
    };
    const head = postHead(await signStatement(ceremonyStatement.type, statement, this.link.signer), bodies.length);
    await this.link.ask('POST', `/v1/site/key-epochs/${keyEpochId}/messages`, {
      bytes: Buffer.concat([...framed([head, ...bodies])]),
    });
  }

  /** All sites of the epoch signed the same confirmation. */
  private async agreed(keyEpochId: string): Promise<void> {
    const last = schemes.named(this.headers.get(keyEpochId)!.scheme).dkgSteps.at(-1)!;
    const posts = await this.posted(keyEpochId, last);
    const confirmations = await Promise.all(
      this.rosters.get(keyEpochId)!.map(async ({ site, identityKey }) => {
        const keyFingerprint = await keyFingerprintOf(identityKey);
        const own = posts.filter((p) => p.statement.signatures[0]!.keyid === keyFingerprint);
        const statements = await Promise.all(
          own.map((p) => verifyStatement(p.statement, ceremonyStatement.type, ceremonyStatement.schema, identityKey)),
        );
        return statements.find((s) => s.step === last && s.site === site)?.messages[0]!.sha256;
      }),
    );
    if (confirmations.includes(undefined) || new Set(confirmations).size !== 1)
      throw new Error('the sites did not confirm one transcript');
  }

  private async posted(keyEpochId: string, step: string): Promise<CeremonyPost[]> {
    const bytes = await this.link.bytes(`/v1/site/key-epochs/${keyEpochId}/inbox?step=${step}`);
    this.inboxBytes.set(step, bytes.length);
    return readInbox([bytes]);
  }

  private async inbox(
    keyEpochId: string,
    { scheme }: AssignmentOf<'ceremony'>['header'],
    step: string,
  ): Promise<CeremonyMessage[]> {
    const { dkgSteps } = schemes.named(scheme);
    const before = dkgSteps[dkgSteps.indexOf(step) - 1];
    const posts = before === undefined ? [] : await this.posted(keyEpochId, before);
    return posts.flatMap(({ statement, bodies }) => {
      const {
        site: from,
        step: of,
        messages,
      } = JSON.parse(Buffer.from(statement.payload, 'base64').toString('utf8')) as CeremonyStatement;
      return messages
        .filter((message) => isFor(this.id, from, message))
        .map(({ to }, i): CeremonyMessage =>
          to === undefined
            ? { step: of, from, body: bodies[i]! }
            : { step: of, from, to, body: this.box.unseal(bodies[i]!) },
        );
    });
  }

  private async upload(assignment: AssignmentOf<'task'>): Promise<void> {
    const { blocks, root } = await this.encrypted(assignment);
    const there = await this.link.ask<{ index: number }[]>('GET', `/v1/site/sums/${assignment.sumId}/blocks`);
    for (const [index, block] of blocks.entries()) {
      if (!there.some((b) => b.index === index))
        await this.link.ask('PUT', `/v1/site/sums/${assignment.sumId}/blocks/${index}`, { bytes: block });
    }
    await this.commit(assignment.sumId, blocks.length, root);
  }

  private async share({ sumId, keyEpochId, commitment: envelope, uploads }: AssignmentOf<'decrypt'>): Promise<void> {
    const commitment = await verifyStatement(
      envelope,
      aggregationCommitmentStatement.type,
      aggregationCommitmentStatement.schema,
      this.coordinatorKey,
    );
    if (!this.shares.has(sumId)) {
      const blocks: Uint8Array[] = [];
      for (let index = 0; index < commitment.blocks; index++)
        blocks.push(await this.link.bytes(`/v1/site/sums/${sumId}/sum/${index}`));
      if (rootOf(blocks) !== commitment.sumRoot) throw new Error('the sum is not the committed one');
      await this.check(commitment);
      await this.checkUploads(commitment, uploads);
      const share = this.epochs.get(keyEpochId)!.decryptionShare({
        sumIndex: commitment.sumIndex,
        uploaders: commitment.uploads.map((u) => u.site),
        decryptors: commitment.decryptors,
        blocks,
      });
      this.shares.set(sumId, [...(this.shares.get(sumId) ?? []), share]);
    }
    await this.putDecryptionShare(sumId, envelope.payload, this.shares.get(sumId)![0]!);
  }

  /** One statement for each line of the commitment, signed by its site. */
  private async checkUploads(commitment: AggregationCommitment, uploads: readonly Envelope[]): Promise<void> {
    const signed = await Promise.all(
      uploads.map(async (envelope) => {
        const { site } = JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')) as UploadStatement;
        const { identityKey } = this.rosters.get(commitment.keyEpochId)!.find((r) => r.site === site)!;
        return verifyStatement(envelope, uploadStatement.type, uploadStatement.schema, identityKey);
      }),
    );
    const listed = commitment.uploads
      .map(({ site, root }) => `${commitment.sumId} ${site} ${root} ${commitment.blocks}`)
      .toSorted();
    if (
      signed
        .map((s) => `${s.sumId} ${s.site} ${s.root} ${s.blocks}`)
        .toSorted()
        .join() !== listed.join()
    )
      throw new Error('the signed uploads are not those of the commitment');
  }

  /** Recomputes the first block from the committed uploads. */
  private async check(commitment: AggregationCommitment): Promise<void> {
    const opening = await this.link.ask<Opening>('GET', `/v1/site/sums/${commitment.sumId}/openings/0`);
    const header = this.headers.get(commitment.keyEpochId)!;
    const proven = (root: string, { block, proof }: { block: string; proof: string[] }) => ({
      root: Buffer.from(root, 'hex'),
      block: fromBase64(block),
      proof: proof.map((p) => Buffer.from(p, 'hex')),
    });
    spotCheck(await schemes.named(header.scheme).aggregator(), header, {
      index: 0,
      size: commitment.blocks,
      sum: proven(commitment.sumRoot, opening.sum),
      uploads: new Map(
        commitment.uploads.map(({ site, root }) => [
          site,
          proven(
            root,
            opening.uploads.find((u) => u.site === site)!,
          ),
        ]),
      ),
    });
  }

  private async delta({ modelSha256, federation, round }: Training): Promise<Float32Array> {
    const count = readWeights(await this.link.bytes(`/v1/site/blobs/${modelSha256}`), federation.model).length;
    const seed = seedOf(this.id);
    return Float32Array.from({ length: count }, (_, i) => 0.4 * Math.sin(seed * 1.7 + round * 0.9 + i * 2.3));
  }

  private async install({ model, release }: AssignmentOf<'release'>): Promise<void> {
    const { version, sha256, releaseCounter } = JSON.parse(
      Buffer.from(release.payload, 'base64').toString('utf8'),
    ) as ServedModel;
    this.serving.set(model, { model, version, sha256, releaseCounter, expired: false });
    await this.link.ask('POST', '/v1/site/status', {
      json: { offers: taskNames, serving: [...this.serving.values()] },
    });
  }
}

export async function freshSigner(): Promise<Signer> {
  const { pkcs8, publicKey } = await generateSigningKey();
  return signerFrom(pkcs8, publicKey);
}

export const rootOf = (blocks: readonly Uint8Array[]): string =>
  Buffer.from(MerkleTree.from(blocks.map((b) => Buffer.from(digest(b), 'hex'))).root).toString('hex');

/** A small number that belongs to a site id. */
const seedOf = (id: string): number => Array.from(id).reduce((n, c) => n + c.charCodeAt(0), 0) % 5;

/** Scores of a test split on which the model is good but not perfect. */
function scoredRecords(seed: number): { probabilities: Float32Array; labels: Float32Array } {
  const groups = [
    [30 + seed, 0.2, 0],
    [5, 0.7, 0],
    [4, 0.3, 1],
    [25 + seed, 0.8, 1],
  ] as const;
  const all = groups.flatMap(([rows, probability, label]) =>
    Array.from({ length: rows }, () => [probability + 0.005, label] as const),
  );
  return {
    probabilities: Float32Array.from(all, ([probability]) => probability),
    labels: Float32Array.from(all, ([, label]) => label),
  };
}

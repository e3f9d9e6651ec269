import { createHash, randomUUID } from 'node:crypto';
import {
  CodedError,
  PROTOCOL,
  answerOf,
  framed,
  postHead,
  readInbox,
  requestOf,
  requestStatement,
  routes,
  type AnswerOf,
  type Assignments,
  type CeremonyPost,
  type Envelope,
  type Input,
  type Opening,
  type Refusal,
  type Route,
  type RouteRequest,
  type SiteStatus,
} from '@koinon/contracts';
import { signStatement, toBase64, type Signer } from '@koinon/signing';

const REQUEST_TIMEOUT_MS = 60_000;
/** How long the coordinator may hold a request for assignments. */
const WAIT_MS = 20_000;

/** The site's side of the link: it dials out, signs every request, and receives nothing it did not ask for. */
export class CoordinatorLink {
  /** This node's clock minus the coordinator's, whole seconds in ms, as the last answer showed it. */
  clockAheadMs: number | undefined;

  constructor(
    private readonly baseUrl: string,
    private readonly site: string,
    private readonly signer: Signer,
    private readonly signal: AbortSignal,
    private readonly timeoutMs = REQUEST_TIMEOUT_MS,
  ) {}

  /** @param known digest of the list at hand: the coordinator answers when it has another, or has nothing new to say for a while */
  assignments = (known?: string): Promise<Assignments> =>
    this.call(routes.assignments, { query: { waitMs: WAIT_MS, ...(known === undefined ? {} : { known }) } });

  postCeremony = (keyEpochId: string, { statement, bodies }: CeremonyPost) =>
    this.call(routes.postCeremony, {
      params: { keyEpochId },
      body: Buffer.concat([...framed([postHead(statement, bodies.length), ...bodies])]),
    });

  /** What a step that is over brought this site. */
  inbox = (keyEpochId: string, step: string): Promise<CeremonyPost[]> =>
    this.send(requestOf(routes.ceremonyInbox, { params: { keyEpochId }, query: { step } }), async (response) =>
      readInbox(await answerOf(routes.ceremonyInbox, response)),
    );

  blocks = (sumId: string) => this.call(routes.uploadedBlocks, { params: { sumId } });
  putBlock = (sumId: string, index: number, block: Uint8Array) =>
    this.call(routes.putBlock, { params: { sumId, index }, body: block });
  finishUpload = (sumId: string, statement: Envelope) =>
    this.call(routes.finishUpload, { params: { sumId }, body: statement });
  sumBlock = (sumId: string, index: number): Promise<Uint8Array> =>
    this.call(routes.sumBlock, { params: { sumId, index } });
  opening = (sumId: string, index: number): Promise<Opening> => this.call(routes.opening, { params: { sumId, index } });
  putDecryptionShare = (sumId: string, share: Uint8Array) =>
    this.call(routes.putDecryptionShare, { params: { sumId }, body: share });
  finishDecryptionShare = (sumId: string, statement: Envelope) =>
    this.call(routes.finishDecryptionShare, { params: { sumId }, body: statement });
  refuse = (refusal: Refusal) => this.call(routes.refuse, { body: refusal });
  report = (status: SiteStatus) => this.call(routes.reportStatus, { body: status });

  /** @throws CodedError BLOCK_DIGEST_MISMATCH when other bytes arrive */
  async blob(sha256: string): Promise<Uint8Array> {
    const bytes = await this.call(routes.siteBlob, { params: { sha256 } });
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new CodedError('BLOCK_DIGEST_MISMATCH');
    return bytes;
  }

  private call<R extends Route>(route: R, ...input: Input<R>): Promise<AnswerOf<R>> {
    return this.send(requestOf(route, ...input), (response) => answerOf(route, response));
  }

  /** @throws CodedError the coordinator's, or COORDINATOR_UNREACHABLE when the connection broke anywhere on the way */
  private async send<T>({ path, ...request }: RouteRequest, read: (response: Response) => Promise<T>): Promise<T> {
    const headers = { ...request.headers, ...(await this.signed(path, request)) };
    const late = new AbortController();
    // Until the answer begins: a large body over a slow line may take longer, and fetch itself ends one that stands still.
    const timer = setTimeout(() => late.abort(), this.timeoutMs);
    try {
      const signal = AbortSignal.any([this.signal, late.signal]);
      // A signed request is for this coordinator and goes nowhere else.
      const response = await fetch(new URL(path, this.baseUrl), { ...request, headers, signal, redirect: 'error' });
      clearTimeout(timer);
      this.readClock(response.headers.get('date'));
      return await read(response);
    } catch (error) {
      if (this.signal.aborted) throw error;
      throw error instanceof CodedError ? this.withClock(error) : new CodedError('COORDINATOR_UNREACHABLE');
    } finally {
      clearTimeout(timer);
    }
  }

  /** The headers that say who asks, and prove it. */
  private async signed(
    path: string,
    { method, body = new Uint8Array() }: Pick<RouteRequest, 'method' | 'body'>,
  ): Promise<Record<string, string>> {
    const statement = {
      protocol: PROTOCOL,
      site: this.site,
      method,
      path,
      createdAt: Date.now(),
      nonce: randomUUID(),
      bodySha256: createHash('sha256').update(body).digest('hex'),
    };
    const envelope = await signStatement(requestStatement.type, statement, this.signer);
    return { 'koinon-site': this.site, 'koinon-request': toBase64(new TextEncoder().encode(JSON.stringify(envelope))) };
  }

  /** The header is cut to whole seconds and was sent a moment ago: so is the difference. */
  private readClock(date: string | null): void {
    const theirs = Date.parse(date ?? '');
    if (!Number.isNaN(theirs)) this.clockAheadMs = Math.round((Date.now() - theirs) / 1000) * 1000;
  }

  /** A time of signing that is refused has to be told with which of the clocks is ahead. */
  private withClock(error: CodedError): CodedError {
    if (error.code !== 'REQUEST_EXPIRED' || error.detail || !this.clockAheadMs) return error;
    const side = this.clockAheadMs > 0 ? 'ahead of' : 'behind';
    return new CodedError(
      'REQUEST_EXPIRED',
      `this node’s clock is ${Math.abs(this.clockAheadMs) / 1000} s ${side} the coordinator’s`,
    );
  }
}

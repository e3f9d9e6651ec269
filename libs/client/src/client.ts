/**
 * Typed client of the operator API.
 * @example
 * const client = new KoinonClient('http://127.0.0.1:7400', token);
 * const run = await client.call(routes.run, { params: { runId } });
 */
import {
  CodedError,
  answerOf,
  requestOf,
  routes,
  type AnswerOf,
  type Input,
  type Route,
  type StartRun,
} from '@koinon/contracts';
import { sha256Hex } from '@koinon/signing';

export class KoinonClient {
  constructor(
    readonly baseUrl: string,
    private readonly token: string,
    private readonly fetcher: typeof fetch = (...args) => fetch(...args),
  ) {}

  sites = () => this.call(routes.sites);
  runs = () => this.call(routes.runs);
  run = (runId: string) => this.call(routes.run, { params: { runId } });
  models = () => this.call(routes.models);
  model = (model: string) => this.call(routes.model, { params: { model } });
  version = (model: string, version: number) => this.call(routes.version, { params: { model, version } });
  auditReport = () => this.call(routes.auditReport);
  /** Attempts of the coordinator's jobs that failed, newest first. */
  failedJobs = () => this.call(routes.failedJobs);
  invite = (id: string, name: string) => this.call(routes.inviteSite, { body: { id, name } });
  startRun = (run: StartRun) => this.call(routes.startRun, { body: run });
  cancelRun = (runId: string) => this.call(routes.cancelRun, { params: { runId } });
  /** Stores bytes under their SHA-256. */
  putBlob = (sha256: string, bytes: Uint8Array) => this.call(routes.putBlob, { params: { sha256 }, body: bytes });

  /** The ONNX file of a version. @throws CodedError BLOB_DAMAGED when the bytes do not have the version's digest */
  async modelFile(model: string, version: number): Promise<Uint8Array> {
    const { sha256 } = await this.version(model, version);
    const bytes = await this.call(routes.modelFile, { params: { model, version } });
    if ((await sha256Hex(bytes)) !== sha256)
      throw new CodedError('BLOB_DAMAGED', `${model}/${version} is not the file of that version`);
    return bytes;
  }

  /** The raw event stream (text/event-stream); data lines hold a KoinonEvent. */
  events = (signal?: AbortSignal) => this.ask(routes.events, [], signal);

  /** @throws CodedError the coordinator's, or COORDINATOR_UNREACHABLE */
  call<R extends Route>(route: R, ...input: Input<R>): Promise<AnswerOf<R>> {
    return this.ask(route, input);
  }

  private async ask<R extends Route>(route: R, input: Input<R>, signal?: AbortSignal): Promise<AnswerOf<R>> {
    const { path, headers, ...request } = requestOf(route, ...input);
    const init = {
      ...request,
      headers: { ...headers, authorization: `Bearer ${this.token}` },
      ...(signal ? { signal } : {}),
    };
    try {
      return await answerOf(route, await this.fetcher(new URL(path, this.baseUrl), init));
    } catch (error) {
      if (error instanceof CodedError || (error instanceof Error && error.name === 'AbortError')) throw error;
      throw new CodedError('COORDINATOR_UNREACHABLE', this.baseUrl);
    }
  }
}

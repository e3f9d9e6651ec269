/**
 * Typed client of the operator API.
 * @example
 * const client = new KoinonClient('http://127.0.0.1:7400', token);
 * const runs = await client.runs();
 */
import { z } from 'zod';
import {
  CodedError,
  fromWire,
  parse,
  auditReportSchema,
  failedJobSchema,
  invitationSchema,
  modelViewSchema,
  runViewSchema,
  siteViewSchema,
  versionDetailSchema,
  type StartRun,
} from '@koinon/contracts';
import { sha256Hex } from '@koinon/signing';

export class KoinonClient {
  constructor(
    readonly baseUrl: string,
    private readonly token: string,
    private readonly fetcher: typeof fetch = (...args) => fetch(...args),
  ) {}

  sites = () => this.get('/v1/sites', z.array(siteViewSchema));
  runs = () => this.get('/v1/runs', z.array(runViewSchema));
  run = (id: string) => this.get(`/v1/runs/${encodeURIComponent(id)}`, runViewSchema);
  models = () => this.get('/v1/models', z.array(modelViewSchema));
  model = (name: string) => this.get(`/v1/models/${encodeURIComponent(name)}`, modelViewSchema);
  version = (name: string, version: number) =>
    this.get(`/v1/models/${encodeURIComponent(name)}/versions/${version}`, versionDetailSchema);
  auditReport = () => this.get('/v1/audit/verify', auditReportSchema);
  /** Attempts of the coordinator's jobs that failed, newest first. */
  failedJobs = () => this.get('/v1/jobs/failed', z.array(failedJobSchema));
  invite = (id: string, name: string) => this.post('/v1/sites', { id, name }, invitationSchema);
  startRun = (run: StartRun) => this.post('/v1/runs', run, runViewSchema);
  cancelRun = (id: string) => this.post(`/v1/runs/${encodeURIComponent(id)}/cancel`, {}, runViewSchema);

  /** Stores bytes under their SHA-256. */
  async putBlob(sha256: string, bytes: Uint8Array): Promise<void> {
    await this.send(`/v1/blobs/${sha256}`, {
      method: 'PUT',
      body: bytes as Uint8Array<ArrayBuffer>,
      headers: { 'content-type': 'application/octet-stream' },
    });
  }

  /** The ONNX file of a version. @throws CodedError BLOB_DAMAGED when the bytes do not have the version's digest */
  async modelFile(name: string, version: number): Promise<Uint8Array> {
    const { sha256 } = await this.version(name, version);
    const response = await this.send(`/v1/models/${encodeURIComponent(name)}/versions/${version}/file`, {});
    const bytes = new Uint8Array(await response.arrayBuffer());
    if ((await sha256Hex(bytes)) !== sha256)
      throw new CodedError('BLOB_DAMAGED', `${name}/${version} is not the file of that version`);
    return bytes;
  }

  /** The raw event stream (text/event-stream); data lines hold a KoinonEvent. */
  async events(signal?: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await this.send('/v1/events', {
      headers: { accept: 'text/event-stream' },
      ...(signal ? { signal } : {}),
    });
    return response.body!;
  }

  private async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return parse(schema, await (await this.send(path, {})).json());
  }

  private async post<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    const response = await this.send(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    return parse(schema, await response.json());
  }

  private async send(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${this.token}` };
    const response = await this.fetcher(new URL(path, this.baseUrl), { ...init, headers }).catch((cause: unknown) => {
      if (cause instanceof Error && cause.name === 'AbortError') throw cause;
      throw new CodedError('COORDINATOR_UNREACHABLE', this.baseUrl);
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

/** The coded error in a problem+json answer. */
export async function errorOf(response: Response): Promise<CodedError> {
  return fromWire(await response.json().catch(() => null)) ?? new CodedError('INTERNAL', `HTTP ${response.status}`);
}

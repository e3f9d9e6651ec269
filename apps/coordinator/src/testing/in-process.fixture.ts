import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KoinonClient } from '@koinon/client';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { tempDir } from '@koinon/testing';
import { WorkerModule } from '../app.module.js';
import { connectFoundations } from '../foundations.js';
import type { ConnectionLimits } from '../platform/http/connections.js';
import { createHttp } from '../main.js';
import type { Foundations } from '../platform/platform.module.js';
import { onAnswer, strayIn } from './answers.fixture.js';

export interface CoordinatorOptions {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  /** Folder of keys, tokens and blobs; a fresh one that goes with the coordinator when left out. */
  readonly home?: string;
  readonly worker?: boolean;
  readonly limits?: ConnectionLimits;
  /** Sees the HTTP app before its routes are registered. */
  readonly prepare?: (app: NestFastifyApplication) => void;
}

/** HTTP app and worker in this process, on a free port of loopback. Whatever it answered has to be what the route table says. */
export class InProcessCoordinator implements AsyncDisposable {
  private constructor(
    readonly url: string,
    readonly home: string,
    readonly app: NestFastifyApplication,
    readonly foundations: Foundations,
    private readonly closers: readonly (() => Promise<unknown> | void)[],
  ) {}

  static async start(options: CoordinatorOptions): Promise<InProcessCoordinator> {
    const dir = options.home === undefined ? tempDir() : undefined;
    const environment = {
      KOINON_DATABASE_URL: options.databaseUrl,
      KOINON_HOME: options.home ?? dir!.path,
      KOINON_PORT: '0',
      KOINON_CEREMONY_STEP_MS: '60000',
      ...(options.redisUrl === undefined ? {} : { KOINON_REDIS_URL: options.redisUrl }),
    };
    const foundations = await connectFoundations(environment);
    const app = await createHttp(foundations, options.limits);
    const strays = new Set<string>();
    onAnswer(app.getHttpAdapter().getInstance(), (answer) => strays.add(strayIn(answer) ?? ''));
    options.prepare?.(app);
    await app.listen(0, '127.0.0.1');
    const closers: (() => Promise<unknown> | void)[] = [
      () => app.close(),
      () => foundations.queues.close(),
      () => dir?.[Symbol.dispose](),
      () => expectNoStrays(strays),
    ];
    if (options.worker !== false) closers.unshift(await startWorker(environment));
    return new InProcessCoordinator(await app.getUrl(), foundations.config.home, app, foundations, closers);
  }

  get operatorToken(): string {
    return this.token('operator');
  }

  get viewerToken(): string {
    return this.token('viewer');
  }

  /** The API as an operator's tools see it. */
  get client(): KoinonClient {
    return new KoinonClient(this.url, this.operatorToken);
  }

  /** A question to the database the coordinator writes to. */
  query<T>(sql: string, parameters: unknown[] = []): Promise<T[]> {
    return this.foundations.database.query(sql, parameters);
  }

  /** How many rows a change of the database behind the coordinator's back reached. */
  async change(sql: string, parameters: unknown[] = []): Promise<number> {
    const [, count] = await this.foundations.database.query<[unknown, number]>(sql, parameters);
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.closers) await close();
  }

  private token(scope: string): string {
    return readFileSync(join(this.home, `${scope}.token`), 'utf8').trim();
  }
}

function expectNoStrays(strays: Set<string>): void {
  strays.delete('');
  if (strays.size > 0) throw new Error(`answers that the route table does not know:\n${[...strays].join('\n')}`);
}

/** The worker has foundations of its own, as its process would. */
async function startWorker(environment: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  const foundations = await connectFoundations(environment);
  const worker: INestApplicationContext = await NestFactory.createApplicationContext(WorkerModule.from(foundations), {
    logger: false,
  });
  return async () => {
    await worker.close();
    await foundations.queues.close();
  };
}

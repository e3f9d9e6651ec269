import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { eventSchema, type KoinonEvent } from '@koinon/contracts';
import pg from 'pg';
import { Subject } from 'rxjs';
import type { DataSource, EntityManager } from 'typeorm';
import { CONNECTION } from '../database/connection.js';

const CHANNEL = 'koinon_events';
const RECONNECT_MS = 500;

/**
 * What changed, across processes: PostgreSQL LISTEN/NOTIFY, delivered when the transaction that published
 * it commits. Events are hints; the database is the truth, so a missed one costs a reconciler's tick, and whoever waits for
 * one reads again after a gap.
 */
@Injectable()
export class EventsService implements OnModuleInit, OnModuleDestroy {
  readonly stream = new Subject<KoinonEvent>();
  /** The connection was lost and is back: what happened meanwhile nobody was told. */
  readonly gaps = new Subject<void>();
  private readonly log = new Logger('events');
  private client: pg.Client | undefined;
  private closing = false;

  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async publish(manager: EntityManager, topic: KoinonEvent['topic'], id: string, runId: string | null): Promise<void> {
    const event: KoinonEvent = { topic, id, runId, at: new Date().toISOString() };
    await manager.query('SELECT pg_notify($1, $2)', [CHANNEL, JSON.stringify(event)]);
  }

  async onModuleInit(): Promise<void> {
    await this.listen();
  }

  async onModuleDestroy(): Promise<void> {
    this.closing = true;
    this.stream.complete();
    await this.client?.end();
  }

  private async listen(): Promise<void> {
    const { url } = this.database.options as { url?: string };
    const client = new pg.Client({ connectionString: url, ...CONNECTION });
    client.on('error', () => this.reconnect(client));
    client.on('end', () => this.reconnect(client));
    client.on('notification', ({ payload }) => {
      const event = eventSchema.safeParse(JSON.parse(payload ?? 'null'));
      if (event.success) this.stream.next(event.data);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.client = client;
  }

  private reconnect(lost: pg.Client): void {
    if (this.closing || this.client !== lost) return;
    this.client = undefined;
    this.log.warn('event connection lost; reconnecting');
    this.listenLater();
  }

  private listenLater(): void {
    setTimeout(() => {
      if (this.closing) return;
      this.listen().then(
        () => this.gaps.next(),
        () => this.listenLater(),
      );
    }, RECONNECT_MS).unref();
  }
}

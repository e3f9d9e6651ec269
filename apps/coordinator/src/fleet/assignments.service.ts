import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Assignments } from '@koinon/contracts';
import { filter, firstValueFrom, race, timer } from 'rxjs';
import type { DataSource } from 'typeorm';
import { EventsService } from '../platform/events/events.service.js';
import { assignmentsOf } from './assignments.js';
import { readOpenWork, type OpenWork } from './open-work.js';

/** The coordinator stops: no change comes any more. */
const STOPPED = Symbol('Stopped');

/** What each site has to do, read from the database each time it asks. */
@Injectable()
export class AssignmentsService {
  private last: Promise<unknown> = Promise.resolve();
  private next: Promise<OpenWork> | undefined;

  constructor(
    @InjectDataSource() private readonly database: DataSource,
    private readonly events: EventsService,
  ) {}

  /**
   * Answers when the list is another than the one whose digest the site knows, so at once where it knows none; else when the
   * coordinator stops or `waitMs` has passed.
   */
  async wait(site: string, waitMs: number, known?: string): Promise<Assignments> {
    const giveUpAt = Date.now() + waitMs;
    for (;;) {
      // Subscribe before reading, so that a change in between is not missed.
      const events = this.events.stream.pipe(filter((e) => e.topic !== 'site'));
      const changed = firstValueFrom(race(events, this.events.gaps, timer(Math.max(0, giveUpAt - Date.now()))), {
        defaultValue: STOPPED,
      });
      const now = await this.current(site);
      if (now.digest !== known || Date.now() >= giveUpAt) return now;
      if ((await changed) === STOPPED) return now;
    }
  }

  private async current(site: string): Promise<Assignments> {
    return assignmentsOf(site, await this.look());
  }

  /**
   * One look at a time answers all who ask: a change wakes every site that waits. Who asks while one is under way waits for the
   * next, which begins after the change that made him ask.
   */
  private look(): Promise<OpenWork> {
    this.next ??= this.last.then(() => {
      this.next = undefined;
      const looking = readOpenWork(this.database.manager);
      this.last = looking.catch(() => undefined);
      return looking;
    });
    return this.next;
  }
}

import { Injectable, type PipeTransform } from '@nestjs/common';
import { parse } from '@koinon/contracts';
import type { z } from 'zod';

/** Validates a body or query; a mismatch answers 400 with one issue per field. */
@Injectable()
export class SchemaPipe<T> implements PipeTransform<unknown, T> {
  constructor(private readonly schema: z.ZodType<T>) {}

  transform(value: unknown): T {
    return parse(this.schema, value);
  }
}

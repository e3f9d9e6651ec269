import { Controller, Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { Allow } from '../http/allow.decorator.js';
import { SchemaPipe } from '../http/schema.pipe.js';
import { AuditService } from './audit.service.js';

const pageSchema = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

@Controller('v1/audit')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  @Allow('viewer')
  list(@Query(new SchemaPipe(pageSchema)) page: z.infer<typeof pageSchema>) {
    return this.audit.entries(page.after, page.limit);
  }

  @Get('verify')
  @Allow('viewer')
  verify() {
    return this.audit.verify();
  }
}

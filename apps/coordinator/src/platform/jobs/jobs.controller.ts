import { Controller, Get } from '@nestjs/common';
import { Allow } from '../http/allow.decorator.js';
import { JobFailures } from './job-failures.service.js';

@Controller('v1/jobs')
export class JobsController {
  constructor(private readonly failures: JobFailures) {}

  @Get('failed')
  @Allow('operator')
  failed() {
    return this.failures.newest();
  }
}

import { Controller } from '@nestjs/common';
import { routes } from '@koinon/contracts';
import { Route } from '../http/route.decorator.js';
import { JobFailures } from './job-failures.service.js';

@Controller()
export class JobsController {
  constructor(private readonly failures: JobFailures) {}

  @Route(routes.failedJobs)
  failed() {
    return this.failures.newest();
  }
}

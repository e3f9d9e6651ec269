import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { WorkerModule } from './app.module.js';
import { connectFoundations } from './foundations.js';
import { logger } from './platform/log.js';
import { runProcess } from '@koinon/service';

await runProcess(async () => {
  const foundations = await connectFoundations(process.env);
  const app = await NestFactory.createApplicationContext(WorkerModule.from(foundations), { logger });
  return {
    ready: {},
    stop: async () => {
      await app.close();
      await foundations.queues.close();
    },
  };
});

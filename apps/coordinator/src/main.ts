import 'reflect-metadata';
import { routes } from '@koinon/contracts';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { HttpModule } from './app.module.js';
import { Authenticator } from './identity/authenticator.js';
import { connectFoundations } from './foundations.js';
import {
  connectionLimits,
  limitConnections,
  serverOptions,
  type ConnectionLimits,
} from './platform/http/connections.js';
import { serveDashboard, setHeaders } from './platform/http/dashboard.js';
import { ProblemFilter } from './platform/http/problem.filter.js';
import { checkRoutes } from './platform/http/route-table.js';
import { answerBadUrl, answerNoRequest } from './platform/http/unread-requests.js';
import { logger } from './platform/log.js';
import type { Foundations } from './platform/platform.module.js';
import { runProcess } from '@koinon/service';

export async function createHttp(
  foundations: Foundations,
  limits: ConnectionLimits = connectionLimits,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    ...serverOptions(limits),
    frameworkErrors: answerBadUrl,
    clientErrorHandler: answerNoRequest,
  });
  const app = await NestFactory.create<NestFastifyApplication>(HttpModule.from(foundations), adapter, {
    rawBody: true,
    logger,
  });
  const fastify = adapter.getInstance();
  fastify.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  setHeaders(fastify);
  limitConnections(fastify, limits);
  checkRoutes(fastify, routes);
  app.get(Authenticator).install(fastify);
  if (foundations.config.dashboardDir) await serveDashboard(fastify, foundations.config.dashboardDir);
  app.useGlobalFilters(new ProblemFilter());
  return app;
}

if (import.meta.main) {
  await runProcess(async () => {
    const foundations = await connectFoundations(process.env);
    const app = await createHttp(foundations);
    await app.listen(foundations.config.port, foundations.config.host);
    return {
      ready: { url: await app.getUrl(), coordinatorKey: foundations.signer.publicKey },
      stop: async () => {
        await app.close();
        await foundations.queues.close();
      },
    };
  });
}

import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { CodedError, toWire } from '@koinon/contracts';
import { HeError } from '@koinon/he';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { QueryFailedError } from 'typeorm';
import { isDatabaseAway } from '../database/unreachable.js';

/** Every failure leaves as a coded problem (RFC 9457). What is not coded is logged and leaves as INTERNAL. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log = new Logger('http');

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const coded = this.coded(error);
    if (coded.code === 'INTERNAL') {
      this.log.error(
        `${request.id} ${request.method} ${request.routeOptions.url ?? ''}`,
        error instanceof Error ? error.stack : String(error),
      );
    }
    // A body that broke off on our side (a full disk) cannot be read to its end: its connection takes no other request.
    const reply = http.getResponse<FastifyReply>();
    if (request.raw.destroyed) void reply.header('connection', 'close');
    void reply.status(coded.status).type('application/problem+json').send(toWire(coded));
  }

  private coded(error: unknown): CodedError {
    if (error instanceof CodedError) return error;
    // SQLSTATE class 22: a value the caller sent does not fit its column (a NUL in a text, a number out of range).
    if (error instanceof QueryFailedError && (error.driverError as { code?: string }).code?.startsWith('22'))
      return new CodedError('REQUEST_INVALID');
    if (isDatabaseAway(error)) return new CodedError('DATABASE_UNREACHABLE');
    if (error instanceof HeError) return new CodedError('REQUEST_INVALID', error.code);
    const status =
      error instanceof HttpException ? error.getStatus() : (error as { statusCode?: number } | null)?.statusCode;
    if (status === 404) return new CodedError('NOT_FOUND');
    if (status === 413) return new CodedError('BODY_TOO_LARGE');
    if (status !== undefined && status >= 400 && status < 500) return new CodedError('REQUEST_INVALID');
    return new CodedError('INTERNAL');
  }
}

/** Requests that never reach a handler or a filter are answered in the one form too; what the framework would say repeats them, or is no problem document. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { CodedError, toWire } from '@koinon/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';

const PROBLEM = 'application/problem+json';

/** URLs that the router cannot read. */
export function answerBadUrl(_error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  void reply
    .status(400)
    .type(PROBLEM)
    .send(toWire(new CodedError('REQUEST_INVALID')));
}

/** Bytes that are no HTTP, a head that is too large, and a request that does not come to its end. */
export function answerNoRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const problem = toWire(
    new CodedError(error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'REQUEST_TIMED_OUT' : 'REQUEST_INVALID'),
  );
  const body = JSON.stringify(problem);
  const head = `content-type: ${PROBLEM}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  if (socket.writable)
    socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${head}\r\n\r\n${body}`);
  socket.destroy();
}

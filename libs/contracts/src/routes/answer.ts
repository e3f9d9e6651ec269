import type { z } from 'zod';
import { namedProtocolRefusal, parseAnswer } from '../protocol.js';
import { CodedError, fromWire } from '../errors.js';
import { typeOf } from './request.js';
import { isJson, type Octets, type Route } from './route.js';

/** What a caller gets from a route. */
export type AnswerOf<R extends Route> = R['answer'] extends z.ZodType
  ? z.output<R['answer']>
  : R['answer'] extends Octets<'whole'>
    ? Uint8Array<ArrayBuffer>
    : R['answer'] extends Octets
      ? ReadableStream<Uint8Array<ArrayBuffer>>
      : void;

/**
 * The answer of a route, checked.
 * @throws CodedError the coordinator's; COORDINATOR_UNREACHABLE when something in between answered in its place, a proxy or a portal;
 *   PROTOCOL_DIFFERS when it is of a coordinator of another protocol; REQUEST_INVALID when the answer does not fit the schema
 */
export async function answerOf<R extends Route>({ answer }: R, response: Response): Promise<AnswerOf<R>> {
  if (!response.ok) throw await errorOf(response);
  const type = response.headers.get('content-type')?.split(';')[0];
  const isOurs = answer === null ? response.status === 204 : type === typeOf(answer);
  if (!isOurs) throw notOurs();
  return (await read(answer, response)) as AnswerOf<R>;
}

async function read(answer: Route['answer'], response: Response): Promise<unknown> {
  if (answer === null) return undefined;
  if (isJson(answer))
    return parseAnswer(
      answer,
      await response.json().catch((error: unknown) => {
        throw error instanceof SyntaxError ? notOurs() : error;
      }),
    );
  return answer.read === 'stream' ? response.body : new Uint8Array(await response.arrayBuffer());
}

const notOurs = (detail = 'the answer is not the coordinator’s'): CodedError =>
  new CodedError('COORDINATOR_UNREACHABLE', detail);

/** The coded error in a problem+json answer. */
async function errorOf(response: Response): Promise<CodedError> {
  const refusal = fromWire(await response.json().catch(() => null));
  return refusal ? namedProtocolRefusal(refusal) : notOurs(`HTTP ${response.status} that is not the coordinator’s`);
}

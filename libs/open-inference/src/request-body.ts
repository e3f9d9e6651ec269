import { ServingError } from './serving-error.js';

export interface RequestBody {
  readonly json: unknown;
  readonly tail: Uint8Array;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Splits a body at Inference-Header-Content-Length, if the client sent one, and parses the JSON part.
 * @throws ServingError BODY_INVALID
 */
export function readBody(body: unknown, jsonLength: string | undefined): RequestBody {
  const bytes = body instanceof Uint8Array ? body : new Uint8Array();
  if (jsonLength === undefined) return { json: parseJson(bytes), tail: new Uint8Array() };
  if (!/^\d{1,10}$/.test(jsonLength) || Number(jsonLength) > bytes.length) {
    throw new ServingError(
      'BODY_INVALID',
      'Inference-Header-Content-Length must be the length in bytes of the JSON part of the body.',
    );
  }
  return { json: parseJson(bytes.subarray(0, Number(jsonLength))), tail: bytes.subarray(Number(jsonLength)) };
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0)
    throw new ServingError('BODY_INVALID', 'The request has no JSON; send an object with "inputs".');
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // The parser's own text quotes the body.
    throw new ServingError('BODY_INVALID', 'The request is not valid JSON in UTF-8.');
  }
}

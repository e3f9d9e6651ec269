import { CodedError, routes, toWire, type ErrorCode } from '@koinon/contracts';
import { expect, it } from 'vitest';
import { strayIn, type SentAnswer } from './answers.fixture.js';

const JSON_TYPE = 'application/json';
const problem = (code: ErrorCode, type = 'application/problem+json') => {
  const error = new CodedError(code);
  return { status: error.status, type, text: JSON.stringify(toWire(error)) };
};

it.each<[string, SentAnswer]>([
  ['JSON by its schema', { route: routes.live, status: 200, type: JSON_TYPE, text: '{"live":true}' }],
  ['nothing', { route: routes.reportStatus, status: 204, type: undefined, text: undefined }],
  ['bytes', { route: routes.siteBlob, status: 200, type: 'application/octet-stream', text: undefined }],
  ['a code it names', { route: routes.cancelRun, ...problem('RUN_FINISHED') }],
])('an answer may be %s', (_, answer) => {
  expect(strayIn(answer)).toBeUndefined();
});

it.each<[string, SentAnswer]>([
  ['JSON of another form', { route: routes.live, status: 200, type: JSON_TYPE, text: '{"live":1}' }],
  ['another status', { route: routes.startRun, status: 200, type: JSON_TYPE, text: '{}' }],
  ['another type', { route: routes.live, status: 200, type: 'text/html', text: '{"live":true}' }],
  ['a body where there is none', { route: routes.reportStatus, status: 204, type: JSON_TYPE, text: '{}' }],
  ['a code that it does not name', { route: routes.cancelRun, ...problem('RUN_ACTIVE') }],
  ['a code in another form', { route: routes.cancelRun, ...problem('RUN_FINISHED', JSON_TYPE) }],
  ['no code', { route: routes.cancelRun, status: 500, type: JSON_TYPE, text: '{}' }],
])('a stray answer is %s', (_, answer) => {
  expect(strayIn(answer)).toContain(answer.route.path);
});

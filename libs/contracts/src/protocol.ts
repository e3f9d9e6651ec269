/** Which version of the site protocol the two sides speak. Between majors nothing is guessed: they refuse each other. */
import { z } from 'zod';
import { CodedError } from './errors.js';
import { parse } from './parse.js';

/** Major.minor of the site protocol. Sides one minor apart work together. */
export const PROTOCOL = '2.0';

const versionSchema = z.string().regex(/^\d{1,4}\.\d{1,4}$/, 'a protocol is major.minor');

/** Of what is said now: requests, enrolments, assignments. */
export const protocolSchema = z.string().regex(/^2\.\d+$/, 'this side speaks protocol 2');

/**
 * Of a release, which is signed once, kept beside the model and read for months: its form is that of protocol 1. What belongs to a
 * round has words of its own protocol and ends with it.
 */
export const releaseProtocolSchema = z.string().regex(/^[12]\.\d+$/, 'this side reads releases of protocols 1 and 2');

const protocolOf = (said: unknown): string => parse(z.looseObject({ protocol: z.string() }), said).protocol;
const majorOf = (version: string): number => Number(version.split('.')[0]);

/** @throws CodedError PROTOCOL_DIFFERS naming the side to update, REQUEST_INVALID when one says no version */
export function checkProtocols(sides: { readonly node: unknown; readonly coordinator: unknown }): void {
  const [node, coordinator] = [sides.node, sides.coordinator].map((version) => majorOf(parse(versionSchema, version)));
  if (node === coordinator) return;
  const older = node! < coordinator! ? 'node' : 'coordinator';
  throw new CodedError(
    'PROTOCOL_DIFFERS',
    `the node speaks protocol ${node}, the coordinator ${coordinator}: update the ${older}`,
  );
}

/** A node's message as the coordinator reads it: its protocol before the rest. @throws CodedError PROTOCOL_DIFFERS, REQUEST_INVALID */
export function parseMessage<T>(schema: z.ZodType<T>, message: unknown): T {
  checkProtocols({ node: protocolOf(message), coordinator: PROTOCOL });
  return parse(schema, message);
}

/** The coordinator's answer as a node reads it: where it says its protocol, that before the rest. @throws CodedError PROTOCOL_DIFFERS, REQUEST_INVALID */
export function parseAnswer<T>(schema: z.ZodType<T>, answer: unknown): T {
  const said = z.looseObject({ protocol: z.string() }).safeParse(answer).data;
  if (said) checkProtocols({ node: PROTOCOL, coordinator: said.protocol });
  return parse(schema, answer);
}

/** Coordinators of protocol 1 know no code for this: they call the field `protocol` of what a newer node signs invalid. */
export function namedProtocolRefusal(refusal: CodedError): CodedError {
  const isOlder = refusal.code === 'REQUEST_INVALID' && refusal.issues.some(({ path }) => path === 'protocol');
  return isOlder
    ? new CodedError(
        'PROTOCOL_DIFFERS',
        `the node speaks protocol ${majorOf(PROTOCOL)}, the coordinator 1: update the coordinator`,
      )
    : refusal;
}

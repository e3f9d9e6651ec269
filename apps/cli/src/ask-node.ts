import { randomBytes } from 'node:crypto';
import { CodedError, IDENTITY_PATH } from '@koinon/contracts';
import { checkIdentity } from '@koinon/signing';
import { z } from 'zod';
import type { ConfiguredNode } from './nodes-file.js';

const answerSchema = z.object({
  model_name: z.string(),
  model_version: z.string().optional(),
  outputs: z.array(z.object({ name: z.string(), shape: z.array(z.number()), data: z.array(z.number()) })),
});
export type Answer = z.infer<typeof answerSchema>;

const TIMEOUT_MS = 10_000;

/**
 * Asks a node for a prediction, once it has proved that it is the one that its hospital named: until then it gets a challenge and
 * the model's name. This tells a wrong address, not a relay on the line; that takes TLS in front of the node.
 * @returns undefined when it does not answer, cannot say who it is (it starts, is busy, or is no node), or does not serve the model
 * @throws CodedError SIGNATURE_INVALID when another node answers, REQUEST_INVALID with the node's reason
 */
export async function askNode(
  site: string,
  { url, keyFingerprint }: ConfiguredNode,
  model: string,
  inputs: readonly unknown[],
): Promise<Answer | undefined> {
  const challenge = randomBytes(32).toString('hex');
  const path = `/v2/models/${encodeURIComponent(model)}`;
  const proof = await send(url, `${IDENTITY_PATH}?challenge=${challenge}`);
  if (!proof?.ok) return undefined;
  await checkIdentity(await jsonOf(proof), { site, keyFingerprint, challenge });
  if (!(await send(url, path))?.ok) return undefined;
  const response = await send(url, `${path}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs }),
  });
  if (!response) throw new CodedError('NOT_FOUND', `${site} went away before it answered`);
  const body = await jsonOf(response);
  if (!response.ok)
    throw new CodedError(
      'REQUEST_INVALID',
      `${site}: ${(body as { error?: string } | null)?.error ?? `HTTP ${response.status}`}`,
    );
  return answerSchema.parse(body);
}

/** To this address and no other: a node that sends us elsewhere does not answer. */
async function send(url: string, path: string, init: RequestInit = {}): Promise<Response | undefined> {
  return fetch(new URL(path, url), { ...init, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
    () => undefined,
  );
}

const jsonOf = (response: Response): Promise<unknown> => response.json().catch(() => null);

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@koinon/contracts';
import { KoinonClient } from '@koinon/client';
import { readSetting } from '@koinon/service';
import { homeFolder } from './home.js';
import { currentFederation } from './federation-folder.js';

/**
 * The coordinator that `koinon up` runs from KOINON_HOME, or the one in KOINON_COORDINATOR_URL with the token in KOINON_TOKEN_FILE.
 * @throws CodedError CONFIG_INVALID
 */
export function connect(fetcher?: typeof fetch): KoinonClient {
  const url = readSetting(process.env, 'KOINON_COORDINATOR_URL');
  if (url !== undefined)
    return new KoinonClient(
      url,
      read(readSetting(process.env, 'KOINON_TOKEN_FILE') ?? '', 'KOINON_TOKEN_FILE: the file cannot be read'),
      fetcher,
    );
  const none =
    'no coordinator runs from this KOINON_HOME; start one with `koinon up`, or set KOINON_COORDINATOR_URL and KOINON_TOKEN_FILE';
  const folder = currentFederation(homeFolder());
  if (folder === undefined) throw new CodedError('CONFIG_INVALID', none);
  return new KoinonClient(
    read(join(folder, 'coordinator.url'), none),
    read(tokenFileOf(folder, 'operator'), none),
    fetcher,
  );
}

export const tokenFileOf = (folder: string, scope: 'operator' | 'viewer'): string =>
  join(folder, 'coordinator', `${scope}.token`);

/** @throws CodedError CONFIG_INVALID with `otherwise` */
export function read(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new CodedError('CONFIG_INVALID', otherwise);
  }
}

import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { readConfig, type NodeConfig } from '../config.js';

const heart = fileURLToPath(new URL('../../../../models/heart-disease/', import.meta.url));

/** The environment of a hospital that has everything, over real data. */
export function environmentOf(home: string, coordinatorUrl: string, fingerprint: string): Record<string, string> {
  return {
    KOINON_SITE: 'cleveland',
    KOINON_HOME: home,
    KOINON_COORDINATOR_URL: coordinatorUrl,
    KOINON_COORDINATOR_FINGERPRINT: fingerprint,
    KOINON_ENROLMENT_TOKEN_FILE: join(home, 'token'),
    KOINON_DATA_FILE: `${heart}data/processed.cleveland.data`,
    KOINON_SPLIT_FILE: `${heart}data/flamby_split_43.json`,
    KOINON_SPLIT_CENTRE: 'cleveland',
  };
}

export const configOf = (home: string, coordinatorUrl: string, fingerprint: string): NodeConfig =>
  readConfig(environmentOf(home, coordinatorUrl, fingerprint));

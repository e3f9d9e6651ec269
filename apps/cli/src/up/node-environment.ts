import { splitFile } from '@koinon/heart-disease';
import type { Plan } from './options.js';

/** Where a hospital's node lives and whom it enrols with. */
export interface NodePlace {
  readonly home: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly coordinatorUrl: string;
  readonly coordinatorKeyFingerprint: string;
  readonly tokenFile: string;
}

/** The settings of one hospital's node under a plan. */
export function nodeEnvironment(site: string, plan: Plan, place: NodePlace): Record<string, string> {
  const { epsilon, delta } = plan.spec.privacy;
  return {
    KOINON_SITE: site,
    KOINON_HOME: place.home,
    KOINON_COORDINATOR_URL: place.coordinatorUrl,
    KOINON_ENROLMENT_TOKEN_FILE: place.tokenFile,
    KOINON_COORDINATOR_FINGERPRINT: place.coordinatorKeyFingerprint,
    KOINON_DATA_FILE: plan.files[site]!,
    KOINON_SPLIT_FILE: splitFile,
    KOINON_SPLIT_CENTRE: site,
    KOINON_SERVING_THREADS: '1',
    KOINON_PORT: String(place.port),
    KOINON_EPSILON_BUDGET: epsilon === null ? 'off' : String(epsilon),
    KOINON_DELTA: String(delta),
    KOINON_INSECURE_DETERMINISTIC: plan.insecureDeterministic ? '1' : '0',
  };
}

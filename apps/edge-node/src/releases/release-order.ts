import { CodedError } from '@koinon/contracts';
import { isExpired, isOver, type Term } from '@koinon/open-inference';

/** So many releases may pass while a node is away. One signed counter near the largest number would refuse every later release. */
const LARGEST_JUMP = 1_000;

interface Release {
  readonly model: string;
  readonly version: number;
  readonly releaseCounter: number;
  readonly sha256: string;
}

/**
 * Whether a release whose signature holds may follow the installed one: of the model that was asked for, in its term, with a
 * higher counter. The installed one may come again.
 * @param now milliseconds since 1970
 * @throws CodedError SIGNATURE_INVALID, RELEASE_EXPIRED, RELEASE_COUNTER_JUMPED, RELEASE_ROLLED_BACK
 */
export function checkOrder(model: string, release: Release, term: Term, installed: Release | null, now: number): void {
  if (release.model !== model) throw new CodedError('SIGNATURE_INVALID', 'a release of another model');
  const again =
    installed?.releaseCounter === release.releaseCounter &&
    installed.sha256 === release.sha256 &&
    installed.version === release.version;
  // What is installed already may be mended for as long as it is served.
  if (again ? isOver(term, now) : isExpired(term, now))
    throw new CodedError('RELEASE_EXPIRED', `${model} version ${release.version}`);
  if (installed && release.releaseCounter > installed.releaseCounter + LARGEST_JUMP)
    throw new CodedError('RELEASE_COUNTER_JUMPED', `${model} version ${release.version}`);
  if (installed && !again && release.releaseCounter <= installed.releaseCounter)
    throw new CodedError('RELEASE_ROLLED_BACK', `${model} version ${release.version}`);
}

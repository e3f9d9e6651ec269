/** The process of an accountant. */
import { epsilonOf } from '@koinon/privacy';
import { answerOnce } from '../../platform/children/answer-once.js';
import type { EpsilonQuestion } from './epsilon.service.js';

answerOnce(({ released, delta, accountant }: EpsilonQuestion) => epsilonOf(released, delta, accountant));

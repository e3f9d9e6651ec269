/** The process of a recipe's check. */
import { answerOnce } from '../../platform/children/answer-once.js';
import { checkRecipe } from './recipe-check.js';

answerOnce(checkRecipe);

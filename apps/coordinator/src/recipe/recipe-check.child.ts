/** The process of a recipe's check. */
import { answerOnce } from '../children/answer-once.js';
import { checkRecipe } from './recipe-check.js';

answerOnce(checkRecipe);

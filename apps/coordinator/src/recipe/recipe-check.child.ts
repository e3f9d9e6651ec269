/** The process of a recipe's check: takes one recipe over IPC, answers once, ends. */
import { CodedError } from '@koinon/contracts';
import { checkRecipe, type CheckReply, type Recipe } from './recipe-check.js';

process.once('message', (recipe: Recipe) => {
  void answer(recipe).then((reply) => process.send?.(reply, () => process.disconnect()));
});
// The coordinator is gone: nobody is left to answer.
process.on('disconnect', () => process.exit());

async function answer(recipe: Recipe): Promise<CheckReply> {
  try {
    return { checked: await checkRecipe(recipe) };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { code: error.code, ...(error.detail === undefined ? {} : { detail: error.detail }) };
  }
}

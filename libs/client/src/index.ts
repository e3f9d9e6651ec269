export { errorOf, KoinonClient } from './client.js';

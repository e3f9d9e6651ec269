export { KoinonClient } from './client.js';

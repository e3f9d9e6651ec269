export { FakeCoordinator, type SeenRequest } from './fake-coordinator.js';
export { federation } from './federation.js';
export { EPOCH, Hospital, Hospitals, OTHER_SUM, Relay, SUM, newSigner, sha256 } from './hospitals.js';

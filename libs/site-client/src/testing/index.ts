export { FakeCoordinator, listOf, type SeenRequest } from './fake-coordinator.js';
export { federation } from './federation.js';
export { KEY_EPOCH, Hospital, Hospitals, OTHER_SUM, SUM, newSigner } from './hospitals.js';
export { Relay, sha256 } from './relay.js';

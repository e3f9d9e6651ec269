export { DataError, type DataErrorCode, type DataPlace } from './data-error.js';
export { loadHospitalData, type DataSource, type HospitalData, type Records } from './hospital-data.js';

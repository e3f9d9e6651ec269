export * from './browser.js';
export * from './dashboard.page.js';
export * from './fixture-server.js';
export * from './fixtures/federation.js';
export * from './fixtures/models.js';
export * from './fixtures/runs.js';
export * from './fixtures/sites.js';

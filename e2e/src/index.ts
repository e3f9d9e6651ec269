export * from './browser.js';
export * from './dashboard.page.js';
export * from './fixture-server.js';
export * from './fixtures.js';

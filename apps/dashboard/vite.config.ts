import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The coordinator's content security policy allows nothing inline but styles, so no asset becomes a script URL.
export default defineConfig({
  plugins: [react()],
  base: '/',
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});

// Bundles the page that draws dashboards: node build.mjs
import * as esbuild from 'esbuild';

await esbuild.build({
  entryPoints: ['src/main.tsx'],
  bundle: true,
  outfile: 'out/page.js',
  format: 'iife',
  platform: 'browser',
  jsx: 'automatic',
  minify: true,
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.JEST_WORKER_ID': 'undefined', global: 'window' },
  loader: { '.svg': 'text', '.woff2': 'dataurl', '.ttf': 'dataurl', '.png': 'dataurl' },
  mainFields: ['browser', 'module', 'main'],
  // Parts of Grafana's dependencies mention modules of Node's, and do not need them here.
  alias: { stream: './src/empty.js', tty: './src/empty.js', util: './src/empty.js' },
  logLevel: 'error',
});

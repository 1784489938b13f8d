// Draws dashboards as pictures, from a running Prometheus:
//
//   node render.mjs PROMETHEUS SECONDS FOLDER BOARD.json…
//
// The last SECONDS are shown. Exits 1 when a panel is empty or has an error.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const [prometheus, seconds, folder, ...boards] = process.argv.slice(2);
const here = import.meta.dirname;
let board;

const PAGE = `<!doctype html><meta charset=utf-8><link rel=stylesheet href=/page.css>
<div id=root></div><script>window.__grafana_public_path__="/"</script><script src=/page.js></script>`;

const server = http.createServer(async (request, response) => {
  const name = request.url.split('?')[0];
  try {
    if (name === '/') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(PAGE);
    } else if (name === '/board.json') {
      response.end(fs.readFileSync(board));
    } else if (name.startsWith('/api/')) {
      const answer = await fetch(prometheus + request.url);
      response.writeHead(answer.status).end(await answer.text());
    } else {
      response.setHeader('content-type', name.endsWith('.css') ? 'text/css' : 'text/javascript');
      response.end(fs.readFileSync(path.join(here, 'out', path.basename(name))));
    }
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
    '--disable-component-update'],
});
const to = Math.floor(Date.now() / 1000);
let failed = 0;
fs.mkdirSync(folder, { recursive: true });
for (board of boards) {
  const name = path.basename(board, '.json');
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.setViewport({ width: 1420, height: 900 });
  await page.goto(`http://127.0.0.1:${server.address().port}/?to=${to}&span=${seconds}`);
  await page.waitForFunction('window.READY === true', { timeout: 30_000 });
  problems.push(...await page.$$eval('.problem', (all) => all.map((one) => one.innerText)));
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  await page.close();
  failed += problems.length;
  console.log(problems.length ? `FAILED  ${name}: ${problems.join('; ')}` : `ok      ${name} is drawn`);
}
await browser.close();
server.close();
process.exit(failed ? 1 : 0);

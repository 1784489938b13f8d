// Drives a headless Chromium against a running server:
//
//   node tests/browser/run.mjs http://127.0.0.1:8080 [--chaos | --channels]
//     [--screenshots DIRECTORY] [--chromium PATH]
//
// Run it inside tests/netns.sh, together with the server. Exits 0 when every scenario passed; else
// it says which did not, and why.

import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from 'puppeteer-core';

import * as scenarios from './scenarios.mjs';
import * as chaos from './chaos.mjs';
import * as channels from './channels.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    screenshots: { type: 'string' },
    // The server was built with the feature `chaos`: actors die while the browser echoes.
    chaos: { type: 'boolean', default: false },
    // The server is opener.rs: it opens data channels, too.
    channels: { type: 'boolean', default: false },
    chromium: { type: 'string', default: process.env.CHROMIUM ?? '/usr/bin/chromium' },
  },
});
if (positionals.length !== 1) {
  console.error('usage: run.mjs URL [--chaos | --channels] [--screenshots DIRECTORY] [--chromium PATH]');
  process.exit(2);
}
const [url] = positionals;
const chosen = values.chaos ? chaos : values.channels ? channels : scenarios;
const screenshots = values.screenshots;
if (screenshots) await mkdir(screenshots, { recursive: true });

const profile = await mkdtemp(join(tmpdir(), 'actix-rtc-chromium-'));
const browser = await launch({
  executablePath: values.chromium,
  userDataDir: profile,
  headless: true,
  args: [
    // The tests open nothing but the server under test.
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-features=WebRtcHideLocalIpsWithMdns',
    '--allow-loopback-in-peer-connection',
    // To see the priority of what the server opens.
    '--enable-blink-features=RTCDataChannelPriority',
  ],
});

let failed = 0;
try {
  for (const [name, run] of Object.entries(chosen)) {
    const started = Date.now();
    const page = await browser.newPage();
    // What the page complains about, other than the failed requests that a scenario wants.
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      const request = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !request) complaints.push(message.text());
    });
    const shot = async (label) => screenshots
      && page.screenshot({ path: join(screenshots, `${name}-${label}.png`), fullPage: true });
    try {
      await page.setViewport({ width: 1100, height: 900 });
      await page.goto(url, { waitUntil: 'load' });
      await run({ page, url, shot });
      assert.deepEqual(complaints, [], 'the page complained');
      console.log(`ok      ${name} (${Date.now() - started} ms)`);
    } catch (error) {
      failed += 1;
      console.error(`FAILED  ${name} (${Date.now() - started} ms): ${error.message}`);
      await report(page, complaints);
      await shot('failed').catch(() => {});
    } finally {
      await page.close().catch(() => {});
    }
  }
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}
if (failed > 0) {
  console.error(`${failed} of ${Object.keys(chosen).length} scenarios failed`);
  process.exit(1);
}

async function report(page, complaints) {
  const seen = await page.evaluate(() => ({
    states: window.rtcDemo?.states(),
    log: [...document.querySelectorAll('#log li')].slice(-10).map((li) => li.textContent),
  })).catch((error) => ({ page: error.message }));
  console.error(JSON.stringify({ ...seen, complaints }, null, 2));
}

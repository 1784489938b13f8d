// Whether a browser accepts our answers to its offers of audio, video and data, refused and
// accepted, over several rounds:
//
//   node tests/sdp/browsers.mjs ANSWERER (chromium | firefox) PATH
//
// ANSWERER is the program of answerer.rs. Nothing is connected, and so no network is needed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { launch } = createRequire(new URL('../browser/', import.meta.url))('puppeteer-core');
const [program, browserName, executablePath] = process.argv.slice(2);

const answerer = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: answerer.stdout })[Symbol.asyncIterator]();
const answers = async (offer) => {
  answerer.stdin.write(`${JSON.stringify(offer)}\n`);
  const { value } = await lines.next();
  const both = JSON.parse(value);
  assert.equal(both.error, undefined, offer);
  return both;
};

// Each is offered in one bundle with what came before it.
const steps = {
  data: (pc) => { pc.createDataChannel('data'); },
  audio: (pc) => { pc.addTransceiver('audio'); },
  video: (pc) => { pc.addTransceiver('video'); },
  layers: (pc) => {
    const track = document.createElement('canvas').captureStream().getVideoTracks()[0];
    const sendEncodings = ['q', 'h', 'f'].map((rid) => ({ rid }));
    pc.addTransceiver(track, { direction: 'sendonly', sendEncodings });
  },
  'audio stopped': (pc) => {
    pc.getTransceivers().find((t) => t.receiver.track.kind === 'audio').stop();
  },
  'video held': (pc) => {
    pc.getTransceivers().find((t) => t.receiver.track.kind === 'video').direction = 'inactive';
  },
};
const sequences = [
  ['data'],
  ['audio', 'video', 'data'],
  ['data', 'audio', 'video'],
  ['audio', 'video', 'layers', 'data', 'video held', 'audio stopped', 'audio'],
  ['video', 'audio', 'audio stopped', 'audio', 'data'],
  ['layers'],
];

const browser = await launch({
  browser: browserName === 'firefox' ? 'firefox' : 'chrome',
  executablePath,
  headless: true,
  args: browserName === 'firefox' ? [] : ['--no-sandbox', '--disable-gpu', '--no-first-run',
    '--disable-background-networking', '--disable-component-update'],
});
let failed = 0;
try {
  const page = await browser.newPage();
  await page.exposeFunction('answers', answers);
  for (const bundlePolicy of ['balanced', 'max-compat', 'max-bundle']) {
    for (const which of ['refused', 'accepted', 'refused, then accepted']) {
      // As one offer, and as one after the other.
      for (const atOnce of [true, false]) {
        for (const sequence of sequences) {
          const name = `${which}, ${bundlePolicy}, ${sequence.join(atOnce ? ' + ' : ', then ')}`;
          try {
            await page.evaluate(run, bundlePolicy, which, atOnce,
              sequence.map((step) => [step, String(steps[step])]));
            console.log(`ok      ${browserName}: ${name}`);
          } catch (error) {
            failed += 1;
            console.error(`FAILED  ${browserName}: ${name}: ${error.message}`);
          }
        }
      }
    }
  }
} finally {
  await browser.close();
  answerer.stdin.end();
}
process.exit(failed > 0 ? 1 : 0);

async function run(bundlePolicy, which, atOnce, steps) {
  const pc = new RTCPeerConnection({ bundlePolicy });
  const offered = [];
  let answered = false;
  try {
    for (const [at, [name, code]] of steps.entries()) {
      (0, eval)(`(${code})`)(pc);
      offered.push(name);
      if (atOnce && at < steps.length - 1) continue;
      await pc.setLocalDescription().catch((error) => {
        throw new Error(`${offered}: ${error.message}\n${pc.remoteDescription?.sdp}`);
      });
      const offer = pc.localDescription.sdp;
      const refuses = which === 'refused' || (which !== 'accepted' && !answered);
      const { [refuses ? 'refused' : 'accepted']: sdp } = await window.answers(offer);
      answered = true;
      try {
        await pc.setRemoteDescription({ type: 'answer', sdp });
      } catch (error) {
        throw new Error(`${offered}: ${error.message}\n${offer}\n${sdp}`);
      }
      for (const transceiver of pc.getTransceivers()) {
        const { currentDirection, direction, mid } = transceiver;
        if (direction === 'stopped' || mid === null) continue;
        const wanted = refuses ? 'inactive' : direction;
        if (currentDirection !== wanted) {
          throw new Error(`${offered}: ${mid} is ${currentDirection}, not ${wanted}\n${sdp}`);
        }
        const section = sdp.split('\r\nm=').find((text) => text.includes(`\r\na=mid:${mid}\r\n`));
        if (!refuses && !section.includes('sdes:mid')) {
          throw new Error(`${offered}: the MID of ${mid} is not negotiated\n${offer}`);
        }
      }
    }
  } finally {
    pc.close();
  }
}

// Whether a browser accepts our answers to its offers of audio, video and data, refused and
// accepted, and our offers to it, over several rounds:
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
const ask = async (question) => {
  answerer.stdin.write(`${JSON.stringify(question)}\n`);
  const { value } = await lines.next();
  const said = JSON.parse(value);
  assert.equal(said.error, undefined, `${said.error}\n${question.answer ?? question}`);
  return said;
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

// What we offer, round by round.
const offered = [
  [{ make: ['data'] }],
  [{ make: ['audio', 'video', 'data'] }],
  [{ make: ['audio'] }, { make: ['audio', 'data'] }, { make: ['audio', 'data', 'video'] },
    { make: ['audio', 'data', 'video'], stopped: [0] },
    { make: ['audio', 'data', 'video', 'audio'], stopped: [0] },
    { make: ['audio', 'data', 'video', 'audio'], stopped: [0, 1] }],
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
  await page.exposeFunction('ask', ask);
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
  for (const rounds of offered) {
    const name = `our offers, ${JSON.stringify(rounds)}`;
    try {
      await page.evaluate(answer, rounds);
      console.log(`ok      ${browserName}: ${name}`);
    } catch (error) {
      failed += 1;
      console.error(`FAILED  ${browserName}: ${name}: ${error.message}`);
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
      const { [refuses ? 'refused' : 'accepted']: sdp } = await window.ask(offer);
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

// Answers our offers, each of which is of the same session.
async function answer(rounds) {
  const pc = new RTCPeerConnection();
  try {
    for (const round of rounds) {
      const { offer } = await window.ask(round);
      await pc.setRemoteDescription({ type: 'offer', sdp: offer }).catch((error) => {
        throw new Error(`${error.message}\n${offer}`);
      });
      await pc.setLocalDescription();
      const accepted = await window.ask({ answer: pc.localDescription.sdp });
      const live = round.make.map((kind, index) => ({ kind, mid: String(index) }))
        .filter(({ mid }) => !(round.stopped ?? []).includes(Number(mid)));
      const media = live.filter(({ kind }) => kind !== 'data').map(({ mid }) => [mid, 'recvonly']);
      const data = live.some(({ kind }) => kind === 'data');
      const wanted = JSON.stringify({ data, media });
      const found = JSON.stringify({ data: accepted.data, media: accepted.media });
      if (found !== wanted) throw new Error(`${found}, not ${wanted}\n${pc.localDescription.sdp}`);
    }
  } finally {
    pc.close();
  }
}

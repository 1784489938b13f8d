// Actors of the server die while Chromium echoes: the page heals by itself, and on the same channel
// not a message is lost. For a server that was built with the feature `chaos`.

import assert from 'node:assert/strict';

const WITHIN = 60_000;
const MESSAGES = 1_500;
const SIZE = 16 * 1024;

/** Echoes numbered messages, and has actors of the server panic on the way. */
async function echo_while_dying(page, actors) {
  await page.click('#connect');
  await page.waitForFunction(() => window.rtcDemo.states().browser.channel === 'open',
    { timeout: WITHIN, polling: 50 });
  const seen = await page.evaluate(async (dying, count, size, within) => {
    const demo = window.rtcDemo;
    const session = (await (await fetch('/rtc/sessions')).json())[0].id;
    const { channel } = demo;
    const notices = [];
    demo.addEventListener('notice', ({ detail }) => notices.push(detail));
    const kill = (actor) => fetch(
      `/rtc/sessions/${session}/chaos?actor=${actor}&fault=panic&after=20`, { method: 'POST' });
    const restarts = () => notices.filter((notice) => notice === 'ICE restart').length;
    const at = dying.map((_, i) => Math.floor((count * (i + 1)) / (dying.length + 1)));
    const killed = [];
    let back = 0;
    let wrong = null;
    const done = new Promise((resolve, reject) => {
      channel.addEventListener('message', ({ data }) => {
        const number = new DataView(data).getUint32(0);
        const filler = new Uint8Array(data, 4);
        if (number !== back || data.byteLength !== size || filler.some((b) => b !== number % 251)) {
          wrong ??= `message ${number} of ${data.byteLength} bytes came in the place of ${back}`;
        }
        back += 1;
        if (back === count) resolve();
      });
      channel.addEventListener('close', () => reject(new Error(`closed after ${back}`)));
      setTimeout(() => reject(new Error(
        `${back} of ${count} came back: ${JSON.stringify([demo.states(), notices])}`)), within);
    });
    done.catch(() => {});
    for (let number = 0; number < count; number += 1) {
      const message = new Uint8Array(size).fill(number % 251);
      new DataView(message.buffer).setUint32(0, number);
      while (channel.bufferedAmount > 256 * 1024) {
        await Promise.race([done, new Promise((resolve) => { setTimeout(resolve, 5); })]);
      }
      channel.send(message);
      if (number === at[killed.length]) {
        // The next one dies when the one before it has healed.
        while (restarts() < killed.length) {
          await Promise.race([done, new Promise((resolve) => { setTimeout(resolve, 5); })]);
        }
        const response = await kill(dying[killed.length]);
        killed.push({ status: response.status, back });
      }
    }
    await done;
    return { wrong, killed, restarts: restarts(), same: demo.channel === channel, states: demo.states() };
  }, actors, MESSAGES, SIZE, WITHIN);
  const said = JSON.stringify(seen);
  assert.equal(seen.wrong, null, said);
  assert.ok(seen.killed.every(({ status, back }) => status === 202 && back < MESSAGES), said);
  assert.equal(seen.killed.length, actors.length, said);
  assert.ok(seen.restarts >= actors.length, `the page restarted ICE: ${said}`);
  assert.ok(seen.same, 'the channel is another one');
  for (const side of ['server', 'browser']) {
    assert.equal(seen.states[side].dtls, 'connected', said);
    assert.equal(seen.states[side].sctp, 'connected', said);
  }
  await page.click('#close');
  await page.waitForFunction(() => window.rtcDemo.states().server.session === 'closed',
    { timeout: WITHIN, polling: 50 });
}

export async function an_echo_survives_the_ice_actor({ page }) {
  await echo_while_dying(page, ['ice']);
}

export async function an_echo_survives_the_gatherer({ page }) {
  await echo_while_dying(page, ['gatherer']);
}

export async function an_echo_survives_one_after_the_other({ page }) {
  await echo_while_dying(page, ['ice', 'gatherer', 'ice']);
}

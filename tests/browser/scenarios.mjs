// What a person does with the page. Each exported function is a scenario on a page of its own.

import assert from 'node:assert/strict';

const WITHIN = 20_000;
const LARGE = 200 * 1024;

/** Waits until `check` (run in the page) returns something true, and says what was awaited. */
async function until(page, what, check, ...args) {
  try {
    const handle = await page.waitForFunction(check, { timeout: WITHIN, polling: 50 }, ...args);
    return await handle.jsonValue();
  } catch (error) {
    throw new Error(`waited ${WITHIN / 1000} s for ${what}: ${error.message}`);
  }
}

const text = (page, id) => page.$eval(`#${id}`, (element) => element.textContent);

async function connect(page) {
  await page.click('#connect');
  await until(page, 'the three states of the server and of the browser', () => {
    const state = (id) => document.getElementById(id).textContent;
    const ice = ['connected', 'completed'];
    return ['state', 'browser'].every((side) => ice.includes(state(`${side}-ice`))
      && state(`${side}-dtls`) === 'connected' && state(`${side}-sctp`) === 'connected')
      && window.rtcDemo.channel?.readyState === 'open';
  });
  const error = await page.$eval('#error', (element) => (element.hidden ? null : element.textContent));
  assert.equal(error, null, 'an error is shown');
}

async function close(page) {
  await page.click('#close');
  await until(page, 'all states to be closed', () => {
    const { server, browser } = window.rtcDemo.states();
    return [server.ice, server.dtls, server.sctp, browser.dtls, browser.sctp, browser.channel]
      .every((state) => state === 'closed') && window.rtcDemo.pc === null;
  });
  for (const id of ['state-ice', 'state-dtls', 'state-sctp']) {
    assert.equal(await text(page, id), 'closed', id);
  }
}

/** Sends through the page's form, and waits for the echo in its log. */
async function say(page, words, kind) {
  const before = await page.evaluate(() => window.rtcDemo.received.length);
  await page.click(`input[name=kind][value=${kind}]`);
  await page.$eval('#message', (input) => { input.value = ''; });
  if (words !== '') await page.type('#message', words);
  await page.click('#send');
  await until(page, `the echo of ${kind} ${JSON.stringify(words)}`,
    (count) => window.rtcDemo.received.length > count, before);
  const echo = await page.evaluate(() => {
    const last = window.rtcDemo.received.at(-1);
    return typeof last === 'string'
      ? { kind: 'text', words: last }
      : { kind: 'binary', words: new TextDecoder().decode(last) };
  });
  assert.deepEqual(echo, { kind, words });
  const line = await page.$eval('#log li:last-child', (li) => [li.dataset.kind, li.textContent]);
  assert.equal(line[0], 'in', 'the log shows the echo');
  assert.ok(line[1].startsWith(kind), `the log calls it ${kind}: ${line[1]}`);
}

export async function connect_echo_and_close({ page, shot }) {
  for (const id of ['state-ice', 'state-dtls', 'state-sctp']) {
    assert.equal(await text(page, id), 'new', id);
  }
  await connect(page);
  await say(page, 'Grüße, server', 'text');
  await say(page, 'bytes', 'binary');
  await say(page, '', 'text');
  await say(page, '', 'binary');

  await until(page, 'the selected pair', () => document.getElementById('pair').textContent !== 'none yet');
  for (const side of ['local', 'remote']) {
    const count = await page.$$eval(`#${side}-candidates li`, (items) => items.length);
    assert.ok(count > 0, `no ${side} candidate is shown`);
  }
  await shot('connected');
  await close(page);
  await shot('closed');
}

export async function large_and_empty_messages_come_back_in_order({ page }) {
  await connect(page);
  // What was sent, and what came back, in words short enough to compare.
  const { expected, got } = await page.evaluate(async (large, within) => {
    const hash = async (data) => {
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
      const hex = [...digest].map((b) => b.toString(16).padStart(2, '0')).join('');
      return `${typeof data === 'string' ? 'text' : 'binary'} ${bytes.byteLength} ${hex}`;
    };
    const bytes = new Uint8Array(large);
    for (let at = 0; at < large; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    // Two bytes a character: 200 KB and not one more on the wire.
    const words = Array.from({ length: large / 2 }, (_, i) => String.fromCharCode(0xc0 + (i % 64))).join('');
    const sent = ['', new ArrayBuffer(0), words, bytes.buffer, 'x', new ArrayBuffer(1), bytes.buffer];
    for (const data of sent) window.rtcDemo.send(data);
    const deadline = Date.now() + within;
    while (window.rtcDemo.received.length < sent.length && Date.now() < deadline) {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    return {
      expected: await Promise.all(sent.map(hash)),
      got: await Promise.all(window.rtcDemo.received.map(hash)),
    };
  }, LARGE, WITHIN);
  assert.deepEqual(got, expected);
  assert.ok(expected.some((line) => line.startsWith(`text ${LARGE} `)), 'the text has 200 KB');
  await close(page);
}

export async function every_reliability_256_kib_and_the_reset_of_streams({ page }) {
  await connect(page);
  const results = await page.evaluate(async (within) => {
    const modes = {
      reliable: {},
      unordered: { ordered: false },
      'no retransmissions': { maxRetransmits: 0 },
      'unordered, three retransmissions': { ordered: false, maxRetransmits: 3 },
      'half a second': { maxPacketLifeTime: 500 },
      'unordered, half a second': { ordered: false, maxPacketLifeTime: 500 },
    };
    const until = async (check) => {
      const deadline = Date.now() + within;
      while (!check() && Date.now() < deadline) {
        await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
      return check();
    };
    const results = [];
    for (const [label, options] of Object.entries(modes)) {
      const channel = window.rtcDemo.pc.createDataChannel(label, options);
      channel.binaryType = 'arraybuffer';
      const got = [];
      channel.onmessage = ({ data }) => got.push(data);
      const open = await until(() => channel.readyState === 'open');
      let echoed = 0;
      // One after another: what is sent without retransmissions is not to meet a full buffer.
      for (let i = 0; open && i < 10; i += 1) {
        channel.send(`${label} ${i}`);
        if (await until(() => got.length === i + 1) && got[i] === `${label} ${i}`) echoed += 1;
      }
      let large = null;
      if (open && !('maxRetransmits' in options) && !('maxPacketLifeTime' in options)) {
        const bytes = new Uint8Array(262_144);
        for (let at = 0; at < bytes.length; at += 65_536) {
          crypto.getRandomValues(bytes.subarray(at, at + 65_536));
        }
        channel.send(bytes);
        await until(() => got.length === 11);
        const back = new Uint8Array(got[10] ?? 0);
        large = back.length === bytes.length && back.every((byte, at) => byte === bytes[at]);
      }
      channel.close();
      const closed = await until(() => channel.readyState === 'closed');
      results.push({ label, open, echoed, large, closed });
    }
    return results;
  }, WITHIN);
  assert.equal(results.length, 6);
  for (const result of results) {
    const said = JSON.stringify(result);
    assert.ok(result.open && result.closed, said);
    assert.equal(result.echoed, 10, said);
    assert.notEqual(result.large, false, said);
  }
  assert.equal(results.filter(({ large }) => large).length, 2, 'those that are reliable carry 256 KiB');
  // The first channel lives on.
  await say(page, 'still here', 'text');
  await close(page);
}

export async function throughput_test_gets_every_byte_back({ page, shot }) {
  await connect(page);
  await page.click('#throughput');
  await new Promise((resolve) => { setTimeout(resolve, 2_000); });
  assert.equal(await text(page, 'throughput'), 'Stop');
  await page.click('#throughput');
  await until(page, 'the result', () => document.getElementById('throughput-result').textContent.includes('came back'));
  const result = await text(page, 'throughput-result');
  const [, sent, back] = result.match(/: ([\d.]+) MB sent, ([\d.]+) MB came back/);
  assert.ok(Number(sent) > 0, result);
  assert.equal(back, sent, result);
  console.log(`        ${result}`);
  await shot('graph');
  // The session is as usable as before.
  await say(page, 'still here', 'text');
  await close(page);
}

export async function connects_again_after_close({ page }) {
  for (let round = 0; round < 3; round += 1) {
    await connect(page);
    await say(page, `round ${round}`, 'text');
    await close(page);
  }
}

export async function works_at_phone_width_and_in_the_dark({ page, shot }) {
  await page.setViewport({ width: 360, height: 740, deviceScaleFactor: 2 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
  await connect(page);
  await say(page, `${'long '.repeat(60)}${'w'.repeat(200)}`, 'text');
  const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
  assert.ok(width <= 360, `the page is ${width} pixels wide`);
  const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(paper, 'rgb(20, 23, 28)');
  await shot('phone');
  await close(page);
}

export async function works_by_keyboard({ page }) {
  await page.focus('#connect');
  await page.keyboard.press('Enter');
  await until(page, 'the message box to have the focus', () => document.activeElement.id === 'message');
  await page.keyboard.press('Enter');
  await until(page, 'the echo', () => window.rtcDemo.received.length === 1);
  await close(page);
}

// What the offer says of its DTLS role decides ours: the browser itself takes either.
const SETUPS = ['active', 'passive'];

export async function either_side_may_be_the_dtls_client({ page }) {
  for (const setup of SETUPS) {
    const echo = await page.evaluate(async (ours, within) => {
      const pc = new RTCPeerConnection();
      const channel = pc.createDataChannel('either role');
      const echoed = new Promise((resolve, reject) => {
        channel.onmessage = ({ data }) => resolve(data);
        setTimeout(() => reject(new Error('no echo')), within);
      });
      channel.onopen = () => channel.send('in either role');
      await pc.setLocalDescription();
      await new Promise((resolve) => {
        const check = () => pc.iceGatheringState === 'complete' && resolve();
        pc.addEventListener('icegatheringstatechange', check);
        check();
      });
      const offer = pc.localDescription.sdp.replaceAll('a=setup:actpass', `a=setup:${ours}`);
      const response = await fetch('/rtc/sessions', {
        method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: offer,
      });
      const answer = await response.text();
      if (response.status !== 201) throw new Error(`POST: ${response.status} ${answer}`);
      await pc.setRemoteDescription({ type: 'answer', sdp: answer });
      const message = await echoed;
      pc.close();
      await fetch(response.headers.get('Location'), { method: 'DELETE' });
      return { message, answer };
    }, setup, WITHIN);
    assert.equal(echo.message, 'in either role');
    assert.ok(echo.answer.includes(`a=setup:${setup === 'active' ? 'passive' : 'active'}`), echo.answer);
  }
}

export async function a_wrong_fingerprint_fails_dtls_on_both_sides_in_either_role({ page }) {
  for (const setup of SETUPS) {
    await wrongFingerprint(page, setup);
  }
}

async function wrongFingerprint(page, setup) {
  const seen = await page.evaluate(async (ours, within) => {
    const pc = new RTCPeerConnection();
    const channel = pc.createDataChannel('never');
    let opened = false;
    channel.onopen = () => { opened = true; };
    await pc.setLocalDescription();
    await new Promise((resolve) => {
      const check = () => pc.iceGatheringState === 'complete' && resolve();
      pc.addEventListener('icegatheringstatechange', check);
      check();
    });
    const wrong = pc.localDescription.sdp
      .replaceAll('a=setup:actpass', `a=setup:${ours}`)
      .replace(/(a=fingerprint:sha-256 )(..)/, (_, head, byte) => head + (byte === 'AA' ? 'BB' : 'AA'));
    const response = await fetch('/rtc/sessions', {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: wrong,
    });
    if (response.status !== 201) throw new Error(`POST: ${response.status} ${await response.text()}`);
    const location = response.headers.get('Location');
    const events = [];
    const source = new EventSource(`${location}/events`);
    source.addEventListener('state', ({ data }) => events.push({ event: 'state', ...JSON.parse(data) }));
    source.addEventListener('error', ({ data }) => data && events.push({ event: 'error', ...JSON.parse(data) }));
    await new Promise((resolve) => { source.addEventListener('open', resolve, { once: true }); });
    await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });

    const serverFailed = () => events.some((e) => e.transport === 'dtls' && e.state === 'failed');
    const browserGone = () => ['failed', 'closed'].includes(pc.sctp.transport.state)
      || ['failed', 'disconnected', 'closed'].includes(pc.connectionState);
    const deadline = Date.now() + within;
    while (!(serverFailed() && browserGone()) && Date.now() < deadline) {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    source.close();
    const result = {
      events, opened, dtls: pc.sctp.transport.state, connection: pc.connectionState,
    };
    pc.close();
    await fetch(location, { method: 'DELETE' });
    return result;
  }, setup, WITHIN);
  const said = JSON.stringify(seen);
  const error = seen.events.findIndex((e) => e.event === 'error' && e.actor === 'dtls');
  const state = seen.events.findIndex((e) => e.transport === 'dtls' && e.state === 'failed');
  assert.ok(error >= 0, `no error event of dtls: ${said}`);
  assert.ok(state > error, `the error event must come before the state change: ${said}`);
  assert.ok(!seen.events.some((e) => e.transport === 'dtls' && e.state === 'connected'), said);
  assert.equal(seen.opened, false, 'the channel opened');
  assert.ok(['failed', 'closed'].includes(seen.dtls)
    || ['failed', 'disconnected', 'closed'].includes(seen.connection),
  `the browser stayed connected: ${said}`);
}

export async function nonsense_is_refused_with_a_sentence({ page }) {
  const refused = await page.evaluate(async () => {
    const response = await fetch('/rtc/sessions', {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: 'nonsense',
    });
    return { status: response.status, body: await response.text() };
  });
  assert.equal(refused.status, 400);
  assert.match(refused.body, /v=0/, 'the body says what would be right');
}

export async function audio_and_video_in_the_offer_do_no_harm({ page }) {
  for (const bundlePolicy of ['balanced', 'max-compat', 'max-bundle']) {
    const echo = await page.evaluate(async (policy, within) => {
      const pc = new RTCPeerConnection({ bundlePolicy: policy });
      pc.addTransceiver('audio');
      pc.addTransceiver('video');
      const channel = pc.createDataChannel('beside media');
      const echoed = new Promise((resolve, reject) => {
        channel.onopen = () => channel.send('hello');
        channel.onmessage = ({ data }) => resolve(data);
        setTimeout(() => reject(new Error(`${pc.iceConnectionState}, ${pc.connectionState}`)), within);
      });
      await pc.setLocalDescription();
      await new Promise((resolve) => {
        const check = () => pc.iceGatheringState === 'complete' && resolve();
        pc.addEventListener('icegatheringstatechange', check);
        check();
      });
      const response = await fetch('/rtc/sessions', {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp' },
        body: pc.localDescription.sdp,
      });
      if (response.status !== 201) throw new Error(`POST: ${response.status} ${await response.text()}`);
      await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
      const result = await echoed;
      await fetch(response.headers.get('Location'), { method: 'DELETE' });
      pc.close();
      return result;
    }, bundlePolicy, WITHIN);
    assert.equal(echo, 'hello', bundlePolicy);
  }
}

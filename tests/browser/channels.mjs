// The server opens data channels, closes them, and Chromium sees it; also while datagrams are lost.
// For the server in opener.rs, in a network namespace where nft may drop what it likes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

const WITHIN = 20_000;
const LARGEST = 262_144;

// As Chromium is to show them.
const MODES = {
  reliable: { ordered: true },
  unordered: { ordered: false },
  'no retransmissions': { ordered: true, maxRetransmits: 0 },
  'unordered, three retransmissions': { ordered: false, maxRetransmits: 3 },
  'half a second': { ordered: true, maxPacketLifeTime: 500 },
  'unordered, half a second': { ordered: false, maxPacketLifeTime: 500 },
};
const PRIORITIES = ['very-low', 'low', 'medium', 'high'];

/** Connects, and gives the page what the scenarios below have in common. */
async function connect(page) {
  await page.click('#connect');
  await page.waitForFunction(() => window.rtcDemo.channel?.readyState === 'open'
    && window.rtcDemo.states().server.session === 'connected', { timeout: WITHIN, polling: 50 });
  await page.evaluate(async (within) => {
    const sessions = await (await fetch('/rtc/sessions')).json();
    // One that has just closed may be listed still.
    const session = sessions.find(({ state }) => state === 'connected').id;
    const { pc } = window.rtcDemo;
    const t = { pc, offered: [] };
    window.t = t;
    t.within = (what, promise) => Promise.race([promise, new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`waited for ${what}`)), within);
    })]);
    /** Keeps what arrives; `next()` is one message after the other. */
    t.adopt = (channel) => {
      channel.binaryType = 'arraybuffer';
      const got = [];
      const waiting = [];
      channel.onmessage = ({ data }) => (waiting.length ? waiting.shift()(data) : got.push(data));
      const next = () => t.within(`a message on ${channel.label}`, new Promise((resolve) => {
        if (got.length) resolve(got.shift()); else waiting.push(resolve);
      }));
      const event = (name) => new Promise((resolve) => {
        channel.addEventListener(name, resolve, { once: true });
      });
      const opened = channel.readyState === 'open' ? Promise.resolve() : event('open');
      return { channel, next, opened, closed: event('close') };
    };
    t.open = (label, init) => t.adopt(pc.createDataChannel(label, init));
    pc.addEventListener('datachannel', ({ channel }) => {
      const offered = t.adopt(channel);
      const waiting = t.offered.findIndex(({ label }) => label === channel.label);
      if (waiting < 0) throw new Error(`nobody asked for ${channel.label}`);
      t.offered.splice(waiting, 1)[0].resolve(offered);
    });
    /** Has the server do something; the answer. */
    t.server = async (method, path, body) => {
      const [action, ...id] = path.split('/');
      const response = await fetch(['', action, session, ...id].join('/'), {
        method, body, headers: { 'Content-Type': 'application/json' },
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return text;
    };
    /** Has the server open a channel: as it is here, when it is open on both sides. */
    t.offer = async (label, init) => {
      const offered = new Promise((resolve) => { t.offered.push({ label, resolve }); });
      const id = Number(await t.server('POST', 'open', JSON.stringify({ label, ...init })));
      const here = await t.within(`ondatachannel of ${label}`, offered);
      await t.within(`${label} to open`, here.opened);
      if (here.channel.id !== id) throw new Error(`${label}: ${here.channel.id} here, ${id} there`);
      return here;
    };
    t.echo = async (here, message) => {
      const { label } = here.channel;
      // Until it is open; and if it is closed, that is said.
      for (let left = within; here.channel.readyState === 'connecting' && left > 0; left -= 5) {
        await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
      const { readyState } = here.channel;
      if (readyState !== 'open') throw new Error(`${label} is ${readyState} before ${message}`);
      here.channel.send(message);
      const back = await here.next();
      if (back !== message) throw new Error(`${label}: ${message} came back as ${back}`);
    };
    t.random = (size) => {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      return bytes;
    };
    t.same = (bytes, buffer) => bytes.length === buffer.byteLength
      && new Uint8Array(buffer).every((byte, at) => byte === bytes[at]);
  }, WITHIN);
}

async function close(page) {
  await page.click('#close');
  await page.waitForFunction(() => window.rtcDemo.states().server.session === 'closed',
    { timeout: WITHIN, polling: 50 });
}

export async function the_server_opens_channels_of_every_kind_and_both_sides_send({ page }) {
  await connect(page);
  const asked = [];
  for (const [mode, options] of Object.entries(MODES)) {
    const priority = PRIORITIES[asked.length % PRIORITIES.length];
    asked.push({ label: `Grüße: ${mode}`, protocol: `v${asked.length}.test`, priority, ...options });
  }
  // Nothing but the defaults.
  asked.push({ label: '' });
  const seen = await page.evaluate(async (channels, largest) => {
    const { t } = window;
    const seen = [];
    for (const { label, ...init } of channels) {
      const here = await t.offer(label, init);
      const { protocol, priority, ordered, maxRetransmits, maxPacketLifeTime } = here.channel;
      const { negotiated, id } = here.channel;
      for (let i = 0; i < 10; i += 1) await t.echo(here, `${label} ${i}`);
      let large = null;
      if (maxRetransmits === null && maxPacketLifeTime === null) {
        const [ours, theirs] = [t.random(largest), t.random(largest)];
        await t.server('POST', `send/${id}`, theirs);
        large = t.same(theirs, await here.next());
        here.channel.send(ours);
        large &&= t.same(ours, await here.next());
      }
      seen.push({
        label: here.channel.label, protocol, priority, ordered, maxRetransmits, maxPacketLifeTime,
        negotiated, id, large,
      });
    }
    return seen;
  }, asked, LARGEST);
  const wanted = asked.map((options, i) => {
    const partial = 'maxRetransmits' in options || 'maxPacketLifeTime' in options;
    return {
      protocol: '', priority: 'low', ordered: true, maxRetransmits: null, maxPacketLifeTime: null,
      ...options, negotiated: false, id: seen[i]?.id, large: partial ? null : true,
    };
  });
  assert.deepEqual(seen, wanted);
  assert.equal(new Set(seen.map(({ id }) => id)).size, asked.length, 'ids are not distinct');
  assert.equal(new Set(seen.map(({ id }) => id % 2)).size, 1, 'ids are not all of one parity');
  await close(page);
}

export async function whoever_closes_a_channel_of_the_servers_its_id_can_be_used_again({ page }) {
  await connect(page);
  const seen = await page.evaluate(async (modes) => {
    const { t } = window;
    const seen = [];
    for (const [mode, init] of Object.entries(modes)) {
      for (const by of ['server', 'browser']) {
        const end = async ({ channel, closed }) => {
          if (by === 'server') await t.server('POST', `close/${channel.id}`);
          else channel.close();
          const state = await t.server('GET', `closed/${channel.id}`);
          await t.within('onclose', closed);
          return `${state} there, ${channel.readyState} here`;
        };
        const label = `${mode}, closed by the ${by}`;
        const first = await t.offer(label, init);
        const { id } = first.channel;
        await t.echo(first, 'before');
        await t.echo(first, 'the end');
        const ended = await end(first);
        // DCEP takes ids in turn, and there are many: both sides agree on this one.
        const again = { ...init, negotiated: true, id };
        const second = t.open(label, again);
        await t.server('POST', 'open', JSON.stringify({ label, ...again }));
        await t.within(`${label} to open again`, second.opened);
        for (let i = 0; i < 3; i += 1) await t.echo(second, `again ${i}`);
        seen.push([ended, await end(second)]);
      }
    }
    return seen;
  }, MODES);
  const closed = 'closed there, closed here';
  assert.deepEqual(seen, Array(12).fill([closed, closed]));
  await close(page);
}

export async function channels_that_both_sides_open_by_themselves({ page }) {
  await connect(page);
  const seen = await page.evaluate(async (modes, largest) => {
    const { t } = window;
    const seen = [];
    let id = 100;
    for (const [label, mode] of Object.entries(modes)) {
      const init = { ...mode, negotiated: true, id };
      // Either may be the first.
      const early = id % 2 === 0 ? t.open(label, init) : null;
      const theirs = await t.server('POST', 'open', JSON.stringify({ label, ...init }));
      const here = early ?? t.open(label, init);
      await t.within(`${label} to open`, here.opened);
      await t.server('POST', `send/${id}`, 'from the server');
      const first = new TextDecoder().decode(await here.next());
      for (let i = 0; i < 10; i += 1) await t.echo(here, `${label} ${i}`);
      let large = true;
      if (!('maxRetransmits' in mode || 'maxPacketLifeTime' in mode)) {
        const bytes = t.random(largest);
        here.channel.send(bytes);
        large = t.same(bytes, await here.next());
      }
      if (id % 4 < 2) here.channel.close(); else await t.server('POST', `close/${id}`);
      const closed = await t.server('GET', `closed/${id}`);
      await t.within(`${label} to close`, here.closed);
      const { negotiated } = here.channel;
      seen.push([Number(theirs), here.channel.id, negotiated, first, large, closed]);
      id += 1;
    }
    return seen;
  }, MODES, LARGEST);
  assert.deepEqual(seen, Object.keys(MODES).map((_, i) => (
    [100 + i, 100 + i, true, 'from the server', true, 'closed'])));
  await close(page);
}

const nft = (...args) => execFileSync('nft', args, { encoding: 'utf8' });

const dropped = () => Number(/packets (\d+)/.exec(nft('list', 'table', 'inet', 'lossy'))[1]);

/** Loses the datagrams that a rule of nftables matches while `during` runs; how many that were. */
async function losing(which, during) {
  nft(`table inet lossy {
    chain in {
      type filter hook input priority 0
      ${which} counter drop
    }
  }`);
  try {
    await during();
    return dropped();
  } finally {
    nft('delete', 'table', 'inet', 'lossy');
  }
}

export async function every_reliability_keeps_its_promise_while_datagrams_are_lost({ page }) {
  const COUNT = 60;
  await connect(page);
  await page.evaluate(async (modes) => {
    const { t } = window;
    t.lossy = {};
    for (const [label, init] of Object.entries(modes)) t.lossy[label] = await t.offer(label, init);
  }, MODES);
  // One that is surely lost: what is as large as a message.
  await losing('udp length > 900', async () => {
    await page.evaluate(() => {
      window.t.lossy['no retransmissions'].channel.send(`0 ${'x'.repeat(1000)}`);
    });
    for (let left = WITHIN; dropped() === 0; left -= 20) {
      assert.ok(left > 0, 'nothing was lost');
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  });
  // Then every eleventh DTLS record of both directions.
  const some = 'meta l4proto udp @th,64,8 20-63 numgen inc mod 11 == 0';
  const lost = await losing(some, () => page.evaluate(async (count) => {
    const { t } = window;
    for (let i = 1; i <= count; i += 1) {
      // Nearly a packet each.
      for (const { channel } of Object.values(t.lossy)) channel.send(`${i} ${'x'.repeat(1000)}`);
    }
    const back = async ({ next }) => {
      const got = [];
      while (got.length < count) got.push(parseInt(await next(), 10));
      return got;
    };
    // What must all arrive, arrives in spite of the losses.
    t.reliable = await Promise.all([back(t.lossy.reliable), back(t.lossy.unordered)]);
  }, COUNT));
  const seen = await page.evaluate(async (count) => {
    const { t } = window;
    const seen = {};
    for (const [label, { channel, next }] of Object.entries(t.lossy)) {
      // What comes after the losses is not held up by them. On a busy machine it may itself have
      // become too old.
      const again = setInterval(() => channel.send('after'), 1000);
      channel.send('after');
      const got = [];
      while (got.at(-1) !== 'after') {
        const message = await next();
        got.push(message === 'after' ? message : parseInt(message, 10));
      }
      clearInterval(again);
      seen[label] = got.slice(0, -1);
    }
    const [reliable, unordered] = t.reliable;
    const states = window.rtcDemo.states();
    return {
      ...seen,
      reliable: [...reliable, ...seen.reliable],
      unordered: [...unordered, ...seen.unordered],
      states,
    };
  }, COUNT);
  const said = JSON.stringify({ lost, seen });
  const all = Array.from({ length: COUNT }, (_, i) => i + 1);
  const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
  assert.ok(lost > 0, said);
  assert.deepEqual(seen.reliable, all);
  assert.deepEqual(sorted(seen.unordered), all);
  for (const [label, { ordered }] of Object.entries(MODES)) {
    const got = ordered ? seen[label] : sorted(seen[label]);
    assert.ok(got.every((number, at) => number <= COUNT && (at === 0 || number > got[at - 1])),
      `${label}: ${said}`);
  }
  assert.ok(!seen['no retransmissions'].includes(0), `it was sent again: ${said}`);
  assert.ok(seen['no retransmissions'].length > 0, `all were lost: ${said}`);
  for (const side of ['server', 'browser']) assert.equal(seen.states[side].sctp, 'connected', said);
  await close(page);
}

// What the person sees and clicks.

import { RtcDemo } from './demo.js';
import { Graph } from './graph.js';
import { measure } from './throughput.js';

const LOG_LINES = 200;
const PREVIEW = 120;
const TEST_SECONDS = 10;
const STATS_EVERY = 2_000;

const TONES = {
  connected: 'good', completed: 'good', open: 'good',
  checking: 'busy', connecting: 'busy',
  disconnected: 'warn',
  failed: 'bad',
};

const $ = (id) => document.getElementById(id);
const demo = new RtcDemo();
window.rtcDemo = demo;
const graph = new Graph($('graph'), TEST_SECONDS);
let test = null;

function log(kind, text) {
  const list = $('log');
  const line = document.createElement('li');
  line.dataset.kind = kind;
  line.textContent = text;
  list.append(line);
  while (list.children.length > LOG_LINES) list.firstChild.remove();
  list.scrollTop = list.scrollHeight;
}

function describe(data) {
  if (typeof data === 'string') {
    const cut = data.length > PREVIEW ? `${data.slice(0, PREVIEW)}…` : data;
    return `text, ${data.length} characters: ${JSON.stringify(cut)}`;
  }
  const bytes = new Uint8Array(data).subarray(0, PREVIEW / 4);
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, '0')).join(' ');
  return `binary, ${data.byteLength} bytes: ${hex}${data.byteLength > bytes.length ? ' …' : ''}`;
}

function showError(message) {
  $('error').textContent = message;
  $('error').hidden = false;
  log('error', message);
}

function show(element, state) {
  if (element.textContent !== state) element.textContent = state;
  element.dataset.tone = TONES[state] ?? 'quiet';
}

function refresh() {
  const { server, browser } = demo.states();
  for (const transport of ['ice', 'dtls', 'sctp']) {
    show($(`state-${transport}`), server[transport]);
    show($(`browser-${transport}`), browser[transport]);
  }
  const open = demo.pc !== null && browser.channel === 'open';
  $('connect').disabled = demo.pc !== null;
  $('close').disabled = demo.pc === null;
  $('message').disabled = !open;
  $('send').disabled = !open;
  $('throughput').disabled = !open;
  if (!open) test?.abort();
}

function addCandidate(list, line) {
  const item = document.createElement('li');
  item.textContent = line.replace(/^candidate:/, '');
  list.append(item);
}

demo.addEventListener('change', refresh);
demo.addEventListener('local', ({ detail }) => addCandidate($('local-candidates'), detail));
demo.addEventListener('remote', ({ detail }) => addCandidate($('remote-candidates'), detail));
demo.addEventListener('pair', ({ detail: { local, remote } }) => {
  $('pair').textContent = `server ${local} – browser ${remote}`;
});
demo.addEventListener('message', ({ detail }) => log('in', describe(detail)));
demo.addEventListener('notice', ({ detail }) => log('event', detail));
demo.addEventListener('failure', ({ detail }) => showError(detail));

$('connect').addEventListener('click', async () => {
  $('error').hidden = true;
  $('local-candidates').replaceChildren();
  $('remote-candidates').replaceChildren();
  $('pair').textContent = 'none yet';
  const connected = demo.connect();
  refresh();
  try {
    await connected;
    log('event', 'Connected');
    $('message').focus();
  } catch {
    // Shown by the `failure` event.
  }
  refresh();
});

$('close').addEventListener('click', async () => {
  $('close').disabled = true;
  await demo.close();
  log('event', 'Closed');
  refresh();
});

$('message-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('message').value;
  const binary = new FormData(event.target).get('kind') === 'binary';
  const data = binary ? new TextEncoder().encode(text) : text;
  try {
    demo.send(data);
    log('out', describe(data));
  } catch (error) {
    showError(error.message);
  }
});

$('throughput').addEventListener('click', async () => {
  if (test) {
    test.abort();
    return;
  }
  test = new AbortController();
  const button = $('throughput');
  const result = $('throughput-result');
  button.textContent = 'Stop';
  result.textContent = 'Running';
  graph.clear();
  let channel;
  try {
    channel = demo.open('throughput');
    const done = await measure(channel, TEST_SECONDS, (...sample) => graph.add(...sample),
      test.signal);
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    result.textContent = `${done.rate.toFixed(1)} Mbit/s each way: ${megabytes(done.sent)} MB sent, `
      + `${megabytes(done.echoed)} MB came back in ${done.seconds.toFixed(1)} s`;
  } catch (error) {
    result.textContent = `The test ended early: ${error.message}`;
  } finally {
    channel?.close();
    test = null;
    button.textContent = `Start ${TEST_SECONDS} s test`;
    refresh();
  }
});

setInterval(async () => {
  if (!$('stats-details').open || demo.pc === null) return;
  try {
    const stats = await demo.stats();
    if (stats) $('stats').textContent = JSON.stringify(stats, null, 2);
  } catch (error) {
    $('stats').textContent = error.message;
  }
}, STATS_EVERY);

window.addEventListener('pagehide', () => demo.leave());
refresh();

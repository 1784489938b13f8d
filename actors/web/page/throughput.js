// Sends on a channel of its own as fast as the connection takes it, and counts the echo.

// Small enough that every browser sends it, large enough that the count of messages is no cost.
const MESSAGE = 64 * 1024;
// What may wait in the browser: the next acknowledgement must always find something to send.
const HIGH = 4 * 1024 * 1024;
const LOW = 1024 * 1024;
const SAMPLE_EVERY = 200;
// How long the echo of what was sent may take to come back when the test is over.
const ECHO_WITHIN = 5_000;

const megabits = (bytes, milliseconds) => (bytes * 8) / 1000 / milliseconds;

/**
 * Runs for `seconds`, or until `signal` is aborted. `sample(at, sent, echoed)` is called a few
 * times a second. Resolves to the bytes and the average rate.
 */
export async function measure(channel, seconds, sample, signal) {
  if (channel.readyState !== 'open') {
    await new Promise((resolve, reject) => {
      channel.addEventListener('open', resolve, { once: true });
      const closed = () => reject(new Error('The channel closed before it was open'));
      channel.addEventListener('close', closed, { once: true });
      signal.addEventListener('abort', closed, { once: true });
    });
  }
  const payload = new Uint8Array(MESSAGE);
  for (let at = 0; at < MESSAGE; at += 1) payload[at] = at & 255;
  channel.bufferedAmountLowThreshold = LOW;
  let sent = 0;
  let echoed = 0;
  channel.addEventListener('message', ({ data }) => { echoed += data.byteLength; });

  const start = performance.now();
  const end = start + seconds * 1000;
  let last = { at: start, out: 0, echoed: 0 };
  const sampler = setInterval(() => {
    const at = performance.now();
    // Out of the browser: accepted less what still waits.
    const out = sent - channel.bufferedAmount;
    sample((at - start) / 1000, megabits(out - last.out, at - last.at),
      megabits(echoed - last.echoed, at - last.at));
    last = { at, out, echoed };
  }, SAMPLE_EVERY);

  const going = () => performance.now() < end && !signal.aborted && channel.readyState === 'open';
  try {
    while (going()) {
      while (going() && channel.bufferedAmount < HIGH) {
        channel.send(payload);
        sent += MESSAGE;
      }
      await waitForRoom(channel, end - performance.now(), signal);
    }
    const until = performance.now() + ECHO_WITHIN;
    while (echoed < sent && channel.readyState === 'open' && performance.now() < until) {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  } finally {
    clearInterval(sampler);
  }
  const took = performance.now() - start;
  return { sent, echoed, seconds: took / 1000, rate: megabits(echoed, took) };
}

function waitForRoom(channel, limit, signal) {
  return new Promise((resolve) => {
    const stop = new AbortController();
    const done = () => { stop.abort(); resolve(); };
    const options = { once: true, signal: stop.signal };
    channel.addEventListener('bufferedamountlow', done, options);
    channel.addEventListener('close', done, options);
    signal.addEventListener('abort', done, options);
    const timer = setTimeout(done, Math.max(limit, 0));
    stop.signal.addEventListener('abort', () => clearTimeout(timer));
  });
}

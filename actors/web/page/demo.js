// One connection to the server after the other, without any page: `page.js` shows it, and scripts
// drive it as `window.rtcDemo`.

import { Signalling } from './signalling.js';
import { candidates, fragment, restartedAnswer } from './sdp.js';

const OPEN_WITHIN = 20_000;
// How long the server may take to say that it closed.
const CLOSED_WITHIN = 3_000;
// Candidates found within this time share a request.
const TRICKLE_EVERY = 50;

const NEW = { gatherer: 'new', ice: 'new', dtls: 'new', sctp: 'new', session: 'new' };

/** Events: `change` (states), `local`, `remote`, `pair`, `message`, `failure`, `notice`. */
export class RtcDemo extends EventTarget {
  pc = null;
  channel = null;
  received = [];

  #session = null;
  #events = null;
  #server = { ...NEW };
  #found = [];
  #complete = false;
  #trickleTimer = null;
  #trickling = Promise.resolve();
  #remote = new Set();
  #restarting = false;
  #onClosed = null;
  #closing = null;

  /** Resolves when the data channel is open. */
  async connect() {
    // What belongs to the connection before must be gone first.
    if (this.#closing) await this.#closing;
    if (this.pc) throw new Error('Connected already: close first');
    this.received.length = 0;
    this.#server = { ...NEW };
    this.#found = [];
    this.#complete = false;
    this.#remote.clear();
    const pc = new RTCPeerConnection();
    this.pc = pc;
    this.#watch(pc);
    const channel = this.#adopt(pc, pc.createDataChannel('echo'));
    this.channel = channel;
    const open = new Promise((resolve, reject) => {
      channel.addEventListener('open', resolve, { once: true });
      channel.addEventListener('close', () => reject(new Error('Closed before it was open')),
        { once: true });
      setTimeout(() => reject(new Error(
        `Not open after ${OPEN_WITHIN / 1000} s: ${JSON.stringify(this.states())}`)), OPEN_WITHIN);
    });
    // Where an earlier step throws, nobody waits for it.
    open.catch(() => {});
    try {
      await pc.setLocalDescription();
      const session = await Signalling.create(pc.localDescription.sdp);
      if (this.pc !== pc) {
        // Closed while the server answered.
        await session.end();
        throw new Error('Closed before it was open');
      }
      this.#session = session;
      // Before the same ones come as events.
      candidates(session.answer, '0').forEach((c) => this.#showRemote(c));
      await pc.setRemoteDescription({ type: 'answer', sdp: session.answer });
      this.#listen(session);
      this.#trickle();
      await open;
    } catch (error) {
      this.#fail(error.message);
      if (this.pc === pc) await this.close();
      throw error;
    }
  }

  /** Ends the session on both sides; resolves when both have. */
  async close() {
    if (this.pc) {
      this.#closing = this.#end(this.pc).finally(() => { this.#closing = null; });
    }
    await this.#closing;
  }

  async #end(pc) {
    this.pc = null;
    const session = this.#session;
    this.#session = null;
    clearTimeout(this.#trickleTimer);
    if (session) {
      const closed = new Promise((resolve) => {
        this.#onClosed = resolve;
        setTimeout(resolve, CLOSED_WITHIN);
      });
      try {
        await session.end();
        await closed;
      } catch (error) {
        this.#fail(error.message);
      }
    }
    this.#drop(pc);
  }

  /** Ends the session when the page goes away. */
  leave() {
    this.#session?.end(true).catch(() => {});
    this.pc?.close();
  }

  /** Sends a string, or binary as an ArrayBuffer or a view of one. */
  send(data) {
    if (this.channel?.readyState !== 'open') throw new Error('Not connected');
    this.channel.send(data);
  }

  /** Another channel of this connection, for what should not wait behind messages. */
  open(label, options) {
    const channel = this.pc.createDataChannel(label, options);
    channel.binaryType = 'arraybuffer';
    return channel;
  }

  /** The states of both sides. */
  states() {
    const sctp = this.#lastPc?.sctp;
    return {
      server: { ...this.#server },
      browser: {
        ice: sctp?.transport?.iceTransport?.state ?? this.#lastPc?.iceConnectionState ?? 'new',
        dtls: sctp?.transport?.state ?? 'new',
        sctp: sctp?.state ?? 'new',
        channel: this.channel?.readyState ?? 'new',
        connection: this.#lastPc?.connectionState ?? 'new',
      },
    };
  }

  stats() {
    return this.#session?.stats();
  }

  // The connection whose states are shown, also after it was closed.
  #lastPc = null;

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #change() {
    this.#emit('change', this.states());
  }

  #fail(message) {
    this.#emit('failure', message);
  }

  #adopt(pc, channel) {
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('message', ({ data }) => {
      this.received.push(data);
      this.#emit('message', data);
    });
    for (const type of ['open', 'closing', 'close']) {
      channel.addEventListener(type, () => this.#change());
    }
    channel.addEventListener('error', ({ error }) => {
      // Closing the connection is reported as an error of its channels.
      if (this.pc === pc) this.#fail(`Data channel: ${error?.message ?? 'error'}`);
    });
    return channel;
  }

  #watch(pc) {
    this.#lastPc = pc;
    const change = () => this.#lastPc === pc && this.#change();
    pc.addEventListener('iceconnectionstatechange', change);
    pc.addEventListener('connectionstatechange', change);
    pc.addEventListener('signalingstatechange', () => {
      const dtls = pc.sctp?.transport;
      pc.sctp?.addEventListener('statechange', change);
      dtls?.addEventListener('statechange', change);
      dtls?.iceTransport?.addEventListener('statechange', change);
      change();
    });
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (this.pc !== pc) return;
      if (candidate === null) this.#complete = true;
      else if (candidate.candidate !== '') {
        this.#found.push(candidate.candidate);
        this.#emit('local', candidate.candidate);
      }
      this.#trickle();
    });
  }

  // Sends what was found since the last time, in order, once the server knows the session.
  #trickle() {
    if (!this.#session || this.#restarting || this.#trickleTimer) return;
    this.#trickleTimer = setTimeout(() => {
      this.#trickleTimer = null;
      const session = this.#session;
      if (!session || this.#restarting) return;
      if (this.#found.length === 0 && !this.#complete) return;
      const text = fragment(this.pc.localDescription.sdp, this.#found.splice(0), this.#complete);
      this.#complete = false;
      this.#trickling = this.#trickling
        .then(() => session.trickle(text))
        // A session that was closed meanwhile takes no candidates.
        .catch((error) => this.#session === session && this.#fail(error.message));
    }, TRICKLE_EVERY);
  }

  #listen(session) {
    const events = session.events();
    this.#events = events;
    const on = (name, handle) => events.addEventListener(name, (event) => {
      if (this.#events === events) handle(JSON.parse(event.data));
    });
    on('state', ({ transport, state }) => {
      this.#server[transport] = state;
      this.#change();
    });
    // `error` is also what the browser calls a broken stream; that one has no data, and the
    // browser tries again by itself.
    events.addEventListener('error', (event) => {
      if (this.#events !== events) return;
      if (event.data) {
        const { actor, reason, message } = JSON.parse(event.data);
        this.#fail(`Server, ${actor}: ${message} (${reason})`);
      } else if (events.readyState === EventSource.CLOSED && this.#session) {
        this.#emit('notice', 'The server ended the stream of events');
      }
    });
    on('candidate', (candidate) => this.#addRemote(candidate));
    on('selectedpair', (pair) => this.#emit('pair', pair));
    on('icerestartneeded', () => this.#restart());
    on('closed', () => {
      this.#onClosed?.();
      if (this.#session) {
        // The server closed by itself.
        const { pc } = this;
        this.#session = null;
        this.pc = null;
        this.#emit('notice', 'The server closed the session');
        this.#drop(pc);
      }
    });
  }

  async #addRemote(candidate) {
    try {
      if (!this.#showRemote(candidate)) return;
      await this.pc?.addIceCandidate(candidate.candidate === '' ? null : candidate);
    } catch (error) {
      this.#fail(`Candidate of the server: ${error.message}`);
    }
  }

  // Whether it is new: those of the answer come as events, too.
  #showRemote({ candidate }) {
    const line = candidate.replace(/^a=/, '');
    if (this.#remote.has(line)) return false;
    this.#remote.add(line);
    if (line !== '') this.#emit('remote', line);
    return true;
  }

  // New credentials for ICE; DTLS, SCTP and the channels live on.
  async #restart() {
    const { pc } = this;
    if (!pc || this.#restarting) return;
    this.#restarting = true;
    this.#emit('notice', 'ICE restart');
    try {
      const session = this.#session;
      await this.#trickling;
      this.#found = [];
      this.#complete = false;
      this.#remote.clear();
      pc.restartIce();
      await pc.setLocalDescription();
      const reply = await session.restart(fragment(pc.localDescription.sdp, [], false));
      const answer = restartedAnswer(session.answer, reply);
      await pc.setRemoteDescription({ type: 'answer', sdp: answer });
      session.answer = answer;
      for (const candidate of candidates(reply, '0')) await this.#addRemote(candidate);
    } catch (error) {
      // Back to where another restart can begin.
      if (pc.signalingState === 'have-local-offer') {
        await pc.setLocalDescription({ type: 'rollback' }).catch(() => {});
      }
      if (this.pc === pc) this.#fail(error.message);
    } finally {
      this.#restarting = false;
      this.#trickle();
    }
  }

  #drop(pc) {
    this.#events?.close();
    this.#events = null;
    this.#onClosed = null;
    pc.close();
    this.#change();
  }
}

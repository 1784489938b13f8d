// The HTTP side of a session: one object for one session on the server.

const SESSIONS = '/rtc/sessions';
const FRAGMENT = 'application/trickle-ice-sdpfrag';

/** What the server answered when it did not do what it was asked. */
export class SignallingError extends Error {
  constructor(doing, status, body) {
    super(`${doing}: ${status} ${body.trim().slice(0, 300)}`);
    this.status = status;
  }
}

async function checked(doing, response) {
  if (!response.ok) throw new SignallingError(doing, response.status, await response.text());
  return response;
}

export class Signalling {
  /** Creates the session that `offer` asks for. */
  static async create(offer) {
    const headers = { 'Content-Type': 'application/sdp' };
    const response = await checked('The offer was refused',
      await fetch(SESSIONS, { method: 'POST', headers, body: offer }));
    const session = new Signalling();
    session.location = new URL(response.headers.get('Location'), response.url).href;
    session.etag = response.headers.get('ETag');
    session.answer = await response.text();
    return session;
  }

  /** Sends candidates of the generation that the server knows. */
  async trickle(fragment) {
    const headers = { 'Content-Type': FRAGMENT };
    if (this.etag) headers['If-Match'] = this.etag;
    await checked('Candidates were refused',
      await fetch(this.location, { method: 'PATCH', headers, body: fragment }));
  }

  /** Asks for an ICE restart; the answer is the server's fragment. */
  async restart(fragment) {
    // RFC 9725 §4.3.3: a restart holds whatever the generation was.
    const headers = { 'Content-Type': FRAGMENT, 'If-Match': '*' };
    const response = await checked('The ICE restart was refused',
      await fetch(this.location, { method: 'PATCH', headers, body: fragment }));
    this.etag = response.headers.get('ETag') ?? this.etag;
    return response.status === 200 ? response.text() : '';
  }

  /** The session's server-sent events. */
  events() {
    return new EventSource(`${this.location}/events`);
  }

  async stats() {
    return (await checked('No statistics', await fetch(`${this.location}/stats`))).json();
  }

  /** Ends the session. `keepalive` lets the request outlive the page. */
  async end(keepalive = false) {
    const response = await fetch(this.location, { method: 'DELETE', keepalive });
    // Gone already is as good.
    if (response.status !== 404) await checked('Closing was refused', response);
  }
}

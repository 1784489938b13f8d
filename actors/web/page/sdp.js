// The few things that the page must know of SDP: fragments and restarts (RFC 8840).

const lines = (sdp) => sdp.split(/\r?\n/).filter((line) => line !== '');

/** The values of an attribute, wherever it stands. */
export function attributes(sdp, name) {
  const prefix = `a=${name}:`;
  return lines(sdp).filter((l) => l.startsWith(prefix)).map((l) => l.slice(prefix.length));
}

/** The candidates of a description as the browser's objects. */
export function candidates(sdp, sdpMid) {
  return attributes(sdp, 'candidate').map((value) => ({ candidate: `candidate:${value}`, sdpMid }));
}

/** A fragment with the credentials of `localSdp` and some candidates. */
export function fragment(localSdp, found, complete) {
  const out = [
    `a=ice-ufrag:${attributes(localSdp, 'ice-ufrag')[0]}`,
    `a=ice-pwd:${attributes(localSdp, 'ice-pwd')[0]}`,
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    `a=mid:${attributes(localSdp, 'mid')[0]}`,
    ...found.map((line) => `a=${line}`),
  ];
  if (complete) out.push('a=end-of-candidates');
  return `${out.join('\r\n')}\r\n`;
}

/** The answer to an ICE restart: the earlier answer with the credentials of the fragment. */
export function restartedAnswer(answer, reply) {
  const fresh = ['ice-ufrag', 'ice-pwd'].map((name) => {
    const value = attributes(reply, name)[0];
    if (!value) throw new Error(`The server's answer to the ICE restart has no ${name}`);
    return [name, value];
  });
  const kept = lines(answer).filter((l) => !/^a=(candidate:|end-of-candidates)/.test(l));
  const changed = fresh.reduce(
    (all, [name, value]) => all.map((l) => (l.startsWith(`a=${name}:`) ? `a=${name}:${value}` : l)),
    kept,
  );
  return `${changed.join('\r\n')}\r\n`;
}

"""libsrtp, driven by lines of JSON: each asks for one thing, and is answered by one line.

{"session": NAME, "send": BOOL, "profile": IANA NAME, "key": HEX}   a context of one direction
{"of": NAME, "call": "protect" | "unprotect", "kind": "rtp" | "rtcp", "packets": [HEX, …]}

The answer to a call is a list: for each packet its bytes, or null where libsrtp refused it.
"""

import json
import sys

from pylibsrtp import Error, Policy, Session

PROFILES = {
    "SRTP_AES128_CM_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "SRTP_AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "SRTP_AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def session(line):
    policy = Policy(
        key=bytes.fromhex(line["key"]),
        ssrc_type=Policy.SSRC_ANY_OUTBOUND if line["send"] else Policy.SSRC_ANY_INBOUND,
        srtp_profile=PROFILES[line["profile"]],
    )
    policy.window_size = 1024
    return Session(policy)


def attempt(call, packet):
    try:
        return call(bytes.fromhex(packet)).hex()
    except Error:
        return None


def main():
    sessions = {}
    for text in sys.stdin:
        line = json.loads(text)
        if "session" in line:
            sessions[line["session"]] = session(line)
            answer = True
        else:
            name = line["call"] + ("_rtcp" if line["kind"] == "rtcp" else "")
            call = getattr(sessions[line["of"]], name)
            answer = [attempt(call, packet) for packet in line["packets"]]
        print(json.dumps(answer), flush=True)


main()

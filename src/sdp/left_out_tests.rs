use super::*;
use crate::sdp::{Description, Fragment};

fn many(lines: impl Iterator<Item = String>) -> (Vec<String>, Vec<LeftOut>) {
    let lines: Vec<_> = lines
        .map(|l| Attribute::with_value("candidate", l))
        .collect();
    candidates(lines.iter())
}

fn host(i: usize) -> String {
    format!("{i} 1 udp 1 192.0.2.1 {i} typ host")
}

#[test]
fn up_to_the_limit_all_are_kept() {
    let (kept, left_out) = many((0..MAX_CANDIDATES).map(host));
    assert_eq!((kept.len(), left_out), (MAX_CANDIDATES, vec![]));
}

#[test]
fn beyond_the_limit_the_last_ones_of_the_most_common_kind_are_left_out() {
    let others = [
        "1 1 udp 1 192.0.2.1 9 typ relay raddr 0.0.0.0 rport 0",
        "1 1 udp 1 192.0.2.1 9 typ srflx raddr 0.0.0.0 rport 0",
        "1 1 TCP 1 192.0.2.1 9 typ host tcptype passive",
        "1 1 udp 1 2001:db8::1 9 typ host",
        " 1 udp 1 2001:db8::1 9 typ relay",
        "nonsense",
    ];
    let lines = (0..200).map(host).chain(others.map(str::to_owned));
    let (kept, left_out) = many(lines);
    assert_eq!(left_out, [LeftOut::Candidates(106)]);
    assert_eq!(
        left_out[0].to_string(),
        "106 candidates beyond the first 100"
    );
    assert_eq!(kept.len(), MAX_CANDIDATES);
    for other in others {
        assert!(kept.contains(&format!("candidate:{other}")), "{other}");
    }
    let hosts: Vec<_> = (0..94).map(|i| format!("candidate:{}", host(i))).collect();
    assert_eq!(kept[..94], hosts);
}

#[test]
fn descriptions_and_fragments_say_so() {
    const OFFER: &str = include_str!("testdata/chromium.sdp");
    let line = |i| format!("a=candidate:{}\r\n", host(i));
    let more: String = (0..MAX_CANDIDATES).map(line).collect();
    let offer = Description::parse_offer(&format!("{OFFER}{more}")).unwrap();
    assert_eq!(offer.description.candidates.len(), MAX_CANDIDATES);
    assert_eq!(offer.description.left_out, [LeftOut::Candidates(1)]);
    let half: String = (0..60).map(line).collect();
    let text = format!("{half}m=audio 9 X 0\r\n{half}");
    let fragment = Fragment::parse(&text, None).unwrap();
    assert_eq!(fragment.candidates.len(), MAX_CANDIDATES);
    assert_eq!(fragment.left_out, [LeftOut::Candidates(20)]);
}

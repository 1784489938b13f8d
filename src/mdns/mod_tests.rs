use super::*;

const NAME: &str = "1f5c3e8a-6d21-4c3b-9a57-0d2f8f4f9b11.local";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn start() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time has to begin somewhere"
    )]
    Instant::now()
}

fn labels(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out
}

fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let words = [0, flags].into_iter().chain(counts);
    words.flat_map(u16::to_be_bytes).collect()
}

fn record(owner: &[u8], kind: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut out = owner.to_vec();
    out.extend(kind.to_be_bytes());
    out.extend(class.to_be_bytes());
    out.extend(ttl.to_be_bytes());
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
    out
}

fn response(records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = header(0x8400, [0, records.len() as u16, 0, 0]);
    records.iter().for_each(|r| out.extend(r));
    out
}

fn answers(datagram: &[u8]) -> Vec<IpAddr> {
    Answers::parse(datagram, &name(NAME)).collect()
}

#[test]
fn names_are_those_below_local() {
    assert_eq!(name("Ab-c.LOCAL.").to_string(), "ab-c.local");
    let long = format!("{}.local", "a".repeat(64));
    for text in [
        "",
        ".local",
        "a..local",
        "a b.local",
        "b\u{fc}cher.local",
        &long,
    ] {
        assert_eq!(text.parse::<Name>(), Err(NameError::Invalid), "{text}");
    }
    for text in ["local", "example.org", "alocal", "a.local.example"] {
        assert_eq!(text.parse::<Name>(), Err(NameError::NotLocal), "{text}");
    }
}

#[test]
fn a_question_asks_for_both_families_and_for_an_answer_of_its_own() {
    let mut expected = header(0, [2, 0, 0, 0]);
    for kind in [1u16, 28] {
        expected.extend(labels(NAME));
        expected.extend(kind.to_be_bytes());
        expected.extend([0x80, 1]);
    }
    assert_eq!(name(NAME).question(), expected);
}

#[test]
fn addresses_of_the_name_are_found_among_others() {
    let own = labels(NAME);
    let shout = labels(&NAME.to_ascii_uppercase());
    let message = response(&[
        record(&labels("printer.local"), 1, 1, 120, &[192, 0, 2, 9]),
        record(&own, 16, 1, 120, b"text"),
        record(&shout, 1, 0x8001, 120, &[192, 0, 2, 1]),
        // A pointer to the first name of the message, and one to the third record's.
        record(&[0xC0, 12], 1, 1, 120, &[192, 0, 2, 8]),
        record(
            &own,
            28,
            1,
            120,
            &[0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
    ]);
    let found: Vec<IpAddr> = ["192.0.2.1", "2001:db8::1"]
        .map(|ip| ip.parse().unwrap())
        .into();
    assert_eq!(answers(&message), found);

    // The question is repeated, the answer points to it.
    let mut message = header(0x8400, [1, 1, 0, 0]);
    message.extend(labels(NAME));
    message.extend([0, 1, 0, 1]);
    message.extend(record(&[0xC0, 12], 1, 1, 120, &[192, 0, 2, 1]));
    assert_eq!(answers(&message), found[..1]);
}

#[test]
fn what_is_no_answer_is_none() {
    let own = labels(NAME);
    let good = record(&own, 1, 1, 120, &[192, 0, 2, 1]);
    let mut question = response(std::slice::from_ref(&good));
    question[2] = 0;
    assert!(answers(&question).is_empty());
    for (what, bad) in [
        ("goodbye", record(&own, 1, 1, 0, &[192, 0, 2, 1])),
        ("another class", record(&own, 1, 3, 120, &[192, 0, 2, 1])),
        ("too short", record(&own, 1, 1, 120, &[192, 0, 2])),
        ("unspecified", record(&own, 1, 1, 120, &[0, 0, 0, 0])),
        ("multicast", record(&own, 1, 1, 120, &[224, 0, 0, 251])),
        ("broadcast", record(&own, 1, 1, 120, &[255; 4])),
        (
            "another name",
            record(&labels("x.local"), 1, 1, 120, &[192, 0, 2, 1]),
        ),
        (
            "points forward",
            record(&[0xC0, 200], 1, 1, 120, &[192, 0, 2, 1]),
        ),
        (
            "points to itself",
            record(&[0xC0, 12], 1, 1, 120, &[192, 0, 2, 1]),
        ),
        (
            "a longer name",
            record(&labels(&format!("a.{NAME}")), 1, 1, 120, &[192, 0, 2, 1]),
        ),
    ] {
        let alone = response(std::slice::from_ref(&bad));
        assert!(answers(&alone).is_empty(), "{what}");
        let both = [bad, good.clone()];
        assert_eq!(
            answers(&response(&both)).len(),
            1,
            "{what}, then a good one"
        );
    }
}

#[test]
fn no_message_makes_it_stumble() {
    let own = labels(NAME);
    let whole = response(&[
        record(&own, 1, 1, 120, &[192, 0, 2, 1]),
        record(&[0xC0, 12], 28, 1, 120, &[1; 16]),
    ]);
    for end in 0..whole.len() {
        answers(&whole[..end]);
    }
    let mut random = crate::random::Random::from_number(5353);
    for _ in 0..20_000 {
        let mut broken = whole.clone();
        for _ in 0..1 + random.u32() % 4 {
            let at = random.u32() as usize % broken.len();
            broken[at] = random.u32() as u8;
        }
        assert!(answers(&broken).len() <= 64);
    }
    let mut endless = header(0x8400, [0, u16::MAX, u16::MAX, u16::MAX]);
    endless.resize(MAX_MESSAGE, 0);
    assert!(answers(&endless).is_empty());
}

#[test]
fn a_query_asks_again_until_its_time_is_over() {
    let now = start();
    let second = Duration::from_secs(1);
    let mut query = Query::new(now, name(NAME), second * 3);
    let mut sent = Vec::new();
    let mut at = now;
    while query.progress(at) == Progress::Pending {
        while query.poll_transmit(at).is_some() {
            sent.push((at - now).as_millis());
        }
        at = query.poll_timeout();
    }
    assert_eq!(sent, [0, 250, 750, 1750]);
    assert_eq!(at, now + second * 3);
    assert_eq!(query.progress(at), Progress::Unresolved);
}

#[test]
fn the_first_answer_ends_a_query() {
    let now = start();
    let mut query = Query::new(now, name(NAME), Duration::from_secs(3));
    assert_eq!(query.poll_transmit(now), Some(name(NAME).question()));
    query.handle_datagram(b"noise");
    query.handle_datagram(&query.name.question());
    assert_eq!(query.progress(now), Progress::Pending);
    let own = labels(NAME);
    query.handle_datagram(&response(&[record(&own, 1, 1, 120, &[192, 0, 2, 1])]));
    query.handle_datagram(&response(&[record(&own, 1, 1, 120, &[192, 0, 2, 2])]));
    let found = Progress::Found("192.0.2.1".parse().unwrap());
    assert_eq!(query.progress(now + Duration::from_secs(9)), found);
    assert_eq!(query.poll_transmit(now + Duration::from_secs(1)), None);
}

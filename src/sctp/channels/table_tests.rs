use super::*;
use crate::sctp::config::ChannelOptions;

fn channel(stream: Option<u16>) -> Channel {
    Channel::new(String::new(), ChannelOptions::default(), stream)
}

#[test]
fn a_handle_of_a_removed_channel_is_nobodys() {
    let mut channels = Channels::default();
    let first = channels.insert(channel(Some(4))).unwrap();
    assert_eq!(channels.by_stream(4), Some(first));
    channels.remove(first);
    let second = channels.insert(channel(Some(4))).unwrap();
    assert_ne!(first, second);
    assert!(channels.get(first).is_none() && channels.get(second).is_some());
    channels.remove(first);
    channels.release_stream(first);
    assert_eq!((channels.len(), channels.by_stream(4)), (1, Some(second)));
    assert_eq!(channels.ids(), [second]);
}

#[test]
fn all_identifiers_of_a_parity_can_be_used_and_then_none() {
    for (client, first, last) in [(true, 0, 65_534), (false, 1, 65_533)] {
        let mut channels = Channels::default();
        let mut seen = Vec::new();
        while let Some(stream) = channels.free_stream(client, u16::MAX, |stream| stream == 100) {
            seen.push(stream);
            channels.insert(channel(Some(stream))).unwrap();
        }
        assert_eq!((seen.first(), seen.last()), (Some(&first), Some(&last)));
        assert_eq!(seen.len(), 32_767);
        assert!(seen.iter().all(|stream| stream % 2 == first));
    }
}

#[test]
fn identifiers_stay_below_the_peers_limit() {
    let mut channels = Channels::default();
    let mut take = |limit| {
        let stream = channels.free_stream(true, limit, |_| false)?;
        channels.insert(channel(Some(stream))).ok()?;
        Some(stream)
    };
    assert_eq!([take(3), take(3), take(3)], [Some(0), Some(2), None]);
    assert_eq!(take(0), None);
}

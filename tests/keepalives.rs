//! Keepalives to STUN servers: only while ICE needs what NATs have mapped.

#[path = "harness/time_limit.rs"]
mod time_limit;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_rtc::proto::stun::{BINDING, Builder, Class, Header, attribute, peek};
use actix_rtc::{Config, IceRole, IceServer, IceTransport, Runtime};
use time_limit::{until, within};
use tokio::net::UdpSocket;

/// A STUN server that counts what it is asked.
async fn stun_server() -> (IceServer, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("stun:{}", socket.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    tokio::spawn({
        let asked = asked.clone();
        async move {
            let mut buffer = [0; 2048];
            while let Ok((len, from)) = socket.recv_from(&mut buffer).await {
                let transaction_id = peek(&buffer[..len]).expect("STUN").transaction_id;
                asked.fetch_add(1, Ordering::SeqCst);
                let header = Header {
                    class: Class::SuccessResponse,
                    method: BINDING,
                    transaction_id,
                };
                let mapped = attribute::XOR_MAPPED_ADDRESS;
                let answer = Builder::new(header).xor_address(mapped, from).build();
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    (IceServer::stun(url), asked)
}

#[tokio::test]
async fn a_stun_server_is_left_alone_while_a_chosen_pair_works() {
    let mut config = Config::default().workers(1).loopback(true);
    config.gather.keepalive = Duration::from_millis(50);
    let rtc = Runtime::builder().config(config).start().unwrap();
    let (server, asked) = stun_server().await;
    let count = || asked.load(Ordering::SeqCst);
    let side = async |role, servers| {
        let gatherer = rtc.gatherer(Default::default()).unwrap();
        within(gatherer.gather(Some(servers))).await.unwrap();
        let ice = IceTransport::new(&gatherer).unwrap();
        ice.set_role(role);
        (gatherer, ice)
    };
    let (one, ice) = side(IceRole::Controlling, vec![server]).await;
    let gathered = count();
    until(|| count() > gathered + 2).await;

    let (two, far) = side(IceRole::Controlled, vec![]).await;
    for candidate in two.local_candidates() {
        ice.add_remote_candidate(candidate);
    }
    let (ours, theirs) = (one.local_parameters(), two.local_parameters());
    let both = async { tokio::join!(ice.start(theirs), far.start(ours)) };
    assert_eq!(within(both).await, (Ok(()), Ok(())));
    until(|| ice.selected_pair().is_some_and(|pair| pair.nominated)).await;
    // What is on its way arrives.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let chosen = count();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(count(), chosen);
    // The candidates of a restart have to be true.
    within(ice.restart()).await.unwrap();
    until(|| count() > chosen + 2).await;
}

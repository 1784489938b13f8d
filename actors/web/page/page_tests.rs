use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service, read_body};

use super::{ASSETS, configure};

/// What follows each `before` up to the next quote.
fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before)
        .skip(1)
        .filter_map(|rest| rest.split(['"', '\'']).next())
}

#[test]
fn everything_the_page_loads_is_served() {
    let served = |path: &str| ASSETS.iter().any(|asset| asset.path == path);
    let mut seen = 0;
    for asset in &ASSETS {
        let html = quoted(asset.body, "src=\"")
            .chain(quoted(asset.body, "<link rel=\"stylesheet\" href=\""));
        for path in html {
            assert!(served(path), "{path} in {}", asset.path);
            seen += 1;
        }
        for module in quoted(asset.body, " from './") {
            assert!(
                served(&format!("/page/{module}")),
                "{module} in {}",
                asset.path
            );
            seen += 1;
        }
    }
    // Two of the document, three of page.js, two of demo.js.
    assert_eq!(seen, 7);
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for asset in &ASSETS {
        assert!(!asset.body.contains("http://") && !asset.body.contains("https://"));
    }
}

#[test]
fn the_elements_that_scripts_use_are_there() {
    let page = ASSETS[0].body;
    for id in [
        "connect",
        "close",
        "message",
        "send",
        "log",
        "state-ice",
        "state-dtls",
        "state-sctp",
        "candidates",
        "pair",
        "throughput",
        "graph",
    ] {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[actix_web::test]
async fn every_file_is_served_with_its_type() {
    let app = init_service(App::new().configure(configure)).await;
    for asset in &ASSETS {
        let request = TestRequest::get().uri(asset.path).to_request();
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), 200, "{}", asset.path);
        let header = |name| {
            response
                .headers()
                .get(name)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(header("content-type"), asset.content_type);
        assert!(header("content-security-policy").contains("script-src 'self'"));
        assert_eq!(read_body(response).await, asset.body);
    }
}

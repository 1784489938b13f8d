//! The demo's page: a few files compiled into the program, so that it needs nothing beside it.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

/// One of the page's files.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

static ASSETS: [Asset; 8] = [
    Asset {
        path: "/",
        content_type: HTML,
        body: include_str!("index.html"),
    },
    Asset {
        path: "/page/page.css",
        content_type: CSS,
        body: include_str!("page.css"),
    },
    Asset {
        path: "/page/page.js",
        content_type: JS,
        body: include_str!("page.js"),
    },
    Asset {
        path: "/page/demo.js",
        content_type: JS,
        body: include_str!("demo.js"),
    },
    Asset {
        path: "/page/graph.js",
        content_type: JS,
        body: include_str!("graph.js"),
    },
    Asset {
        path: "/page/sdp.js",
        content_type: JS,
        body: include_str!("sdp.js"),
    },
    Asset {
        path: "/page/signalling.js",
        content_type: JS,
        body: include_str!("signalling.js"),
    },
    Asset {
        path: "/page/throughput.js",
        content_type: JS,
        body: include_str!("throughput.js"),
    },
];

/// The page talks to its own server only, and loads nothing from anywhere else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'";

/// Serves the page at `/` and its files below `/page/`.
pub fn configure(config: &mut web::ServiceConfig) {
    for asset in &ASSETS {
        config.route(
            asset.path,
            web::get().to(move || async move { asset.respond() }),
        );
    }
}

impl Asset {
    fn respond(&self) -> HttpResponse {
        HttpResponse::Ok()
            .content_type(self.content_type)
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // A new version of the program is a new page.
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .body(self.body)
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;

//! What operators and load balancers ask for.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Responder};

use crate::api::runtime::Runtime;

/// `/healthz`, 200 while the process lives, and `/readyz`, 503 while it is draining.
pub fn health(runtime: &Runtime) -> impl FnOnce(&mut ServiceConfig) + 'static {
    let runtime = Data::new(runtime.clone());
    move |config| {
        config
            .service(web::resource("/healthz").to(|| async { "ok\n" }))
            .service(web::resource("/readyz").app_data(runtime).to(ready));
    }
}

async fn ready(runtime: Data<Runtime>) -> impl Responder {
    if runtime.is_draining() {
        HttpResponse::ServiceUnavailable().body("draining\n")
    } else {
        HttpResponse::Ok().body("ready\n")
    }
}

/// `/metrics` in Prometheus' text format.
#[cfg(feature = "prometheus")]
pub fn metrics(
    handle: &crate::metrics::PrometheusHandle,
) -> impl FnOnce(&mut ServiceConfig) + 'static {
    let handle = Data::new(handle.clone());
    move |config| {
        config.service(web::resource("/metrics").app_data(handle).to(scrape));
    }
}

#[cfg(feature = "prometheus")]
async fn scrape(handle: Data<crate::metrics::PrometheusHandle>) -> impl Responder {
    // On a thread of its own: where the app shares its thread with sessions they are not to wait.
    let text = web::block(move || handle.render()).await;
    match text {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4; charset=utf-8")
            .body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

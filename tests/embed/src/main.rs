use actix_rtc::Runtime;
use actix_web::{App, HttpServer};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let rtc = Runtime::builder()
        .on_data_channel(|channel| async move {
            while let Some(message) = channel.recv().await {
                if channel.send(message).await.is_err() { break; }
            }
        })
        .start()?;
    HttpServer::new(move || App::new().configure(rtc.configure())).bind("127.0.0.1:8080")?.run().await
}

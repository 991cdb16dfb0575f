//! The few paths that need no token: health, metrics, and links that carry their own authorisation.

use super::{Admin, reply};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Uri, header};

pub async fn health() -> &'static str {
    "ok"
}

pub async fn metrics(State(admin): State<Admin>) -> Response {
    let text = admin.engine.metrics_text() + &admin.counters.metrics_text();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// A code package, by a link that some dialect gave to a client. The engine checks expiry and MAC.
pub async fn code(State(admin): State<Admin>, uri: Uri) -> Response {
    let link = uri.path_and_query().map_or(uri.path(), |link| link.as_str());
    match admin.engine.open_code_link(link).await {
        Ok(zip) => {
            let headers = [
                (header::CONTENT_TYPE, "application/zip"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"code.zip\""),
                (header::CACHE_CONTROL, "private, no-store"),
            ];
            (headers, zip).into_response()
        }
        Err(error) => reply::failure(&error),
    }
}

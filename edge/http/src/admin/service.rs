//! The few paths that need no token: health, metrics, and links that carry their own authorisation.

use super::{
    Admin,
    reply::{self, Reply},
};
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
pub async fn code(State(admin): State<Admin>, uri: Uri) -> Reply {
    let link = uri.path_and_query().map_or(uri.path(), |link| link.as_str());
    let zip = admin.engine.open_code_link(link).await.map_err(|error| reply::failure(&error))?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"code.zip\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, zip).into_response())
}

//! The native API: `/admin/v1`, health, metrics, and links to code packages.
//!
//! Seldom called and read by people, so it is routed by a framework. The table below is the whole of it; the
//! OpenAPI document in `docs/` describes the same set, and a test compares the two. The bearer token is checked
//! in front of the router, by path prefix: a route cannot be added without it.

mod clock;
mod host;
mod invocations;
mod plan;
mod quota;
mod reply;
mod service;

use crate::{BoxFuture, Counters, Handler, Route, native_error, native_refusal};
use axum::{
    Router,
    extract::MatchedPath,
    routing::{MethodRouter, get, patch, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use secrecy::{ExposeSecret, SecretString};
use sluice_domain::AccountId;
use sluice_engine::Engine;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tower::ServiceExt;

/// Everything under here needs the token.
const GUARDED: &str = "/admin/v1";
/// Largest request body.
const BODY_LIMIT: usize = 1 << 20;

/// What the native API stands on.
pub struct Config {
    pub engine: Engine,
    pub token: SecretString,
    /// The account of calls that name none.
    pub account: AccountId,
    pub counters: Arc<Counters>,
}

type Admin = Arc<Config>;

/// One operation of the native API.
pub struct Operation {
    pub method: Method,
    /// In OpenAPI's notation, which is the router's too.
    pub path: &'static str,
    serve: fn() -> MethodRouter<Admin>,
}

/// Every operation there is.
pub fn operations() -> Vec<Operation> {
    let operation = |method, path, serve| Operation { method, path, serve };
    vec![
        operation(Method::GET, "/admin/v1/regions/{region}/quota", || get(quota::read)),
        operation(Method::PATCH, "/admin/v1/regions/{region}/quota", || patch(quota::change)),
        operation(Method::GET, "/admin/v1/instances", || get(host::instances)),
        operation(Method::GET, "/admin/v1/pools", || get(host::pools)),
        operation(Method::GET, "/admin/v1/limits", || get(host::limits)),
        operation(Method::GET, "/admin/v1/usage", || get(host::usage)),
        operation(Method::GET, "/admin/v1/clock", || get(clock::read)),
        operation(Method::POST, "/admin/v1/clock/advance", || post(clock::advance)),
        operation(Method::POST, "/admin/v1/preview", || post(clock::preview)),
        operation(Method::POST, "/admin/v1/plan", || post(plan::estimate)),
        operation(Method::GET, "/admin/v1/explain/{requestId}", || get(invocations::explain)),
        operation(Method::GET, "/admin/v1/runtimes", || get(host::runtimes)),
        operation(Method::GET, "/admin/v1/invocations", || get(invocations::list)),
        operation(Method::GET, "/admin/v1/invocations/{requestId}", || get(invocations::read)),
        operation(Method::GET, "/healthz", || get(service::health)),
        operation(Method::GET, "/metrics", || get(service::metrics)),
        operation(Method::GET, "/code/{*link}", || get(service::code)),
    ]
}

/// The native API as one route of the listener.
pub fn route(config: Config) -> Route {
    Route {
        name: "native",
        claims,
        body_limit: Arc::new(|| BODY_LIMIT),
        handler: handler(Arc::new(config)),
        refuse: Arc::new(native_refusal),
    }
}

fn claims(parts: &Parts) -> bool {
    let path = parts.uri.path();
    is_guarded(path) || path == "/healthz" || path == "/metrics" || path.starts_with("/code/")
}

fn is_guarded(path: &str) -> bool {
    path.strip_prefix(GUARDED).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn handler(admin: Admin) -> Handler {
    let router = router(admin.clone());
    Arc::new(move |request| -> BoxFuture<Response<Bytes>> {
        if is_guarded(request.uri().path()) && !carries(request.headers(), &admin.token) {
            return Box::pin(std::future::ready(unauthorised()));
        }
        Box::pin(forward(router.clone(), request))
    })
}

fn router(admin: Admin) -> Router {
    let routed =
        operations().into_iter().fold(Router::new(), |r, operation| r.route(operation.path, (operation.serve)()));
    routed.fallback(nothing).method_not_allowed_fallback(other_method).with_state(admin)
}

async fn nothing(uri: Uri) -> reply::Refused {
    let message = format!("nothing is served at '{}': docs/admin-api.openapi.json has the paths", uri.path());
    reply::error(StatusCode::NOT_FOUND, "NotFound", &message)
}

async fn other_method(method: Method, path: MatchedPath) -> reply::Refused {
    let has: Vec<_> = operations().into_iter().filter(|operation| operation.path == path.as_str()).collect();
    let has: Vec<&str> = has.iter().map(|operation| operation.method.as_str()).collect();
    let message = format!("{method} is not offered at {}: use {}", path.as_str(), has.join(" or "));
    reply::error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", &message)
}

async fn forward(router: Router, request: Request<Bytes>) -> Response<Bytes> {
    let Ok(response) = router.oneshot(request.map(axum::body::Body::from)).await;
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => Response::from_parts(parts, bytes),
        Err(_) => native_refusal(crate::Refusal::Fault),
    }
}

fn carries(headers: &HeaderMap, token: &SecretString) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    match given.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"Bearer ") => {
            rest.ct_eq(token.expose_secret().as_bytes()).into()
        }
        _ => false,
    }
}

fn unauthorised() -> Response<Bytes> {
    let message = "this needs 'Authorization: Bearer TOKEN' with the admin token: SLUICE_ADMIN_TOKEN of the server, \
                   or admin_token in credentials.toml of its data directory";
    let mut response = native_error(StatusCode::UNAUTHORIZED, "Unauthorized", message);
    let challenge = HeaderValue::from_static("Bearer realm=\"sluice admin\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

#[cfg(test)]
mod tests;

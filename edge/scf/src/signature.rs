//! Request signatures of API 3.0, as pure functions: nothing here reads a clock, a key store or a socket.
//!
//! [`tc3`] is what every current client sends; [`v1`] is the older scheme that some still choose. Both sides
//! are here, signing for clients and verifying for the server, so that they cannot drift apart. What clients
//! do differently from the published algorithm (which Host value they sign, how they order a query) is
//! handled by trying the few variants that are known, never by loosening what is compared.

mod keys;
pub mod tc3;
pub mod v1;

pub use keys::SigningKeys;
pub use tc3::parse_authorization;

/// Why a signature could not even be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// How far a request's time may be from the server's.
pub const WINDOW_SECONDS: i64 = 300;

/// The values of `host` that a client may have signed, given the header it sent. The header as it came is
/// first; then without a scheme (clients whose endpoint was given as a URL) and without the port (Node.js).
pub fn host_variants(host: &str) -> impl Iterator<Item = &str> {
    let host = host.trim();
    let bare = host.split_once("://").map_or(host, |(_, rest)| rest).trim_end_matches('/');
    let name = match bare.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => bare,
    };
    let second = (bare != host).then_some(bare);
    let third = (name != bare).then_some(name);
    std::iter::once(host).chain(second).chain(third)
}

/// Whether a request made at `timestamp` (Unix seconds) is neither too old nor from the future.
pub fn within_window(timestamp: i64, now: i64) -> bool {
    now.abs_diff(timestamp) <= WINDOW_SECONDS as u64
}

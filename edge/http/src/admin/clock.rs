//! The clock that decisions go by, and what it will bring.

use super::{
    Admin,
    reply::{self, Refused, Reply},
};
use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sluice_domain::Timestamp;
use sluice_engine::Running;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u64,
    #[serde(default)]
    running: Running,
}

/// An interval to look at, from now or a later instant on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interval {
    /// RFC 3339; now when absent.
    from: Option<String>,
    seconds: u64,
}

const PREVIEW_MAX_S: u64 = 366 * 86_400;

pub async fn read(State(admin): State<Admin>) -> Reply {
    show(&admin, admin.engine.now())
}

/// Moves a virtual clock. Answers once all that became due was decided and carried out.
pub async fn advance(State(admin): State<Admin>, body: Bytes) -> Reply {
    let Advance { seconds, running } = parse(&body, "{\"seconds\": 60, \"running\": \"hold\"}")?;
    let now = admin.engine.advance(seconds, running).await.map_err(|error| reply::failure(&error))?;
    show(&admin, now)
}

/// What schedules will do in an interval to come, as far as that does not depend on load.
pub async fn preview(State(admin): State<Admin>, body: Bytes) -> Reply {
    let Interval { from, seconds } = parse(&body, "{\"from\": \"2026-01-01T00:00:00Z\", \"seconds\": 86400}")?;
    if seconds > PREVIEW_MAX_S {
        let message = format!("{seconds} seconds are too many: at most {PREVIEW_MAX_S} (366 days) at once");
        return Err(reply::invalid(&message));
    }
    let now = admin.engine.now();
    let from = from.map_or(Ok(now), |text| instant(&text))?;
    if from < now {
        let message = format!("the interval begins at {}, before now ({})", from.rfc3339(), now.rfc3339());
        return Err(reply::invalid(&message));
    }
    let until = from.plus_millis(seconds as i64 * 1000);
    let engine = admin.engine.clone();
    // A busy schedule over a year takes seconds, which nobody else should wait for.
    let preview = tokio::task::spawn_blocking(move || engine.preview(from, until)).await;
    reply::json(&preview.map_err(|_| reply::failure(&sluice_domain::Error::internal()))?)
}

fn instant(text: &str) -> Result<Timestamp, Refused> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|instant| Timestamp(instant.as_millisecond()))
        .map_err(|_| reply::invalid(&format!("from '{text}' cannot be read: write it like 2026-01-01T00:00:00Z")))
}

fn show(admin: &Admin, now: Timestamp) -> Reply {
    let mode = if admin.engine.clock_is_virtual() { "virtual" } else { "real" };
    let shown: Value = json!({ "mode": mode, "now": now.rfc3339(), "unix_ms": now.0 });
    reply::json(&shown)
}

/// A body, or an error that shows what one looks like.
pub fn parse<T: DeserializeOwned>(body: &Bytes, example: &str) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| reply::invalid(&format!("the body must be like {example}: {error}")))
}

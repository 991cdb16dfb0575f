//! The command line as a client: it speaks the vendors' own APIs, as any SDK would.
//!
//! [`Platform`] is what the commands need; each dialect keeps it in its own terms. Only what a dialect has no
//! API for goes through the native one.

mod admin;
mod fc;
pub mod output;
pub mod package;
pub mod progress;
mod scf;
mod target;
mod transport;

pub use admin::{Admin, Moment};
pub use target::{Server, Target};

use serde_json::Value;
use std::collections::BTreeMap;

/// A function to be created, or the changes to one. What is absent keeps its value or takes the default.
pub struct Deployment {
    pub name: String,
    pub zip: Vec<u8>,
    pub runtime: Option<String>,
    pub handler: Option<String>,
    pub memory_mb: Option<u32>,
    pub timeout_s: Option<u32>,
    pub environment: BTreeMap<String, String>,
}

/// What became of it.
pub struct Deployed {
    pub created: bool,
    pub runtime: String,
    pub status: String,
    /// The function as the dialect describes it.
    pub description: Value,
}

/// What a call came to.
#[derive(Debug, PartialEq)]
pub struct Reply {
    pub request_id: String,
    /// What the function returned, or the error document.
    pub output: Vec<u8>,
    pub failed: bool,
    pub log: String,
    pub duration_ms: f64,
    pub memory_mb: f64,
}

/// A line of a listing.
#[derive(serde::Serialize)]
pub struct Summary {
    pub name: String,
    pub runtime: String,
    pub status: String,
    pub modified: String,
    pub description: String,
}

/// The output of one past call.
#[derive(serde::Serialize)]
pub struct LogRecord {
    pub request_id: String,
    pub started: String,
    pub log: String,
}

/// What the commands ask of a dialect.
pub trait Platform {
    /// Creates or updates, and waits until the function can be called. `say` hears what is going on.
    fn deploy(&self, deployment: &Deployment, say: &dyn Fn(&str)) -> anyhow::Result<Deployed>;
    fn invoke(&self, name: &str, payload: &[u8]) -> anyhow::Result<Reply>;
    /// Newest first.
    fn logs(&self, name: &str, limit: usize) -> anyhow::Result<Vec<LogRecord>>;
    fn list(&self) -> anyhow::Result<Vec<Summary>>;
    fn get(&self, name: &str) -> anyhow::Result<Value>;
    fn remove(&self, name: &str) -> anyhow::Result<()>;
}

/// A refusal, in the vendor's words.
#[derive(Debug)]
pub struct ApiError {
    pub code: String,
    pub message: String,
    pub request_id: String,
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if self.request_id.is_empty() { Ok(()) } else { write!(f, " (request {})", self.request_id) }
    }
}

impl std::error::Error for ApiError {}

/// Whether a call failed with a code that `matches`.
fn failed_with(error: &anyhow::Error, matches: impl Fn(&str) -> bool) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|error| matches(&error.code))
}

/// A text field of a JSON object, or nothing.
fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

fn needs_runtime(name: &str) -> anyhow::Error {
    anyhow::anyhow!("function '{name}' does not exist yet: give --runtime to create it (`sluice runtimes` lists them)")
}

use sluice_ports::PortError;
use std::{fmt::Display, path::Path};

/// An operator's message: which catalog, what was tried, what came of it.
pub(crate) fn failed(path: &Path, tried: &str, reason: impl Display) -> PortError {
    PortError::Failed(format!("catalog {}: cannot {tried}: {reason}", path.display()))
}

/// What a database error means for the file, where SQLite's own words leave that open.
pub(crate) fn reason(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    // Extended result codes carry the primary one in their low byte.
    match code.map(|code| code & 0xff) {
        Some(11) => format!("the file is damaged ({error}); restore it from a backup"),
        Some(26) => format!("the file is not a SQLite database or is damaged ({error})"),
        Some(5 | 6) => format!("another process holds it ({error}); only one server may use a data directory"),
        _ => error.to_string(),
    }
}

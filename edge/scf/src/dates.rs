//! Times as this vendor writes them: `YYYY-MM-DD HH:MM:SS`, in the platform's zone, UTC+8.

use jiff::{civil::DateTime, tz::Offset};
use sluice_domain::Timestamp;

const PLATFORM: Offset = Offset::constant(8);

pub fn text(instant: Timestamp) -> String {
    let local = PLATFORM.to_datetime(jiff::Timestamp::from_millisecond(instant.millis()).unwrap_or_default());
    local.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub fn parse(text: &str) -> Option<Timestamp> {
    let local = DateTime::strptime("%Y-%m-%d %H:%M:%S", text.trim()).ok()?;
    let instant = PLATFORM.to_timestamp(local).ok()?;
    Some(Timestamp(instant.as_millisecond()))
}

/// The last instant that is written like that.
pub fn parse_end(text: &str) -> Option<Timestamp> {
    parse(text).map(|second| second.plus_millis(999))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_eight_hours_ahead_of_utc() {
        assert_eq!(text(Timestamp(0)), "1970-01-01 08:00:00");
        assert_eq!(parse("1970-01-01 08:00:01"), Some(Timestamp(1000)));
        assert_eq!(parse_end("1970-01-01 08:00:01"), Some(Timestamp(1999)));
        for bad in ["", "1970-01-01", "1970-01-01T08:00:00Z", "yesterday", "1970-13-01 00:00:00"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}

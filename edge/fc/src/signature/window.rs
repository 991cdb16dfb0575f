use super::Fault;
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// How far a request's date may be from the server's, in seconds.
const WINDOW_S: i64 = 15 * 60;

static HTTP_DATE: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

/// Checks a date header against `now` (seconds since 1970). Clients write `Thu, 21 Nov 2019 13:05:06 GMT` or
/// `2019-11-21T13:05:06Z`; either is read in any place.
pub fn check(text: &[u8], now: i64) -> Result<(), Fault> {
    let date = std::str::from_utf8(text)
        .ok()
        .and_then(read)
        .ok_or_else(|| Fault::BadDate(String::from_utf8_lossy(&text[..text.len().min(64)]).into_owned()))?;
    if now.abs_diff(date) > WINDOW_S as u64 {
        return Err(Fault::Expired(String::from_utf8_lossy(text).into_owned()));
    }
    Ok(())
}

fn read(text: &str) -> Option<i64> {
    let instant = match text.as_bytes().first()? {
        b'0'..=b'9' if text.contains('T') => text.parse::<Timestamp>().ok()?,
        _ => HTTP_DATE.parse_timestamp(text).ok()?,
    };
    Some(instant.as_second())
}

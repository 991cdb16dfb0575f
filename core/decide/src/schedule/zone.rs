//! Time zones from the database that is built in.
//!
//! Not the host's: the same inputs must give the same decisions on any machine, and the core reads no files.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};

/// A time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// By its IANA name, such as `Asia/Shanghai` or `UTC`.
    pub fn named(name: &str) -> Result<Self, String> {
        let shown: String = name.chars().take(64).collect();
        let unknown = || format!("unknown time zone '{shown}': use an IANA name such as 'Asia/Shanghai' or 'UTC'");
        // `Etc/Unknown` is a name that the database has for "no zone at all".
        if name.eq_ignore_ascii_case("etc/unknown") {
            return Err(unknown());
        }
        TimeZoneDatabase::bundled().get(name).map(Self).map_err(|_| unknown())
    }

    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The instant at which a local time fires: the end of the gap if the clocks skip it, the first showing if they
    /// show it twice.
    pub(super) fn instant(&self, local: DateTime) -> Option<i64> {
        let instant = match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
            AmbiguousOffset::Gap { after, .. } => self.change_to(after, local)?,
        };
        Some(instant.as_millisecond())
    }

    /// The greatest local second that fires at or before an instant: [`Self::instant`] backwards.
    pub(super) fn position(&self, millis: i64) -> Option<DateTime> {
        let instant = Timestamp::from_second(millis.div_euclid(1000)).ok()?;
        let local = self.0.to_datetime(instant);
        let AmbiguousOffset::Fold { before, after } = self.0.to_ambiguous_timestamp(local).offset() else {
            return Some(local);
        };
        if self.0.to_offset(instant) == before {
            return Some(local);
        }
        // It is being shown for the second time: all that the fold shows has fired.
        let first_shown = before.to_timestamp(local).ok()?;
        let change = self.0.following(first_shown).find(|change| change.offset() == after)?.timestamp();
        before.to_datetime(change).checked_sub(jiff::Span::new().seconds(1)).ok()
    }

    /// The instant at which the clocks were put forward over this local time.
    fn change_to(&self, after: Offset, skipped: DateTime) -> Option<Timestamp> {
        let earlier = after.to_timestamp(skipped).ok()?;
        Some(self.0.following(earlier).find(|change| change.offset() == after)?.timestamp())
    }
}

//! When scheduled things are due: the vendors' cron grammars, evaluated in both directions.
//!
//! The two dialects write times differently (spec: C12) and mean the same, so each has a parser and both share one
//! evaluation. It is our own because both directions are needed (what fires next; what fired last while nobody
//! looked), because a seventh field with years is needed, and because the rule for clock changes is a decision:
//!
//! * A time that the clocks skip fires at the instant the gap ends; several such times fire there once.
//! * A time that the clocks show twice fires once, the first time it is shown.
//!
//! In other words: the instants of a schedule are in the order of its local times. Both searches rest on that.
//!
//! What is chosen where the vendors' documents are silent:
//!
//! * Two day fields: a day fires if *either* matches once both are given, as SCF's timer chapter says; a field is
//!   given unless it is `*`, `*/1` or `?`. The same holds for FC, which says nothing.
//! * Numbers of weekdays: SCF 0-6 with 0 = Sunday, as its current documents say (older ones say Monday; names are
//!   safer); FC 1-7 with 1 = Monday, as its public documents say.
//! * `a/n` begins at `a` and goes to the end of the field, `*/n` begins at the field's smallest value.
//! * Ranges of weekdays may go over the end of the week (`SAT-SUN`, `FRI-MON`); others may not.
//! * Years end with 2099, also where FC has no field for them.

mod cron;
mod field;
mod repeat;
#[cfg(test)]
mod tests;
mod zone;

pub use repeat::{Repeat, TimeOfDay};
pub use zone::Zone;

use cron::Cron;
use field::Names;
use jiff::civil::DateTime;

/// Longest text that is read as an expression. The longest sensible one has about a hundred characters.
const MAX_CHARS: usize = 256;

/// A parsed schedule expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Cron(Box<Cron>),
    /// Once, at this time of whichever zone is asked about.
    Local(DateTime),
    /// Once, at this instant.
    Instant(i64),
}

impl Timing {
    /// SCF: `second minute hour day-of-month month day-of-week year`, all seven required (spec: SCH-02), with the
    /// characters `, - * /`, names of months and weekdays, and `?` in the two day fields.
    pub fn scf(text: &str) -> Result<Self, String> {
        check_length(text)?;
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [second, minute, hour, day, month, weekday, year] = fields[..] else {
            return Err(format!(
                "'{text}' has {} fields: write seven, 'second minute hour day-of-month month day-of-week year'",
                fields.len()
            ));
        };
        Cron::parse([second, minute, hour, day, month, weekday], Some(year), Names::SundayIsZero)
            .map(|cron| Self(Kind::Cron(Box::new(cron))))
    }

    /// FC: `cron(second minute hour day-of-month month day-of-week)`, or `at(2020-10-10T10:10:10)` for once, with
    /// or without a final `Z` (spec: FPC-04). With `Z` it is UTC whatever the zone.
    pub fn fc(text: &str) -> Result<Self, String> {
        check_length(text)?;
        let trimmed = text.trim_ascii();
        let within = |name: &str| trimmed.strip_prefix(name)?.strip_suffix(')');
        if let Some(inner) = within("cron(") {
            return Self::fc_cron(inner);
        }
        if let Some(inner) = within("at(") {
            return Self::fc_at(inner.trim_ascii());
        }
        Err(format!("'{text}' is neither 'cron(0 30 8 * * *)' nor 'at(2020-10-10T10:10:10Z)'"))
    }

    fn fc_cron(inner: &str) -> Result<Self, String> {
        let fields: Vec<&str> = inner.split_ascii_whitespace().collect();
        let fields: [&str; 6] = fields.try_into().map_err(|fields: Vec<&str>| {
            format!(
                "'cron({inner})' has {} fields: write six, 'second minute hour day-of-month month day-of-week'",
                fields.len()
            )
        })?;
        Cron::parse(fields, None, Names::MondayIsOne).map(|cron| Self(Kind::Cron(Box::new(cron))))
    }

    fn fc_at(inner: &str) -> Result<Self, String> {
        let (local, utc) = match inner.strip_suffix('Z') {
            Some(local) => (local, true),
            None => (inner, false),
        };
        // jiff reads more forms than the vendor does.
        let shape = |(at, byte): (usize, u8)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        };
        let right = local.len() == 19 && local.bytes().enumerate().all(shape) && !local.ends_with("60");
        let time = if right { local.parse::<DateTime>().ok() } else { None };
        let time = time.ok_or_else(|| format!("'at({inner})' is not a time: write 'at(2020-10-10T10:10:10Z)'"))?;
        if !utc {
            return Ok(Self(Kind::Local(time)));
        }
        let instant = Zone::utc().instant(time).ok_or_else(|| format!("'at({inner})' is too far away"))?;
        Ok(Self(Kind::Instant(instant)))
    }

    /// When it fires, if it does so once by its form.
    pub(crate) fn once(&self, zone: &Zone) -> Option<i64> {
        match &self.0 {
            Kind::Cron(_) => None,
            Kind::Local(time) => zone.instant(*time),
            Kind::Instant(at) => Some(*at),
        }
    }

    /// The first time it fires after `after_ms`. All instants are milliseconds of the wall clock since 1970, and
    /// all fires are on whole seconds.
    pub fn next_after(&self, after_ms: i64, zone: &Zone) -> Option<i64> {
        match &self.0 {
            Kind::Cron(cron) => {
                let from = zone.position(after_ms)?.checked_add(jiff::Span::new().seconds(1)).ok()?;
                zone.instant(cron.at_or_after(from)?)
            }
            Kind::Local(_) | Kind::Instant(_) => self.once(zone).filter(|at| *at > after_ms),
        }
    }

    /// The last time it fired, from `not_before_ms` until `until_ms`, both included.
    pub fn last_until(&self, until_ms: i64, not_before_ms: i64, zone: &Zone) -> Option<i64> {
        let at = match &self.0 {
            Kind::Cron(cron) => zone.instant(cron.at_or_before(zone.position(until_ms)?)?)?,
            Kind::Local(_) | Kind::Instant(_) => self.once(zone)?,
        };
        (not_before_ms <= at && at <= until_ms).then_some(at)
    }
}

fn check_length(text: &str) -> Result<(), String> {
    let chars = text.chars().count();
    if chars <= MAX_CHARS {
        return Ok(());
    }
    Err(format!("a schedule expression of {chars} characters is too long: at most {MAX_CHARS}"))
}

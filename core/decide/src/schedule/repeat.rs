//! The kinds of repetition that SCF's console offers, as cron expressions (spec: SCH-01).

use super::Timing;

/// How often a scheduled action repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// On one day only.
    Once {
        year: u16,
        month: u8,
        day: u8,
        time: TimeOfDay,
    },
    Daily(TimeOfDay),
    /// Monday to Friday.
    Weekdays(TimeOfDay),
    /// Saturday and Sunday.
    Weekends(TimeOfDay),
    /// An expression of the user's own.
    Custom(String),
}

/// A time on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

impl Repeat {
    /// The seven-field expression of it. Names of weekdays, because the vendor's numbers changed their meaning.
    pub fn cron(&self) -> Result<String, String> {
        let text = match self {
            Repeat::Once { year, month, day, time } => format!("{} {day} {month} * {year}", time.fields()),
            Repeat::Daily(time) => format!("{} * * * *", time.fields()),
            Repeat::Weekdays(time) => format!("{} * * MON-FRI *", time.fields()),
            Repeat::Weekends(time) => format!("{} * * SAT,SUN *", time.fields()),
            Repeat::Custom(text) => text.clone(),
        };
        Timing::scf(&text).map(|_| text)
    }
}

impl TimeOfDay {
    pub fn new(hour: u8, minute: u8, second: u8) -> Self {
        Self { hour, minute, second }
    }

    fn fields(self) -> String {
        format!("{} {} {}", self.second, self.minute, self.hour)
    }
}

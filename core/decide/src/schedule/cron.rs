//! A cron expression as sets of bits, searched forwards and backwards in local time.
//!
//! The search visits months, at most those of 130 years, so an impossible date ("30 February") costs microseconds.

use super::field::{self, Names, Values};
use jiff::civil::{Date, DateTime, Time};
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    /// Bit n: at n.
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Bit 0: Sunday.
    weekdays: u64,
    years: Vec<i16>,
    /// Both day fields say something: either is enough.
    either_day: bool,
}

impl Cron {
    /// `fields` are second, minute, hour, day of month, month and day of week.
    pub(super) fn parse(fields: [&str; 6], year: Option<&str>, names: Names) -> Result<Self, String> {
        let [second, minute, hour, day, month, weekday] = fields;
        let seconds = field::SECOND.parse(second)?;
        let minutes = field::MINUTE.parse(minute)?;
        let hours = field::HOUR.parse(hour)?;
        let days = field::DAY.parse(day)?;
        let months = field::MONTH.parse(month)?;
        let weekdays = field::weekday(names).parse(weekday)?;
        let years = field::YEAR.parse(year.unwrap_or("*"))?;
        Ok(Self {
            either_day: days.given && weekdays.given,
            seconds: bits(&seconds),
            minutes: bits(&minutes),
            hours: bits(&hours),
            days: bits(&days),
            months: bits(&months),
            weekdays: weekdays.values.iter().fold(0, |mask, day| mask | 1 << (day % 7)),
            years: list(&years.values),
        })
    }

    /// The first match from this local second on.
    pub(super) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let (date, time) = (from.date(), from.time());
        if self.fires_on(date)
            && let Some(time) = self.time_from(time)
        {
            return Some(date.to_datetime(time));
        }
        let date = self.date_from(date.tomorrow().ok()?)?;
        Some(date.to_datetime(self.time_from(Time::midnight())?))
    }

    /// The last match up to this local second.
    pub(super) fn at_or_before(&self, until: DateTime) -> Option<DateTime> {
        let (date, time) = (until.date(), until.time());
        if self.fires_on(date)
            && let Some(time) = self.time_until(time)
        {
            return Some(date.to_datetime(time));
        }
        let date = self.date_until(date.yesterday().ok()?)?;
        Some(date.to_datetime(self.time_until(Time::constant(23, 59, 59, 0))?))
    }

    fn fires_on(&self, date: Date) -> bool {
        self.years.binary_search(&date.year()).is_ok()
            && has(self.months, date.month())
            && has(self.days_of(date.year(), date.month()), date.day())
    }

    /// Which days of a month match; 0 for a month that does not.
    fn days_of(&self, year: i16, month: i8) -> u64 {
        let Ok(first) = Date::new(year, month, 1) else { return 0 };
        if !has(self.months, month) {
            return 0;
        }
        let first_weekday = first.weekday().to_sunday_zero_offset();
        let by_weekday = (1..=31).filter(|day| has(self.weekdays, (first_weekday + day - 1) % 7));
        let by_weekday = by_weekday.fold(0u64, |mask, day| mask | 1 << day);
        let real = (2u64 << first.days_in_month()) - 2;
        real & if self.either_day { self.days | by_weekday } else { self.days & by_weekday }
    }

    fn date_from(&self, from: Date) -> Option<Date> {
        let begin = self.years.partition_point(|year| *year < from.year());
        for &year in &self.years[begin..] {
            let this_year = year == from.year();
            for month in if this_year { from.month() } else { 1 }..=12 {
                let day = if this_year && month == from.month() { from.day() } else { 1 };
                if let Some(day) = at_least(self.days_of(year, month), day) {
                    return Date::new(year, month, day).ok();
                }
            }
        }
        None
    }

    fn date_until(&self, until: Date) -> Option<Date> {
        let end = self.years.partition_point(|year| *year <= until.year());
        for &year in self.years[..end].iter().rev() {
            let this_year = year == until.year();
            for month in (1..=if this_year { until.month() } else { 12 }).rev() {
                let day = if this_year && month == until.month() { until.day() } else { 31 };
                if let Some(day) = at_most(self.days_of(year, month), day) {
                    return Date::new(year, month, day).ok();
                }
            }
        }
        None
    }

    fn time_from(&self, from: Time) -> Option<Time> {
        let (hour, minute) = (from.hour(), from.minute());
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = at_least(self.seconds, from.second())
            {
                return Time::new(hour, minute, second, 0).ok();
            }
            if let Some(minute) = at_least(self.minutes, minute + 1) {
                return Time::new(hour, minute, at_least(self.seconds, 0)?, 0).ok();
            }
        }
        let hour = at_least(self.hours, hour + 1)?;
        Time::new(hour, at_least(self.minutes, 0)?, at_least(self.seconds, 0)?, 0).ok()
    }

    fn time_until(&self, until: Time) -> Option<Time> {
        let (hour, minute) = (until.hour(), until.minute());
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = at_most(self.seconds, until.second())
            {
                return Time::new(hour, minute, second, 0).ok();
            }
            if let Some(minute) = at_most(self.minutes, minute - 1) {
                return Time::new(hour, minute, at_most(self.seconds, 59)?, 0).ok();
            }
        }
        let hour = at_most(self.hours, hour - 1)?;
        Time::new(hour, at_most(self.minutes, 59)?, at_most(self.seconds, 59)?, 0).ok()
    }
}

fn bits(values: &Values) -> u64 {
    values.values.iter().fold(0, |mask, value| mask | 1 << value)
}

fn list(values: &BTreeSet<u32>) -> Vec<i16> {
    values.iter().filter_map(|year| i16::try_from(*year).ok()).collect()
}

fn has(mask: u64, bit: i8) -> bool {
    mask >> bit & 1 == 1
}

/// The lowest bit that is set, from `bit` on. `bit` is 0 to 63.
fn at_least(mask: u64, bit: i8) -> Option<i8> {
    let rest = mask >> bit;
    (rest != 0).then(|| bit + rest.trailing_zeros() as i8)
}

/// The highest bit that is set, up to `bit`. `bit` is -1 to 62.
fn at_most(mask: u64, bit: i8) -> Option<i8> {
    let rest = mask & ((1 << (bit + 1)) - 1);
    (rest != 0).then(|| 63 - rest.leading_zeros() as i8)
}

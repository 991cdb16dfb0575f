//! One field of a cron expression: `*`, `?`, values, names, ranges, steps and lists of them.

use std::collections::BTreeSet;

/// How weekdays are numbered. Inside, Sunday is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// SCF.
    SundayIsZero,
    /// FC.
    MondayIsOne,
}

/// What one field may hold.
pub(super) struct Rule {
    pub name: &'static str,
    pub min: u32,
    pub max: u32,
    /// Names of values in order, of the smallest value first.
    pub names: &'static [&'static str],
    /// A range may go over the end and begin anew.
    pub wraps: bool,
    /// It may be left open with `?`.
    pub open: bool,
}

/// The values of a field, in the vendor's numbers.
#[derive(Debug)]
pub(super) struct Values {
    pub values: BTreeSet<u32>,
    /// The field says something: it is not `*`, `*/1` or `?`.
    pub given: bool,
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const FROM_SUNDAY: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const FROM_MONDAY: &[&str] = &["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

const fn numbers(name: &'static str, min: u32, max: u32) -> Rule {
    Rule { name, min, max, names: &[], wraps: false, open: false }
}

pub(super) const SECOND: Rule = numbers("second", 0, 59);
pub(super) const MINUTE: Rule = numbers("minute", 0, 59);
pub(super) const HOUR: Rule = numbers("hour", 0, 23);
pub(super) const DAY: Rule = Rule { open: true, ..numbers("day-of-month", 1, 31) };
pub(super) const MONTH: Rule = Rule { names: MONTHS, ..numbers("month", 1, 12) };
pub(super) const YEAR: Rule = numbers("year", 1970, 2099);

pub(super) const fn weekday(names: Names) -> Rule {
    match names {
        Names::SundayIsZero => Rule { names: FROM_SUNDAY, wraps: true, open: true, ..numbers("day-of-week", 0, 6) },
        Names::MondayIsOne => Rule { names: FROM_MONDAY, wraps: true, open: true, ..numbers("day-of-week", 1, 7) },
    }
}

impl Rule {
    /// Reads a field. The error names field, value and what would be right.
    pub(super) fn parse(&self, text: &str) -> Result<Values, String> {
        if self.open && text == "?" {
            return Ok(Values { values: (self.min..=self.max).collect(), given: false });
        }
        let mut values = BTreeSet::new();
        for part in text.split(',') {
            self.part(part, &mut values)?;
        }
        Ok(Values { values, given: !matches!(text, "*" | "*/1") })
    }

    fn part(&self, part: &str, into: &mut BTreeSet<u32>) -> Result<(), String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step, part)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.max),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            // A step makes an open range of a single value.
            None => (self.value(range)?, if step.is_some() { self.max } else { self.value(range)? }),
        };
        let step = step.unwrap_or(1) as usize;
        if first <= last {
            into.extend((first..=last).step_by(step));
        } else if self.wraps {
            into.extend((first..=self.max).chain(self.min..=last).step_by(step));
        } else {
            return Err(format!(
                "{} '{part}' ends before it begins: write '{first}-{},{}-{last}' to go over the end",
                self.name, self.max, self.min
            ));
        }
        Ok(())
    }

    fn step(&self, text: &str, part: &str) -> Result<u32, String> {
        let most = self.max - self.min + 1;
        match number(text) {
            Some(step) if (1..=most).contains(&step) => Ok(step),
            _ => Err(format!("{} '{part}' has the step '{text}': use a number from 1 to {most}", self.name)),
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = named.map(|place| self.min + place as u32).or_else(|| number(text));
        value.filter(|value| (self.min..=self.max).contains(value)).ok_or_else(|| self.refuse(text))
    }

    fn refuse(&self, text: &str) -> String {
        let names = match self.names {
            [first, .., last] => format!(" or {first}-{last}"),
            _ => String::new(),
        };
        let open = if self.open { " ?" } else { "" };
        format!(
            "{} '{text}' is not allowed: use {}-{}{names}, with the characters , - * /{open}",
            self.name, self.min, self.max
        )
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

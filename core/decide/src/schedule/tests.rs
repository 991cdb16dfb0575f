//! Examples of the documents, then both searches against counting second by second.

use super::{Repeat, TimeOfDay, Timing, Zone};
use jiff::{
    Timestamp, ToSpan,
    civil::DateTime,
    tz::{TimeZone, TimeZoneDatabase},
};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

/// The next fires after an instant, as UTC.
fn fires(timing: &Timing, after: &str, zone: &Zone, count: usize) -> Vec<String> {
    let mut at = ms(after);
    let mut found = Vec::new();
    while found.len() < count {
        let Some(next) = timing.next_after(at, zone) else { break };
        found.push(Timestamp::from_millisecond(next).unwrap().to_string());
        at = next;
    }
    found
}

fn next_scf(text: &str, after: &str, zone: &Zone) -> String {
    fires(&Timing::scf(text).unwrap(), after, zone, 1).pop().unwrap_or_else(|| "never".to_owned())
}

#[test]
fn seven_fields_are_required() {
    // spec: SCH-02
    let error = Timing::scf("0 12 * * *").unwrap_err();
    assert!(error.contains("has 5 fields: write seven, 'second minute hour"), "{error}");
    assert!(Timing::scf("0 0 12 * * *").unwrap_err().contains("has 6 fields"));
    assert!(Timing::scf("").unwrap_err().contains("has 0 fields"));
    let once = Timing::scf("0 0 12 3 11 * 2021").unwrap();
    assert_eq!(fires(&once, "2021-01-01T00:00:00Z", &zone("Asia/Shanghai"), 3), ["2021-11-03T04:00:00Z"]);
    assert_eq!(next_scf("28 37 16 21 01 * 2022", "2021-11-03T00:00:00Z", &Zone::utc()), "2022-01-21T16:37:28Z");
}

#[test]
fn examples_of_the_vendor() {
    let next = |text: &str| next_scf(text, "2024-05-01T09:59:58Z", &Zone::utc()); // a Wednesday
    assert_eq!(next("*/5 * * * * * *"), "2024-05-01T10:00:00Z");
    assert_eq!(next("0 15 10 * * MON-FRI *"), "2024-05-01T10:15:00Z");
    assert_eq!(next("0 0 10,14,16 * * * *"), "2024-05-01T10:00:00Z");
    assert_eq!(next("0 */30 9-17 * * * *"), "2024-05-01T10:00:00Z");
    assert_eq!(next("0 0 12 * * WED *"), "2024-05-01T12:00:00Z");
    assert_eq!(next("30 42 15 20 12 * 2024"), "2024-12-20T15:42:30Z");
    assert_eq!(next("0 1/10 * * * * *"), "2024-05-01T10:01:00Z");
    assert_eq!(next("0 0 0 29 feb ? *"), "2028-02-29T00:00:00Z");
}

#[test]
fn weekday_numbers_and_both_day_fields() {
    let next = |text: &str| next_scf(text, "2024-05-01T12:00:00Z", &Zone::utc()); // a Wednesday
    assert_eq!(next("0 0 0 * * 0 *"), "2024-05-05T00:00:00Z", "0 is Sunday");
    assert_eq!(next("0 0 0 * * SAT-SUN *"), "2024-05-04T00:00:00Z", "over the end of the week");
    // Either day field is enough once both are given.
    let either = Timing::scf("0 0 0 4 * MON *").unwrap();
    assert_eq!(
        fires(&either, "2024-05-01T12:00:00Z", &Zone::utc(), 3),
        ["2024-05-04T00:00:00Z", "2024-05-06T00:00:00Z", "2024-05-13T00:00:00Z"]
    );
    // FC counts from Monday = 1 to Sunday = 7.
    let sunday = Timing::fc("cron(0 0 0 ? * 7)").unwrap();
    assert_eq!(fires(&sunday, "2024-05-01T12:00:00Z", &Zone::utc(), 1), ["2024-05-05T00:00:00Z"]);
    assert_eq!(sunday, Timing::fc("cron(0 0 0 ? * SUN)").unwrap());
    assert!(Timing::fc("cron(0 0 0 ? * 0)").is_err());
    assert!(Timing::scf("0 0 0 * * 7 *").is_err());
}

#[test]
fn repeat_kinds_expand_to_cron() {
    // spec: SCH-01
    let time = TimeOfDay::new(8, 30, 0);
    let kinds = [
        (Repeat::Once { year: 2024, month: 5, day: 11, time }, "0 30 8 11 5 * 2024", "2024-05-11T00:30:00Z"),
        (Repeat::Daily(time), "0 30 8 * * * *", "2024-05-02T00:30:00Z"),
        (Repeat::Weekdays(time), "0 30 8 * * MON-FRI *", "2024-05-02T00:30:00Z"),
        (Repeat::Weekends(time), "0 30 8 * * SAT,SUN *", "2024-05-04T00:30:00Z"),
        (Repeat::Custom("0 0 0 1 * * *".to_owned()), "0 0 0 1 * * *", "2024-05-31T16:00:00Z"),
    ];
    for (kind, cron, next) in kinds {
        assert_eq!(kind.cron().as_deref(), Ok(cron));
        assert_eq!(next_scf(cron, "2024-05-01T12:00:00Z", &zone("Asia/Shanghai")), next, "{cron}");
    }
    let wrong = Repeat::Daily(TimeOfDay::new(24, 0, 0)).cron().unwrap_err();
    assert!(wrong.starts_with("hour '24'"), "{wrong}");
    let friday = Timing::scf(&Repeat::Weekdays(time).cron().unwrap()).unwrap();
    let from_friday = fires(&friday, "2024-05-03T00:30:00Z", &zone("Asia/Shanghai"), 1);
    assert_eq!(from_friday, ["2024-05-06T00:30:00Z"], "Friday's run is followed by Monday's");
}

#[test]
fn fc_has_two_forms() {
    // spec: FPC-04
    let daily = Timing::fc("cron(0 30 8 * * *)").unwrap();
    assert_eq!(fires(&daily, "2020-10-10T10:10:10Z", &Zone::utc(), 1), ["2020-10-11T08:30:00Z"]);
    let once = Timing::fc("at(2020-10-10T10:10:10Z)").unwrap();
    assert_eq!(fires(&once, "2020-01-01T00:00:00Z", &Zone::utc(), 2), ["2020-10-10T10:10:10Z"]);
    let bare = Timing::fc("at(2020-10-10T10:10:10)").unwrap();
    assert_eq!(fires(&bare, "2020-01-01T00:00:00Z", &Zone::utc(), 2), ["2020-10-10T10:10:10Z"]);
    // Z means UTC whatever the zone; without it the zone counts.
    let shanghai = zone("Asia/Shanghai");
    assert_eq!(fires(&once, "2020-01-01T00:00:00Z", &shanghai, 1), ["2020-10-10T10:10:10Z"]);
    assert_eq!(fires(&bare, "2020-01-01T00:00:00Z", &shanghai, 1), ["2020-10-10T02:10:10Z"]);
    let at = ms("2020-10-10T10:10:10Z");
    assert_eq!(once.last_until(at, at, &Zone::utc()), Some(at));
    assert_eq!(once.last_until(at - 1, 0, &Zone::utc()), None);
    assert_eq!(once.last_until(at + 5000, at + 1, &Zone::utc()), None);
}

#[test]
fn errors_name_field_value_and_what_is_right() {
    let scf = |text: &str| Timing::scf(text).unwrap_err();
    assert_eq!(scf("0 60 * * * * *"), "minute '60' is not allowed: use 0-59, with the characters , - * /");
    assert_eq!(
        scf("0 0 0 * * FUN *"),
        "day-of-week 'FUN' is not allowed: use 0-6 or SUN-SAT, with the characters , - * / ?"
    );
    assert_eq!(scf("0 0 0 * JAM * *"), "month 'JAM' is not allowed: use 1-12 or JAN-DEC, with the characters , - * /");
    assert_eq!(scf("0 0 0 L * * *"), "day-of-month 'L' is not allowed: use 1-31, with the characters , - * / ?");
    assert_eq!(scf("0 0 0 * * * 1969"), "year '1969' is not allowed: use 1970-2099, with the characters , - * /");
    assert_eq!(scf("0 0 22-2 * * * *"), "hour '22-2' ends before it begins: write '22-23,0-2' to go over the end");
    assert_eq!(scf("*/0 * * * * * *"), "second '*/0' has the step '0': use a number from 1 to 60");
    for bad in
        ["? * * * * * *", "+1 * * * * * *", "1, * * * * * *", "1-2-3 * * * * * *", "1//2 * * * * * *", "- * * * * * *"]
    {
        assert!(Timing::scf(bad).is_err(), "{bad}");
    }
    let fc = |text: &str| Timing::fc(text).unwrap_err();
    assert_eq!(fc("0 30 8 * * *"), "'0 30 8 * * *' is neither 'cron(0 30 8 * * *)' nor 'at(2020-10-10T10:10:10Z)'");
    assert!(fc("cron(30 8 * * *)").contains("has 5 fields: write six"));
    for bad in [
        "2020-10-10",
        "2020-10-10 10:10:10Z",
        "2020-13-10T10:10:10Z",
        "2020-10-10T10:10:60Z",
        "2020-10-10T10:10:10+08:00",
        "",
    ] {
        assert!(fc(&format!("at({bad})")).contains("is not a time"), "{bad}");
    }
    assert!(Timing::scf(&"1,".repeat(200)).unwrap_err().contains("too long"));
    assert!(Zone::named("Mars/Olympus").unwrap_err().starts_with("unknown time zone 'Mars/Olympus'"));
}

#[test]
fn impossible_dates_never_fire() {
    for text in ["0 0 0 30 2 * *", "0 0 0 31 4,6,9,11 * *", "0 0 0 29 2 * 2023", "0 0 0 1 1 * 1970"] {
        assert_eq!(next_scf(text, "2024-01-01T00:00:00Z", &zone("America/New_York")), "never", "{text}");
    }
    assert_eq!(next_scf("* * * * * * *", "2099-12-31T23:59:59Z", &Zone::utc()), "never", "years end with 2099");
    let never = Timing::scf("0 0 0 30 2 * *").unwrap();
    assert_eq!(never.last_until(ms("2024-01-01T00:00:00Z"), 0, &Zone::utc()), None);
    let any = Timing::scf("* * * * * * *").unwrap();
    assert_eq!(any.next_after(i64::MAX, &Zone::utc()), None);
    assert_eq!(any.last_until(i64::MIN, i64::MIN, &Zone::utc()), None);
}

#[test]
fn skipped_times_fire_when_the_gap_ends_and_repeated_ones_once() {
    let new_york = zone("America/New_York");
    // 02:00 to 03:00 is skipped on 10 March 2024.
    assert_eq!(next_scf("0 30 2 * * * *", "2024-03-10T05:00:00Z", &new_york), "2024-03-10T07:00:00Z");
    let often = Timing::scf("0 */20 2 * * * *").unwrap();
    assert_eq!(
        fires(&often, "2024-03-10T05:00:00Z", &new_york, 2),
        ["2024-03-10T07:00:00Z", "2024-03-11T06:00:00Z"],
        "three skipped times fire once"
    );
    // 01:00 to 02:00 is shown twice on 3 November 2024.
    let half_past = Timing::scf("0 30 * * * * *").unwrap();
    assert_eq!(
        fires(&half_past, "2024-11-03T04:45:00Z", &new_york, 2),
        ["2024-11-03T05:30:00Z", "2024-11-03T07:30:00Z"],
        "not again at 06:30"
    );
    let (early, late) = (ms("2024-11-03T05:30:00Z"), ms("2024-11-03T06:40:00Z"));
    assert_eq!(half_past.last_until(late, 0, &new_york), Some(early));
    assert_eq!(half_past.last_until(early - 1, early - 1, &new_york), None);
}

/// A field as text, and what it means by a reading of its own.
type FieldOf = (String, BTreeSet<u32>);

fn field(min: u32, max: u32) -> impl Strategy<Value = FieldOf> {
    let one = (min..=max).prop_map(|value| (value.to_string(), BTreeSet::from([value])));
    let all = Just(("*".to_owned(), (min..=max).collect::<BTreeSet<_>>()));
    let every = (min..=max, 1..=max - min + 1).prop_map(move |(first, step)| {
        (format!("{first}/{step}"), (min..=max).filter(|v| *v >= first && (v - first) % step == 0).collect())
    });
    let range = (min..=max, min..=max, 1..=3u32).prop_map(|(a, b, step)| {
        let (first, last) = (a.min(b), a.max(b));
        (format!("{first}-{last}/{step}"), (first..=last).filter(|v| (v - first) % step == 0).collect())
    });
    let part = prop_oneof![2 => one, 1 => every, 1 => range];
    let list = prop::collection::vec(part, 1..4).prop_map(|parts: Vec<FieldOf>| {
        let texts: Vec<String> = parts.iter().map(|part| part.0.clone()).collect();
        (texts.join(","), parts.into_iter().flat_map(|part| part.1).collect())
    });
    prop_oneof![1 => all, 2 => list]
}

fn years() -> impl Strategy<Value = FieldOf> {
    let some = prop::collection::btree_set(2013..2032u32, 1..5).prop_map(|years| {
        let texts: Vec<String> = years.iter().map(u32::to_string).collect();
        (texts.join(","), years)
    });
    prop_oneof![Just(all(1970, 2099)), some]
}

#[derive(Debug)]
struct Spec {
    text: String,
    sets: [BTreeSet<u32>; 7],
    either: bool,
}

fn spec(fields: [FieldOf; 7]) -> Spec {
    let either = fields[3].0 != "*" && fields[5].0 != "*";
    let texts: Vec<&str> = fields.iter().map(|field| field.0.as_str()).collect();
    Spec { text: texts.join(" "), either, sets: fields.map(|field| field.1) }
}

fn all(min: u32, max: u32) -> FieldOf {
    ("*".to_owned(), (min..=max).collect())
}

impl Spec {
    fn matches(&self, at: DateTime) -> bool {
        let has = |place: usize, value: i64| self.sets[place].contains(&(value as u32));
        let day = has(3, at.day().into());
        let weekday = has(5, at.weekday().to_sunday_zero_offset().into());
        has(0, at.second().into())
            && has(1, at.minute().into())
            && has(2, at.hour().into())
            && has(4, at.month().into())
            && has(6, at.year().into())
            && if self.either { day || weekday } else { day && weekday }
    }

    /// Whether it fires at this second, told from what the clocks show around it.
    fn fires_at(&self, second: i64, zone: &TimeZone) -> bool {
        let shown = |second: i64| zone.to_datetime(Timestamp::from_second(second).unwrap());
        let (here, before) = (shown(second), shown(second - 1));
        let repeated = [1800, 3600, 7200].iter().any(|back| shown(second - back) == here);
        if self.matches(here) && !repeated {
            return true;
        }
        let mut skipped = before + 1.second();
        while skipped < here {
            if self.matches(skipped) {
                return true;
            }
            skipped += 1.second();
        }
        false
    }
}

/// Zones, and instants at which their clocks change: by an hour, by half an hour, by a day, by nothing.
const CHANGES: &[(&str, &str)] = &[
    ("America/New_York", "2024-03-10T07:00:00Z"),
    ("America/New_York", "2024-11-03T06:00:00Z"),
    ("Europe/Berlin", "2037-10-25T01:00:00Z"),
    ("Europe/Berlin", "2050-03-27T01:00:00Z"),
    ("Australia/Lord_Howe", "2023-09-30T15:30:00Z"),
    ("Australia/Lord_Howe", "2024-04-06T15:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Asia/Shanghai", "2024-06-30T16:00:00Z"),
    ("UTC", "2024-12-31T23:59:59Z"),
    ("Asia/Kathmandu", "2023-12-31T18:15:00Z"),
];

proptest! {
    #[test]
    fn both_searches_agree_with_counting_seconds(
        seconds in field(0, 59), minutes in field(0, 59), hours in field(0, 23), day in field(1, 31),
        place in 0..CHANGES.len(), offset_ms in -7_000_000..7_000_000i64,
    ) {
        let (name, change) = CHANGES[place];
        let free = [seconds, minutes, hours, day, all(1, 12), all(0, 6), all(1970, 2099)];
        let spec = spec(free);
        let timing = Timing::scf(&spec.text).unwrap();
        let (zone, own) = (zone(name), TimeZoneDatabase::bundled().get(name).unwrap());
        let start = ms(change) + offset_ms;
        const HORIZON: i64 = 8000;

        let first = start.div_euclid(1000) + 1;
        let counted = (first..first + HORIZON).find(|second| spec.fires_at(*second, &own)).map(|second| second * 1000);
        let next = timing.next_after(start, &zone);
        match counted {
            Some(at) => prop_assert_eq!(next, Some(at)),
            None => prop_assert!(next.is_none_or(|at| at >= (first + HORIZON) * 1000)),
        }

        let last = start.div_euclid(1000);
        let begin = last - HORIZON;
        let counted = (begin..=last).rev().find(|second| spec.fires_at(*second, &own)).map(|second| second * 1000);
        prop_assert_eq!(timing.last_until(start, begin * 1000, &zone), counted);
    }

    #[test]
    fn both_searches_agree_with_counting_days(
        day in field(1, 31), month in field(1, 12), weekday in field(0, 6), year in years(),
        start in 0..5000i64,
    ) {
        let noon = |value: u32| (value.to_string(), BTreeSet::from([value]));
        let spec = spec([noon(0), noon(0), noon(12), day, month, weekday, year]);
        let timing = Timing::scf(&spec.text).unwrap();
        let origin: DateTime = "2014-06-01T12:00:00".parse().unwrap();
        let begin = origin + start.days();
        let instant = |at: DateTime| TimeZone::UTC.to_timestamp(at).unwrap().as_millisecond();
        let mut after = (1..4000i64).map(|days| begin + days.days()).filter(|at| spec.matches(*at)).map(instant);
        let limit = instant(begin + 4000.days());
        let next = timing.next_after(instant(begin), &Zone::utc()).filter(|at| *at < limit);
        prop_assert_eq!(next, after.next());
        let mut before = (0..4000i64).map(|days| begin - days.days()).filter(|at| spec.matches(*at)).map(instant);
        let limit = instant(begin - 3999.days());
        prop_assert_eq!(timing.last_until(instant(begin), limit, &Zone::utc()), before.next());
    }

    #[test]
    fn one_search_undoes_the_other(
        seconds in field(0, 59), minutes in field(0, 59), hours in field(0, 23), weekday in field(0, 6),
        place in 0..CHANGES.len(), start in -4_000_000_000..4_000_000_000i64,
    ) {
        let (name, change) = CHANGES[place];
        let spec = spec([seconds, minutes, hours, all(1, 31), all(1, 12), weekday, all(1970, 2099)]);
        let (timing, zone) = (Timing::scf(&spec.text).unwrap(), zone(name));
        let start = ms(change) + start;
        let next = timing.next_after(start, &zone).unwrap();
        prop_assert!(next > start && next % 1000 == 0);
        prop_assert_eq!(timing.last_until(next, next, &zone), Some(next));
        let last = timing.last_until(next - 1, i64::MIN, &zone).unwrap();
        prop_assert!(last <= start, "nothing fires between");
        prop_assert_eq!(timing.next_after(last, &zone), Some(next));
    }

    #[test]
    fn no_text_and_no_instant_is_too_much(text in "[0-9*/,?A-Z -]{0,40}", fields in prop::collection::vec("[0-9*/,-]{1,6}", 7), at in any::<i64>()) {
        let wrapped = format!("cron({text})");
        let moment = format!("at({text})");
        let parsed = [Timing::scf(&text), Timing::scf(&fields.join(" ")), Timing::fc(&wrapped), Timing::fc(&moment)];
        for timing in parsed.into_iter().flatten() {
            for zone in [Zone::utc(), zone("America/New_York")] {
                prop_assert!(timing.next_after(at, &zone).is_none_or(|next| next > at));
                prop_assert!(timing.last_until(at, i64::MIN, &zone).is_none_or(|last| last <= at));
            }
        }
    }
}

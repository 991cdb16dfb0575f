//! What one look at the server shows.

use super::rates::{Rates, SHOWN};
use crate::client::{
    Moment,
    output::{self, Column},
};
use serde_json::{Value, json};
use std::cmp::Reverse;

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub rows: usize,
    pub columns: usize,
}

/// A look at the server, and what is to be shown of it.
pub struct Frame<'a> {
    pub moment: &'a Moment,
    /// None on the first look.
    pub rates: Option<&'a Rates>,
    pub address: &'a str,
    pub all: bool,
}

/// Limits that are shown however small the terminal is.
const LIMITS_AT_LEAST: usize = 4;

impl Frame<'_> {
    /// For programs.
    pub fn json(&self) -> Value {
        let moment = self.moment;
        json!({
            "now": moment.clock["now"],
            "clock": moment.clock["mode"],
            "rates": self.rates.map(Rates::json),
            "totals": moment.counters,
            "scopes": moment.scopes,
            "versions": self.versions(),
            "pools": moment.blanks,
            "sandboxes": moment.sandboxes,
        })
    }

    /// For people: all of it, or as much as fits.
    pub fn lines(&self, room: Option<Size>) -> Vec<String> {
        let mut lines = vec![self.title(), self.speed(), self.stock(), String::new()];
        // Two empty lines and two headers are no rows.
        let rows = room.map_or(usize::MAX, |size| size.rows.saturating_sub(lines.len() + 3));
        let versions = self.version_rows();
        // A row of versions stays even beside many limits, and some limits stay even beside many versions.
        let beside = rows.saturating_sub(versions.len().max(1)).max(LIMITS_AT_LEAST);
        let limits = cut(self.limit_rows(), beside.min(rows.saturating_sub(1)));
        let versions = cut(versions, rows.saturating_sub(limits.len().max(1)));
        lines.extend(section(&LIMITS, limits, "no limit is set"));
        lines.push(String::new());
        lines.extend(section(&VERSIONS, versions, "no version has an instance"));
        lines
    }

    fn title(&self) -> String {
        let clock = &self.moment.clock;
        let kind = if clock["mode"] == "virtual" { " (virtual clock)" } else { "" };
        format!("sluice at {}, {}{kind}", self.address, clock["now"].as_str().unwrap_or("?"))
    }

    fn speed(&self) -> String {
        let shown = SHOWN.iter().map(|(name, counter)| {
            let total = self.moment.counters.get(*counter).copied().unwrap_or(0.0);
            match self.rates.and_then(|rates| rates.of(counter)) {
                Some(rate) => format!("{name} {rate:.1}/s ({total} in all)"),
                None => format!("{name} {total} in all"),
            }
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    fn stock(&self) -> String {
        let of = |pool: &Value| format!("{}/{}", pool["ready"], pool["target"]);
        let mut parts: Vec<String> =
            array(&self.moment.blanks).iter().map(|pool| format!("{} {}", text(pool, "pool"), of(pool))).collect();
        parts.push(format!("sandboxes {}", of(&self.moment.sandboxes)));
        format!("ready ahead: {}", parts.join(", "))
    }

    fn limit_rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for scope in array(&self.moment.scopes) {
            for node in array(&scope["limits"]) {
                let (limit, used) = (node["limit"].as_u64(), number(node, "used"));
                if limit.is_none() && !(self.all && used > 0) {
                    continue;
                }
                let share = limit.filter(|limit| *limit > 0).map(|limit| format!("{} %", used * 100 / limit));
                rows.push(vec![
                    text(scope, "account"),
                    text(scope, "region"),
                    text(scope, "dialect"),
                    text(node, "kind").replace('_', " "),
                    named(node, &text(node, "name")),
                    used.to_string(),
                    limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string()),
                    text(node, "unit"),
                    share.unwrap_or_default(),
                ]);
            }
        }
        rows
    }

    /// Those with something going on, the busiest first.
    fn versions(&self) -> Vec<&Value> {
        let some = |version: &&Value| {
            self.all || ["instances", "waiting", "provisioned_target"].iter().any(|field| number(version, field) > 0)
        };
        let mut found: Vec<&Value> = array(&self.moment.versions).iter().filter(some).collect();
        found.sort_by_key(|version| {
            Reverse((number(version, "in_flight") + number(version, "waiting"), number(version, "instances")))
        });
        found
    }

    fn version_rows(&self) -> Vec<Vec<String>> {
        let row = |version: &&Value| {
            let count = |field: &str| number(version, field).to_string();
            let name = format!("{}:{}", text(version, "function"), text(version, "version"));
            let keep = version["keep_alive_s"].as_f64().unwrap_or(0.0);
            vec![
                text(version, "region"),
                text(version, "dialect"),
                named(version, &name),
                count("memory_mb"),
                count("instances"),
                count("busy"),
                count("idle"),
                count("starting"),
                count("in_flight"),
                count("waiting"),
                format!("{}/{}", number(version, "provisioned_ready"), number(version, "provisioned_target")),
                format!("{keep:.0} s"),
                text(version, "keep_alive_why"),
            ]
        };
        self.versions().iter().map(row).collect()
    }
}

const LIMITS: [Column; 9] = [
    Column::text("ACCOUNT"),
    Column::text("REGION"),
    Column::text("DIALECT"),
    Column::text("LIMIT"),
    Column::text("OF"),
    Column::number("USED"),
    Column::number("LIMIT"),
    Column::text("UNIT"),
    Column::number("SHARE"),
];

const VERSIONS: [Column; 13] = [
    Column::text("REGION"),
    Column::text("DIALECT"),
    Column::text("VERSION"),
    Column::number("MB"),
    Column::number("INSTANCES"),
    Column::number("BUSY"),
    Column::number("IDLE"),
    Column::number("STARTING"),
    Column::number("IN FLIGHT"),
    Column::number("WAITING"),
    Column::number("PROVISIONED"),
    Column::number("KEPT"),
    Column::text("BECAUSE"),
];

/// A table, or a line that says why there is none. What was cut off is one row with one cell.
fn section(columns: &[Column], rows: Vec<Vec<String>>, none: &str) -> Vec<String> {
    if rows.is_empty() {
        return vec![none.to_owned()];
    }
    let (rows, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.len() > 1);
    let mut lines = output::table_lines(columns, rows.into_iter());
    lines.extend(rest.into_iter().flatten());
    lines
}

fn cut(mut rows: Vec<Vec<String>>, room: usize) -> Vec<Vec<String>> {
    if rows.len() > room {
        let kept = room.saturating_sub(1);
        let more = rows.len() - kept;
        rows.truncate(kept);
        rows.push(vec![format!("... and {more} more")]);
    }
    rows
}

/// A function's name within its namespace.
fn named(object: &Value, name: &str) -> String {
    match text(object, "namespace").as_str() {
        "" => name.to_owned(),
        namespace => format!("{namespace}/{name}"),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_default().to_owned()
}

fn number(object: &Value, field: &str) -> u64 {
    object[field].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests;

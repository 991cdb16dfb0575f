//! Row ids: groups, ranges, and the files that list them.

use anyhow::{Context, bail};
use std::collections::BTreeMap;

/// Rows that belong together, numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: String,
    pub title: String,
    pub rows: u32,
}

impl Group {
    pub fn contains(&self, row: &str) -> bool {
        split(row).is_some_and(|(group, number)| group == self.id && (1..=self.rows).contains(&number))
    }

    pub fn ids(&self) -> impl Iterator<Item = String> + '_ {
        (1..=self.rows).map(|number| id(&self.id, number))
    }
}

pub fn id(group: &str, number: u32) -> String {
    format!("{group}-{number:02}")
}

/// Group and number of `QUO-17`.
pub fn split(row: &str) -> Option<(&str, u32)> {
    let (group, number) = row.split_once('-')?;
    let is_group = group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let is_number = number.len() >= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_group && is_number { Some((group, number.parse().ok()?)) } else { None }
}

/// Every row of `FUN-03` or of `FUN-01..08`.
pub fn expand(text: &str) -> Option<Vec<String>> {
    let (first, last) = text.split_once("..").map_or((text, None), |(first, last)| (first, Some(last)));
    let (group, from) = split(first)?;
    let to = last.map_or(Some(from), |last| last.parse().ok())?;
    if to < from {
        return None;
    }
    Some((from..=to).map(|number| id(group, number)).collect())
}

/// Lines such as `QUO-01..30  Limits of accounts`; `#` begins a comment.
pub fn parse(text: &str) -> anyhow::Result<Vec<Group>> {
    entries(text)
        .map(|(rows, title)| {
            let ids = expand(rows).with_context(|| format!("'{rows}' is no range of rows"))?;
            let (group, first) = split(&ids[0]).context("a row has a group and a number")?;
            if first != 1 {
                bail!("'{rows}' must begin with 01");
            }
            Ok(Group { id: group.to_owned(), title: title.to_owned(), rows: ids.len() as u32 })
        })
        .collect()
}

/// Lines such as `WEB-24  there are no web functions yet`, one remark for one row or a range.
pub fn parse_remarks(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut remarks = BTreeMap::new();
    for (rows, remark) in entries(text) {
        for row in expand(rows).with_context(|| format!("'{rows}' is no range of rows"))? {
            if remark.is_empty() || remarks.insert(row, remark.to_owned()).is_some() {
                bail!("'{rows}' must have one remark");
            }
        }
    }
    Ok(remarks)
}

fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').map_or((line, ""), |(rows, rest)| (rows, rest.trim())))
}

/// Groups of a feature table in Markdown, whose second column is the row's id.
pub fn from_table(table: &str, titles: &[Group]) -> anyhow::Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for row in table.lines().filter_map(|line| line.strip_prefix('|')?.split('|').nth(1)) {
        let Some((group, number)) = split(row.trim()) else { continue };
        if groups.last().is_none_or(|last| last.id != group) {
            let title = titles.iter().find(|known| known.id == group).map_or("", |known| known.title.as_str());
            groups.push(Group { id: group.to_owned(), title: title.to_owned(), rows: 0 });
        }
        let last = groups.last_mut().context("a group was just added")?;
        last.rows += 1;
        if last.rows != number {
            bail!("{row} is out of order: {} is expected", id(group, last.rows));
        }
    }
    Ok(groups)
}

pub fn render(groups: &[Group]) -> String {
    let mut text = String::from(
        "# Rows of the specification, group by group. Made by `cargo xtask spec-rows`; titles are kept.\n",
    );
    for group in groups {
        text.push_str(format!("{}-01..{:02}  {}", group.id, group.rows, group.title).trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_name_every_row_between() {
        assert_eq!(expand("FUN-07..09").unwrap(), ["FUN-07", "FUN-08", "FUN-09"]);
        assert_eq!(expand("K8S-12").unwrap(), ["K8S-12"]);
        for wrong in ["FUN", "FUN-", "fun-01", "FUN-1", "FUN-09..07", "FUN-01..x", "FUNN-01"] {
            assert_eq!(expand(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_list_is_read_as_it_is_written() {
        let table = "| # | id | Rule |\n|---|---|---|\n| 1 | QUO-01 | a |\n| 2 | QUO-02 | b |\n| 3 | FUN-01 | c |\n";
        let titles = [Group { id: "FUN".into(), title: "Functions".into(), rows: 9 }];
        let groups = from_table(table, &titles).unwrap();
        assert_eq!(parse(&render(&groups)).unwrap(), groups);
        assert_eq!((groups[0].rows, groups[1].title.as_str()), (2, "Functions"));
        assert!(groups[0].contains("QUO-02") && !groups[0].contains("QUO-03") && !groups[0].contains("FUN-01"));
        assert!(from_table("| 1 | QUO-02 | a |\n", &[]).is_err());
    }

    #[test]
    fn a_row_has_one_remark() {
        assert_eq!(parse_remarks("WEB-01..02  later\n").unwrap().len(), 2);
        assert!(parse_remarks("WEB-01 later\nWEB-01 never\n").is_err());
        assert!(parse_remarks("WEB-01\n").is_err());
    }
}

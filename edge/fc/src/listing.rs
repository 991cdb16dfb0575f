//! Pages of lists, mostly sorted by name: `limit`, `prefix`, `startKey`, `nextToken`.
//!
//! The token is the name that the next page begins with. It replaces `startKey`; `prefix` filters either way;
//! the last page has none.

use crate::query::Query;
use serde_json::{Map, Value};
use sluice_domain::{Error, Field, Result};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    limit: usize,
    prefix: String,
    from: String,
}

impl Page {
    /// A limit over 100 gives pages of 100.
    pub fn of(query: &Query) -> Result<Self> {
        let limit = match query.get("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text.parse::<usize>().ok().filter(|limit| *limit > 0).ok_or_else(|| {
                Error::invalid(Field::Limit, format!("limit '{text}' is not allowed: use 1 to {MAX_LIMIT}"))
            })?,
        };
        let from = query.get("nextToken").or_else(|| query.get("startKey")).unwrap_or_default();
        let prefix = query.get("prefix").unwrap_or_default();
        Ok(Self { limit: limit.min(MAX_LIMIT), prefix: prefix.to_owned(), from: from.to_owned() })
    }

    /// Where the page begins; empty for the beginning.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// As many of `rest` as fit, and the one after them.
    pub fn cut<T>(&self, mut rest: impl Iterator<Item = T>) -> (Vec<T>, Option<T>) {
        let shown = rest.by_ref().take(self.limit).collect();
        (shown, rest.next())
    }

    /// The document of one page of `items`, which are sorted by name.
    pub fn render<T>(
        &self,
        list: &str,
        items: &[T],
        name: impl Fn(&T) -> &str,
        document: impl Fn(&T) -> Value,
    ) -> Value {
        let rest = items.iter().filter(|item| name(item) >= self.from() && name(item).starts_with(&self.prefix));
        let (shown, next) = self.cut(rest);
        Self::document(list, shown.into_iter().map(document), next.map(name))
    }

    pub fn document(list: &str, shown: impl Iterator<Item = Value>, next: Option<&str>) -> Value {
        let mut out = Map::from_iter([(list.to_owned(), shown.collect())]);
        if let Some(next) = next {
            out.insert("nextToken".to_owned(), next.into());
        }
        Value::Object(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NAMES: &[&str] = &["abc", "abd", "ade", "bcd", "bde", "zzz"];

    fn page(query: &str) -> Value {
        Page::of(&Query::parse(query)).unwrap().render("names", NAMES, |name| name, |name| json!(name))
    }

    #[test]
    fn pages_follow_the_documented_rules() {
        assert_eq!(page("limit=2&startKey=b"), json!({"names": ["bcd", "bde"], "nextToken": "zzz"}));
        assert_eq!(page("limit=1&startKey=b&nextToken=zzz"), json!({"names": ["zzz"]}));
        assert_eq!(page("limit=2&prefix=x&nextToken=zzz"), json!({"names": []}));
        assert_eq!(page("limit=2&prefix=a"), json!({"names": ["abc", "abd"], "nextToken": "ade"}));
        assert_eq!(page("limit=2&prefix=ab&startKey=abd"), json!({"names": ["abd"]}));
        assert_eq!(page("nextToken=&startKey="), json!({"names": NAMES}));
    }

    #[test]
    fn limits_have_a_default_and_a_ceiling() {
        assert_eq!(Page::of(&Query::parse("")).unwrap().limit, 20);
        assert_eq!(Page::of(&Query::parse("limit=1000")).unwrap().limit, 100);
        assert!(Page::of(&Query::parse("limit=0")).is_err());
        assert!(Page::of(&Query::parse("limit=x")).is_err());
    }
}

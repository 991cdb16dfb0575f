//! Paging and sorting, which every list has.

use crate::error::ApiError;
use std::cmp::Ordering;

/// `Offset` and `Limit` applied to a list that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub offset: usize,
    pub limit: usize,
}

impl Page {
    pub fn parse(offset: Option<i64>, limit: Option<i64>) -> Result<Self, ApiError> {
        let refuse = |code, name: &str, value: i64| {
            ApiError::new(code, format!("{name} {value} is not allowed: use 0 or a positive number"))
        };
        let (offset, limit) = (offset.unwrap_or(0), limit.unwrap_or(20));
        let as_offset =
            usize::try_from(offset).map_err(|_| refuse("InvalidParameterValue.Offset", "Offset", offset))?;
        let as_limit = usize::try_from(limit).map_err(|_| refuse("InvalidParameterValue.Limit", "Limit", limit))?;
        Ok(Self { offset: as_offset, limit: as_limit })
    }

    pub fn of<T>(self, items: Vec<T>) -> impl Iterator<Item = T> {
        items.into_iter().skip(self.offset).take(self.limit)
    }
}

/// `Order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Asc,
    Desc,
}

impl Order {
    pub fn parse(text: Option<&str>, default: Order) -> Result<Self, ApiError> {
        match text.unwrap_or_default() {
            "" => Ok(default),
            asc if asc.eq_ignore_ascii_case("ASC") => Ok(Order::Asc),
            desc if desc.eq_ignore_ascii_case("DESC") => Ok(Order::Desc),
            other => {
                let message = format!("Order '{other}' is not allowed: use ASC or DESC");
                Err(ApiError::new("InvalidParameterValue.Order", message))
            }
        }
    }

    pub fn apply(self, ordering: Ordering) -> Ordering {
        match self {
            Order::Asc => ordering,
            Order::Desc => ordering.reverse(),
        }
    }
}

/// The refusal of an unknown sort key.
pub fn unknown_order_by(code: &'static str, given: &str, known: &str) -> ApiError {
    ApiError::new(code, format!("cannot sort by '{given}': use {known}"))
}

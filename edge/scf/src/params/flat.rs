//! Flattened parameters: `Environment.Variables.0.Key=A` and its like, grown into a tree.

use crate::error::ApiError;
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde_json::{Error, Value};
use std::collections::BTreeMap;

/// Deeper than any structure of the API; bounds recursion.
const DEEPEST: usize = 16;

/// A value without types: what a form or a query can express, and JSON where a multipart body embeds it.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Leaf(String),
    /// An object, or an array when its keys are indexes.
    Branch(BTreeMap<String, Node>),
    Json(Value),
}

impl Default for Node {
    fn default() -> Self {
        Node::Branch(BTreeMap::new())
    }
}

impl Node {
    pub fn text(&self, key: &str) -> Option<&str> {
        let Node::Branch(children) = self else { return None };
        match children.get(key)? {
            Node::Leaf(text) => Some(text),
            _ => None,
        }
    }

    /// Puts a value under a dotted path.
    pub fn insert(&mut self, path: &str, value: Node) -> Result<(), ApiError> {
        let refuse = || ApiError::new("InvalidParameter", format!("parameter name '{path}' contradicts another one"));
        if path.split('.').count() > DEEPEST {
            return Err(ApiError::new("InvalidParameter", "a parameter name is nested too deeply"));
        }
        let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
        let mut node = self;
        for part in parents.into_iter().flat_map(|parents| parents.split('.')) {
            let Node::Branch(children) = node else { return Err(refuse()) };
            node = children.entry(part.to_owned()).or_default();
        }
        let Node::Branch(children) = node else { return Err(refuse()) };
        match children.insert(last.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(refuse()),
        }
    }
}

fn parsed<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Error> {
    text.trim().parse().map_err(|_| Error::invalid_value(de::Unexpected::Str(text), &what))
}

macro_rules! number {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self {
                Node::Leaf(text) => visitor.$visit(parsed::<$type>(text, "a number")?),
                Node::Json(value) => value.$method(visitor),
                Node::Branch(_) => Err(Error::invalid_type(de::Unexpected::Map, &visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    number! {
        deserialize_i8 visit_i64 i64,
        deserialize_i16 visit_i64 i64,
        deserialize_i32 visit_i64 i64,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u64 u64,
        deserialize_u16 visit_u64 u64,
        deserialize_u32 visit_u64 u64,
        deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f64 f64,
        deserialize_f64 visit_f64 f64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Node::Leaf(text) => visitor.visit_borrowed_str(text),
            Node::Branch(children) if looks_like_array(children) => self.deserialize_seq(visitor),
            Node::Branch(_) => self.deserialize_map(visitor),
            Node::Json(value) => value.deserialize_any(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Node::Leaf(text) if text.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            Node::Leaf(text) if text.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Node::Json(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Node::Branch(children) => {
                let mut items: Vec<(u32, &Node)> = Vec::with_capacity(children.len());
                for (key, child) in children {
                    items.push((parsed(key, "an index")?, child));
                }
                items.sort_by_key(|(index, _)| *index);
                visitor.visit_seq(de::value::SeqDeserializer::new(items.into_iter().map(|(_, child)| child)))
            }
            Node::Json(value) => value.deserialize_seq(visitor),
            Node::Leaf(text) => Err(Error::invalid_type(de::Unexpected::Str(text), &visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Node::Branch(children) => visitor.visit_map(Entries { rest: children.iter(), value: None }),
            Node::Json(value) => value.deserialize_map(visitor),
            Node::Leaf(text) => Err(Error::invalid_type(de::Unexpected::Str(text), &visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct enum identifier ignored_any
    }
}

fn looks_like_array(children: &BTreeMap<String, Node>) -> bool {
    !children.is_empty() && children.keys().all(|key| key.bytes().all(|b| b.is_ascii_digit()) && !key.is_empty())
}

impl<'de> IntoDeserializer<'de, Error> for &'de Node {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

struct Entries<'de> {
    rest: std::collections::btree_map::Iter<'de, String, Node>,
    value: Option<&'de Node>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| Error::custom("a value was read before its key"))?;
        seed.deserialize(value)
    }
}

//! One authenticated request, as the actions see it.

use crate::{error::Refusal, query::Query};
use bytes::Bytes;
use http::{Response, request::Parts};
use sluice_domain::{AliasKey, Dialect, FunctionKey, NamespaceKey, RequestId, Scope};
use sluice_engine::Engine;

/// What an action comes to.
pub type Answer = Result<Response<Bytes>, Refusal>;

/// The two APIs agree on nearly everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// 2016-08-15, and paths without a version.
    Classic,
    /// FC-Open, 2021-04-06.
    Open,
}

pub struct Call<'a> {
    pub api: Api,
    pub engine: &'a Engine,
    pub scope: Scope,
    pub parts: &'a Parts,
    pub body: Bytes,
    pub request_id: &'a RequestId,
    pub public_base: Option<&'a str>,
}

impl Call<'_> {
    /// A header's text, without the quotes that some generated clients put around it. Empty counts as absent:
    /// clients send headers that they leave unset.
    pub fn header(&self, name: &str) -> Option<&str> {
        let text = self.parts.headers.get(name)?.to_str().ok()?.trim();
        let text = text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(text);
        Some(text).filter(|text| !text.is_empty())
    }

    pub fn query(&self) -> Query {
        self.parts.uri.query().map(Query::parse).unwrap_or_default()
    }

    /// The ETag that a change depends on; `*` is any.
    pub fn if_match(&self) -> Option<&str> {
        self.header("if-match")
    }

    pub fn service_key(&self, service: &str) -> NamespaceKey {
        NamespaceKey { scope: self.scope.clone(), dialect: Dialect::Fc, name: service.to_owned() }
    }

    pub fn function_key(&self, service: &str, function: &str) -> FunctionKey {
        FunctionKey {
            scope: self.scope.clone(),
            dialect: Dialect::Fc,
            namespace: service.to_owned(),
            name: function.to_owned(),
        }
    }

    pub fn alias_key(&self, service: &str, alias: &str) -> AliasKey {
        AliasKey {
            scope: self.scope.clone(),
            dialect: Dialect::Fc,
            namespace: service.to_owned(),
            function: None,
            name: alias.to_owned(),
        }
    }
}

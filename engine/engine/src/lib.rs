//! The imperative shell: use cases over ports, driven by the decisions of `sluice-decide`.
//!
//! Edges call [`Engine`] and nothing below it. The engine holds the catalog in memory (a warm request reads
//! no database), feeds events to the decision core and carries its commands out on the backend. It knows no
//! wire format and no vendor code: every refusal is a [`sluice_domain::Error`], every execution an
//! [`sluice_domain::Invocation`].

mod accounts;
mod api;
mod catalog;
mod deploy;
mod invoke;
mod links;
mod pools;
mod quotas;
mod records;

pub use api::{
    AccessKey, CodeSource, Config, Deps, Engine, InvokeRequest, NewFunction, NewNamespace, RecordQuery, Usage,
};
pub use pools::{BlankView, InstanceView};

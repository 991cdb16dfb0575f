//! The dialect from outside: signed HTTP requests in, HTTP answers out, over an engine on fakes.

mod account;
mod aliases;
mod concurrency;
mod functions;
mod invocations;
mod logs;
mod namespaces;
mod platform;
mod shapes;
mod updates;
mod versions;

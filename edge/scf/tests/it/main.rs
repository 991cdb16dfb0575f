//! The dialect from outside: signed HTTP requests in, HTTP answers out, over an engine on fakes.

mod account;
mod functions;
mod invocations;
mod logs;
mod namespaces;
mod platform;
mod shapes;
mod updates;

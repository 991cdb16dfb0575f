//! One module per command: its arguments, and what it does.

pub mod completion;
pub mod deploy;
pub mod doctor;
pub mod get;
pub mod invoke;
pub mod list;
pub mod logs;
pub mod remove;
pub mod replay;
pub mod runtimes;
pub mod serve;
pub mod simulate;
pub mod top;

//! `sluice serve`: from arguments to settings; the rest is in [`crate::serve`].

use crate::serve::{
    self,
    settings::{self, Layer},
};
use std::{collections::HashMap, path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
#[command(after_help = "Every option can also be set in the environment (SLUICE_DATA_DIR for --data-dir) and in a \
                        configuration file (data_dir); a flag wins over the environment, and that over the file.")]
pub struct Args {
    #[command(flatten)]
    flags: Layer,
    /// Configuration file; sluice.toml in the data directory is read when it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration, print it, and exit
    #[arg(long)]
    check_config: bool,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let environment: HashMap<String, String> = std::env::vars().collect();
    let settings = settings::resolve(args.flags, &environment, args.config)?;
    if args.check_config {
        println!("{settings}");
        return Ok(ExitCode::SUCCESS);
    }
    serve::run(settings, &environment)
}

//! Builds the library that interpreters load to be templates (`template/lib.rs`), for `bootstrap.rs` to embed.
//!
//! By the compiler itself rather than as a crate, because the result is a file and not something to link with.

use std::{env, path::PathBuf, process::Command};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("template.so");
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let mut compiler = Command::new(env::var_os("RUSTC").expect("cargo sets RUSTC"));
    compiler
        .args(["--edition=2024", "--crate-type=cdylib", "--crate-name=sluice_template", "--target", &target])
        .args(["-Copt-level=2", "-Cpanic=abort", "-Cstrip=symbols", "-Dwarnings", "-o"])
        .arg(&out)
        .arg("template/lib.rs");
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        compiler.arg("-C").arg(format!("linker={}", linker.to_string_lossy()));
    }
    let status = compiler.status().expect("the compiler that cargo uses can be run");
    assert!(status.success(), "the template library does not build");
    for path in ["template", "src/entry.rs", "build.rs"] {
        println!("cargo:rerun-if-changed={path}");
    }
}

//! The functions that are measured: what they are called, their code, their packages.

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::io::{Cursor, Write};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A language under measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Python,
    Node,
}

impl Language {
    /// A runtime id of the SCF dialect that it serves.
    pub fn runtime(self) -> &'static str {
        match self {
            Language::Python => "Python3.10",
            Language::Node => "Nodejs18.15",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Node => "node",
        }
    }

    /// File name and text of the measured function.
    pub fn source(self) -> (&'static str, &'static str) {
        match self {
            Language::Python => ("index.py", include_str!("../functions/python/index.py")),
            Language::Node => ("index.js", include_str!("../functions/node/index.js")),
        }
    }

    /// File name and text of the reference's worker.
    pub fn worker(self) -> (&'static str, &'static str) {
        match self {
            Language::Python => ("worker.py", include_str!("../workers/worker.py")),
            Language::Node => ("worker.js", include_str!("../workers/worker.js")),
        }
    }

    /// Arguments that start the interpreter with nothing to do.
    pub fn nothing(self) -> [&'static str; 2] {
        match self {
            Language::Python => ["-c", "pass"],
            Language::Node => ["-e", "0"],
        }
    }

    /// Arguments of the scale-out baseline.
    pub fn hello(self) -> [&'static str; 2] {
        match self {
            Language::Python => ["-c", "print(1)"],
            Language::Node => ["-e", "0"],
        }
    }
}

/// A code package as CreateFunction takes it.
#[derive(Clone, Debug)]
pub struct Package {
    pub language: Language,
    pub handler: &'static str,
    pub zip_base64: String,
}

impl Package {
    /// One file with the measured function.
    pub fn trivial(language: Language) -> Result<Self> {
        Self::of(language, "index.main_handler", &[], 0)
    }

    /// The measured function among 499 other files of 10 KiB, about 5 MB together.
    pub fn large(language: Language) -> Result<Self> {
        Self::of(language, "index.main_handler", &[], 499)
    }

    /// A function that lists the modules its interpreter has loaded.
    pub fn modules() -> Result<Self> {
        let file = ("modules.py", include_str!("../functions/python/modules.py"));
        Self::of(Language::Python, "modules.main_handler", &[file], 0)
    }

    fn of(language: Language, handler: &'static str, extra: &[(&str, &str)], ballast: u32) -> Result<Self> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in [language.source()].iter().chain(extra) {
            zip.start_file(*name, SimpleFileOptions::default()).context("adding a file to a package")?;
            zip.write_all(text.as_bytes())?;
        }
        for number in 0..ballast {
            let extension = if language == Language::Python { "py" } else { "js" };
            zip.start_file(format!("library/part_{number:03}.{extension}"), SimpleFileOptions::default())?;
            zip.write_all(module(language, number).as_bytes())?;
        }
        let bytes = zip.finish().context("finishing a package")?.into_inner();
        Ok(Self { language, handler, zip_base64: BASE64_STANDARD.encode(bytes) })
    }
}

/// About 10 KiB of code that differs from part to part.
fn module(language: Language, part: u32) -> String {
    let mut text = String::with_capacity(11 * 1024);
    let mut line = 0_u32;
    while text.len() < 10 * 1024 {
        let value = u64::from(part) * 2_654_435_761 + u64::from(line) * 40_503;
        text += &match language {
            Language::Python => format!("def f{line}(x):\n    return x * {value} + {line}\n\n\n"),
            Language::Node => format!("exports.f{line} = (x) => x * {value} + {line};\n"),
        };
        line += 1;
    }
    text
}

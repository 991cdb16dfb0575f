//! Where a function's code comes from: the `Code` structure and the older top-level fields.

use crate::{
    error::ApiError,
    params::{Params, Text},
};
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use sluice_domain::{Dialect, Family, KnownRuntime};
use sluice_engine::CodeSource;

/// Takes packages with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The fields of a request that say where code is. Everything that is not read is only noticed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
pub struct CodeFields<'a> {
    code: Option<CodeStruct<'a>>,
    code_source: Option<Text<'a>>,
    zip_file: Option<Text<'a>>,
    cos_bucket_name: Option<Text<'a>>,
    cos_object_name: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct CodeStruct<'a> {
    zip_file: Option<Text<'a>>,
    cos_bucket_name: Option<Text<'a>>,
    cos_object_name: Option<Text<'a>>,
    temp_cos_object_name: Option<Text<'a>>,
    demo_id: Option<Text<'a>>,
    git_url: Option<Text<'a>>,
    image_config: Option<IgnoredAny>,
}

/// What a request says about code, decoded.
#[derive(Debug)]
pub enum Given {
    /// Nothing at all.
    Nothing,
    Package(Bytes),
    /// One source file, to be named after the handler.
    SourceFile(Bytes),
}

impl Given {
    pub fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        let fields: CodeFields<'_> = params.read()?;
        let nested = fields.code.is_some();
        let mut code = fields.code.unwrap_or_default();
        code.zip_file = code.zip_file.or(fields.zip_file);
        code.cos_bucket_name = code.cos_bucket_name.or(fields.cos_bucket_name);
        code.cos_object_name = code.cos_object_name.or(fields.cos_object_name);
        check_source(fields.code_source.as_deref())?;
        check_count(&code)?;
        let Some(text) = present(&code.zip_file) else {
            return not_readable(&code, nested);
        };
        let inline = fields.code_source.as_deref().is_some_and(|source| source.eq_ignore_ascii_case("Inline"));
        if inline { inline_code(text) } else { decode(text).map(Given::Package) }
    }

    /// As the engine takes it. `None` when the request holds no code.
    pub fn source(self, runtime: &str, handler: &str) -> Result<Option<CodeSource>, ApiError> {
        match self {
            Given::Nothing => Ok(None),
            Given::Package(zip) => Ok(Some(CodeSource::Zip(zip))),
            Given::SourceFile(content) => {
                let file = source_file_name(runtime, handler)?;
                Ok(Some(CodeSource::Inline { file, content }))
            }
        }
    }
}

fn present<'t>(field: &'t Option<Text<'_>>) -> Option<&'t str> {
    field.as_deref().filter(|text| !text.is_empty())
}

fn check_source(source: Option<&str>) -> Result<(), ApiError> {
    const KNOWN: [&str; 7] = ["", "ZipFile", "Inline", "Cos", "TempCos", "Demo", "Git"];
    let source = source.unwrap_or_default();
    if KNOWN.iter().any(|known| known.eq_ignore_ascii_case(source)) {
        return Ok(());
    }
    let message = format!("CodeSource '{source}' is unknown: use ZipFile or Inline");
    Err(ApiError::new("InvalidParameterValue.CodeSource", message))
}

/// Exactly one source may be named.
fn check_count(code: &CodeStruct<'_>) -> Result<(), ApiError> {
    let cos = present(&code.cos_bucket_name).is_some() || present(&code.cos_object_name).is_some();
    let sources = [
        present(&code.zip_file).is_some(),
        cos,
        present(&code.temp_cos_object_name).is_some(),
        present(&code.demo_id).is_some(),
        present(&code.git_url).is_some(),
        code.image_config.is_some(),
    ];
    if sources.iter().filter(|given| **given).count() < 2 {
        return Ok(());
    }
    Err(ApiError::new(
        "InvalidParameterValue.Code",
        "the code has more than one source: give exactly one, such as ZipFile",
    ))
}

/// There is no ZipFile: says what there is instead.
fn not_readable(code: &CodeStruct<'_>, nested: bool) -> Result<Given, ApiError> {
    let elsewhere = [
        (&code.cos_bucket_name, "code from object storage (CosBucketName) is"),
        (&code.cos_object_name, "code from object storage (CosObjectName) is"),
        (&code.temp_cos_object_name, "code from object storage (TempCosObjectName) is"),
        (&code.demo_id, "code from a template (DemoId) is"),
        (&code.git_url, "code from Git (GitUrl) is"),
    ];
    if let Some((_, what)) = elsewhere.into_iter().find(|(field, _)| present(field).is_some()) {
        return Err(ApiError::not_offered("UnsupportedOperation", what));
    }
    if code.image_config.is_some() {
        return Err(ApiError::not_offered("UnsupportedOperation", "functions from container images (ImageConfig) are"));
    }
    if nested {
        let message = "Code names no source: give ZipFile, the base64 form of a zip";
        return Err(ApiError::new("InvalidParameterValue.Code", message));
    }
    Ok(Given::Nothing)
}

fn decode(text: &str) -> Result<Bytes, ApiError> {
    let decoded = BASE64.decode(text).or_else(|error| {
        // Some encoders break their lines.
        let lines: String = text.split_ascii_whitespace().collect();
        if lines.len() == text.len() { Err(error) } else { BASE64.decode(lines) }
    });
    decoded.map(Bytes::from).map_err(|error| {
        ApiError::new("InvalidParameterValue.ZipFileBase64BinasciiError", format!("ZipFile is not base64: {error}"))
    })
}

/// Inline code is the base64 form of a zip or of one source file, or that file's plain text.
///
/// Plain text can look like base64 only when it holds nothing but letters, digits, `+`, `/` and line ends;
/// what it would decode to is then neither a zip nor UTF-8 in all but freak cases.
fn inline_code(text: &str) -> Result<Given, ApiError> {
    match decode(text) {
        Ok(bytes) if bytes.starts_with(b"PK") => Ok(Given::Package(bytes)),
        Ok(bytes) if std::str::from_utf8(&bytes).is_ok() => Ok(Given::SourceFile(bytes)),
        _ if text.contains('\0') => {
            Err(ApiError::new("InvalidParameterValue.InlineZipFile", "inline code must be text"))
        }
        _ => Ok(Given::SourceFile(Bytes::copy_from_slice(text.as_bytes()))),
    }
}

/// The file that a handler names, with the extension of its language.
fn source_file_name(runtime: &str, handler: &str) -> Result<String, ApiError> {
    entry_file(runtime, handler).ok_or_else(|| {
        let message = format!("inline code is for Python, Node.js and PHP; runtime '{runtime}' needs a zip");
        ApiError::new("InvalidParameterValue.InlineZipFile", message)
    })
}

/// The entry file of a function in a scripting language.
pub fn entry_file(runtime: &str, handler: &str) -> Option<String> {
    let extension = match KnownRuntime::find(Dialect::Scf, runtime)?.family {
        Family::Python | Family::Python2 => "py",
        Family::Node => "js",
        Family::Php => "php",
        Family::Java | Family::Go | Family::Dotnet | Family::Custom | Family::Image => return None,
    };
    let file = handler.rsplit_once('.').map_or(handler, |(file, _)| file);
    Some(format!("{file}.{extension}"))
}

#[cfg(test)]
mod tests;

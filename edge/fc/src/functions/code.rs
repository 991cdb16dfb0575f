//! The code package of a request.

use crate::{error::Refusal, fields::Fields};
use base64::{Engine as _, engine::general_purpose::STANDARD_PAD_INDIFFERENT};
use bytes::Bytes;
use crc::{CRC_64_XZ, Crc};
use sluice_domain::{Error, ErrorKind, Field};
use sluice_engine::CodeSource;

/// The checksum of FC and OSS: ECMA-182's polynomial, reflected, all ones in and out.
static CRC64: Crc<u64> = Crc::<u64>::new(&CRC_64_XZ);

/// Takes `code` out of a request. `limit` is the largest package in bytes; `checksum` is the package's CRC-64 in
/// decimal, if the client sent one.
pub fn read(fields: &mut Fields, limit: usize, checksum: Option<&str>) -> Result<Option<CodeSource>, Refusal> {
    let Some(mut code) = fields.object("code")? else { return Ok(None) };
    if code.text("ossBucketName")?.is_some_and(|bucket| !bucket.is_empty()) {
        return Err(Refusal::invalid(
            "code.ossBucketName: object storage is not available yet; send the package in code.zipFile",
        ));
    }
    let Some(text) = code.text("zipFile")?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let zip = decode(text, limit)?;
    if let Some(sent) = checksum {
        let actual = CRC64.checksum(&zip).to_string();
        if sent != actual {
            return Err(Refusal::invalid(format!(
                "x-fc-code-checksum is {sent}, but the package that was received has {actual}"
            )));
        }
    }
    Ok(Some(CodeSource::Zip(Bytes::from(zip))))
}

fn decode(mut text: String, limit: usize) -> Result<Vec<u8>, Error> {
    if text.len() / 4 * 3 > limit.saturating_add(3) {
        let message = format!("payload size exceeds maximum allowed size ({limit} bytes)");
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        text.retain(|c| !c.is_ascii_whitespace());
    }
    STANDARD_PAD_INDIFFERENT
        .decode(text)
        .map_err(|error| Error::invalid(Field::CodeBase64, format!("code.zipFile is not base64: {error}")))
}

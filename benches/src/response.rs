//! Just enough HTTP/1.1 to know where an answer ends. The same code reads subject and baseline, so neither pays more.

use anyhow::{Context, Result, bail};

/// Texts of which a good answer holds one.
pub type Expect = &'static [&'static [u8]];

/// A complete answer within a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
    /// Bytes of head and body together.
    pub len: usize,
}

impl<'a> Answer<'a> {
    /// The answer at the start of `buffer`, or none while bytes are missing.
    pub fn parse(buffer: &'a [u8]) -> Result<Option<Self>> {
        let Some(head_len) = find(buffer, b"\r\n\r\n").map(|at| at + 4) else { return Ok(None) };
        let head = std::str::from_utf8(&buffer[..head_len]).context("the answer's head is not text")?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|text| text.parse().ok());
        let Some(status) = status else { bail!("not a status line: {status_line:?}") };
        let length = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .with_context(|| format!("the answer has no Content-Length: {head:?}"))?;
        let body_len: usize = length.1.trim().parse().with_context(|| format!("bad Content-Length {:?}", length.1))?;
        let len = head_len + body_len;
        Ok((buffer.len() >= len).then(|| Answer { status, body: &buffer[head_len..len], len }))
    }

    /// Checks that the call went well: status 200 and one of the expected texts in the body.
    pub fn expect(&self, texts: Expect) -> Result<()> {
        if self.status == 200 && texts.iter().any(|text| find(self.body, text).is_some()) {
            return Ok(());
        }
        let wanted: Vec<_> = texts.iter().map(|text| String::from_utf8_lossy(text)).collect();
        bail!("status {} without {wanted:?}: {:.600}", self.status, String::from_utf8_lossy(self.body))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_whole_body() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        assert_eq!(Answer::parse(&text[..20]).unwrap(), None);
        assert_eq!(Answer::parse(&text[..text.len() - 1]).unwrap(), None);
        let answer = Answer::parse(text).unwrap().unwrap();
        assert_eq!(answer, Answer { status: 200, body: b"hello", len: text.len() });
    }

    #[test]
    fn refuses_what_it_cannot_measure() {
        assert!(Answer::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(Answer::parse(b"nonsense\r\n\r\n").is_err());
        let refused = Answer { status: 429, body: b"\"ok\"", len: 0 };
        assert!(refused.expect(&[b"\"ok\""]).is_err());
    }
}

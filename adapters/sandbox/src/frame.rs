//! Frames between the server and a bootstrap: see `runtimes/README.md`.
//!
//! The other end is foreign code in the worst case, so nothing in a frame is believed: lengths are capped before
//! memory is taken for them, and what does not parse ends the instance.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use sluice_domain::{Failure, FailureKind};

/// Larger than any legal result or compiled file; a longer frame ends the instance.
pub const MAX_FRAME: usize = 64 << 20;

/// The largest result that fits into a frame, also with a tag.
const MAX_RESULT: usize = MAX_FRAME - 6;

/// The most bytes of a result, for one who is allowed that many.
pub fn result_limit(allowed: usize) -> usize {
    allowed.min(MAX_RESULT)
}

/// Bootstraps cut messages and stacks to well below this; what is longer would be costly to parse.
pub const MAX_ERROR: usize = 1 << 20;

/// Frames up to this length get memory of their own.
const COPIED: usize = 4096;

/// What a bootstrap says.
#[derive(Debug, PartialEq)]
pub enum Frame {
    BlankReady,
    /// The initializer begins.
    Loaded,
    InitDone,
    Result(Bytes),
    Error(Failure),
    Compiled {
        path: String,
        content: Bytes,
    },
    CompileDone,
    /// About one of several requests.
    Tagged {
        tag: u32,
        said: Said,
    },
}

/// What a bootstrap says about one of several requests.
#[derive(Debug, PartialEq)]
pub enum Said {
    Result(Bytes),
    Error(Failure),
    /// It has printed this.
    Output(Bytes),
}

/// Something that no bootstrap of ours says.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Takes one whole frame off the front of `buffer`, if it is there.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    if buffer.len() < 4 {
        return Ok(None);
    }
    let length = u32::from_le_bytes([buffer[0], buffer[1], buffer[2], buffer[3]]) as usize;
    if length == 0 || length > MAX_FRAME {
        return Err(Malformed("a frame of illegal length"));
    }
    if buffer.get(4) == Some(&b'e') && length > MAX_ERROR {
        return Err(Malformed("an error of illegal length"));
    }
    if buffer.len() < 4 + length {
        buffer.reserve(4 + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(4);
    let mut body = taken(buffer, length);
    let kind = body.get_u8();
    parse(kind, body).map(Some)
}

/// The first bytes of the buffer. Few are copied: results are kept with the records of calls, and each would keep the
/// whole buffer.
fn taken(buffer: &mut BytesMut, length: usize) -> Bytes {
    if length > COPIED {
        return buffer.split_to(length).freeze();
    }
    let body = Bytes::copy_from_slice(&buffer[..length]);
    buffer.advance(length);
    body
}

fn parse(kind: u8, mut body: Bytes) -> Result<Frame, Malformed> {
    match kind {
        b'B' => Ok(Frame::BlankReady),
        b'l' => Ok(Frame::Loaded),
        b'i' => Ok(Frame::InitDone),
        b'r' => Ok(Frame::Result(body)),
        b'e' => parse_error(&body).map(Frame::Error),
        b'd' => Ok(Frame::CompileDone),
        b't' => parse_tagged(body),
        b'c' => {
            if body.len() < 2 {
                return Err(Malformed("a compiled file without a name"));
            }
            let length = usize::from(body.get_u16_le());
            if body.len() < length {
                return Err(Malformed("a compiled file with a short name"));
            }
            let path =
                String::from_utf8(body.split_to(length).to_vec()).map_err(|_| Malformed("a name that is not text"))?;
            Ok(Frame::Compiled { path, content: body })
        }
        _ => Err(Malformed("a frame of unknown kind")),
    }
}

fn parse_tagged(mut body: Bytes) -> Result<Frame, Malformed> {
    if body.len() < 5 {
        return Err(Malformed("a tag without anything"));
    }
    let (tag, kind) = (body.get_u32_le(), body.get_u8());
    let said = match kind {
        b'r' => Said::Result(body),
        b'e' if body.len() > MAX_ERROR => return Err(Malformed("an error of illegal length")),
        b'e' => Said::Error(parse_error(&body)?),
        b'o' => Said::Output(body),
        _ => return Err(Malformed("a tagged frame of unknown kind")),
    };
    Ok(Frame::Tagged { tag, said })
}

fn parse_error(body: &[u8]) -> Result<Failure, Malformed> {
    #[derive(serde::Deserialize)]
    struct Document {
        kind: String,
        message: String,
        #[serde(rename = "type")]
        error_type: Option<String>,
        stack: Option<String>,
        frames: Option<serde_json::Value>,
        #[serde(default)]
        handled: bool,
    }
    let document: Document = serde_json::from_slice(body).map_err(|_| Malformed("an error that is not understood"))?;
    let kind = match document.kind.as_str() {
        "handler_not_found" => FailureKind::HandlerNotFound,
        "bad_return" => FailureKind::BadReturn,
        "response_too_large" => FailureKind::ResponseTooLarge,
        "event_not_json" => FailureKind::EventNotJson,
        _ => FailureKind::UserException,
    };
    Ok(Failure {
        kind,
        message: document.message,
        error_type: document.error_type,
        stack: document.stack,
        frames: document.frames,
        handled: document.handled,
        refusal: None,
    })
}

/// A frame with a small body.
pub fn plain(kind: u8, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(5 + body.len());
    out.put_u32_le(1 + body.len() as u32);
    out.put_u8(kind);
    out.put_slice(body);
    out.freeze()
}

/// The head of a request frame; the payload follows it on the wire. A tag goes to instances that take several.
pub fn request_head(
    tag: Option<u32>,
    request_id: &str,
    qualifier: &str,
    deadline_ms: u64,
    response_limit: usize,
    payload: usize,
) -> Option<Vec<u8>> {
    let (id, name) = (u8::try_from(request_id.len()).ok()?, u8::try_from(qualifier.len()).ok()?);
    let tag_length = if tag.is_some() { 4 } else { 0 };
    let length = 1 + tag_length + 1 + request_id.len() + 1 + qualifier.len() + 12 + payload;
    let mut out = Vec::with_capacity(64 + request_id.len() + qualifier.len());
    out.put_u32_le(u32::try_from(length).ok()?);
    match tag {
        None => out.put_u8(b'R'),
        Some(tag) => {
            out.put_u8(b'T');
            out.put_u32_le(tag);
        }
    }
    out.put_u8(id);
    out.put_slice(request_id.as_bytes());
    out.put_u8(name);
    out.put_slice(qualifier.as_bytes());
    out.put_u64_le(deadline_ms);
    out.put_u32_le(u32::try_from(result_limit(response_limit)).ok()?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_whole_and_in_order() {
        let mut buffer = BytesMut::new();
        buffer.extend_from_slice(&plain(b'i', b""));
        buffer.extend_from_slice(&plain(b'r', b"42"));
        let last = plain(
            b'e',
            br#"{"kind":"user_exception","message":"no","type":"E","stack":null,"frames":null,"handled":true}"#,
        );
        buffer.extend_from_slice(&last[..10]);
        assert_eq!(take(&mut buffer), Ok(Some(Frame::InitDone)));
        assert_eq!(take(&mut buffer), Ok(Some(Frame::Result(Bytes::from_static(b"42")))));
        assert_eq!(take(&mut buffer), Ok(None));
        buffer.extend_from_slice(&last[10..]);
        let Ok(Some(Frame::Error(failure))) = take(&mut buffer) else { panic!("no error frame") };
        assert!(failure.handled && failure.kind == FailureKind::UserException);
    }

    #[test]
    fn a_result_that_is_kept_does_not_keep_the_buffer() {
        let mut buffer = BytesMut::with_capacity(16 * 1024);
        let begin = buffer.as_ptr();
        let mut kept = Vec::new();
        for _ in 0..3 {
            buffer.extend_from_slice(&plain(b'r', b"42"));
            kept.push(take(&mut buffer));
            buffer.reserve(16 * 1024);
            assert_eq!(buffer.as_ptr(), begin);
        }
        let large = vec![b'x'; COPIED];
        buffer.extend_from_slice(&plain(b'r', &large));
        assert_eq!(take(&mut buffer), Ok(Some(Frame::Result(large.into()))));
    }

    #[test]
    fn nonsense_is_refused() {
        for bytes in
            [&[0u8, 0, 0, 0][..], &[0xff; 8], &[1, 0, 0, 0, b'?'], &[2, 0, 0, 0, b'c', 9], &[2, 0, 0, 0, b'e', b'{']]
        {
            assert!(take(&mut BytesMut::from(bytes)).is_err(), "{bytes:?}");
        }
        for body in [&[1u8, 0, 0, 0][..], &[1, 0, 0, 0, b'B'], &[1, 0, 0, 0, b't', 1, 0, 0, 0, b'r'], b"\x01\0\0\0e{"] {
            assert!(take(&mut BytesMut::from(&plain(b't', body)[..])).is_err(), "{body:?}");
        }
    }

    #[test]
    fn tagged_frames_say_which_request_they_are_about() {
        let mut buffer = BytesMut::from(&plain(b't', b"\x02\x01\0\0rabc")[..]);
        let said = Said::Result(Bytes::from_static(b"abc"));
        assert_eq!(take(&mut buffer), Ok(Some(Frame::Tagged { tag: 258, said })));
        let plain = request_head(None, "id", "q", 7, 9, 3).expect("short names");
        let tagged = request_head(Some(258), "id", "q", 7, 9, 3).expect("short names");
        assert_eq!((plain[4], &tagged[4..9]), (b'R', &b"T\x02\x01\0\0"[..]));
        assert_eq!((&plain[5..], plain[0] + 4), (&tagged[9..], tagged[0]));
        assert_eq!(usize::from(plain[0]) + 4, plain.len() + 3);
    }
}

//! What a function writes, cut to the limits while it is read.

use crate::connection::Sink;
use sluice_domain::LogCut;
use std::time::{Duration, Instant};

/// Limits hold for any window of this length (spec: LOG-09, LOG-10 in the text; counted here, shown later).
const WINDOW: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub window_bytes: u64,
    pub window_lines: u64,
    pub line_bytes: u64,
}

/// Collects the output of one request.
#[derive(Debug)]
pub struct Collector {
    limits: Limits,
    text: Vec<u8>,
    /// Bytes of the current line so far, dropped ones included.
    line: u64,
    window_start: Option<Instant>,
    window_bytes: u64,
    window_lines: u64,
    cut: LogCut,
    dropping_line: bool,
}

impl Collector {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            text: Vec::new(),
            line: 0,
            window_start: None,
            window_bytes: 0,
            window_lines: 0,
            cut: LogCut::default(),
            dropping_line: false,
        }
    }

    /// `part` has a line end at most as its last byte.
    fn push_part(&mut self, part: &[u8]) {
        let ends = part.last() == Some(&b'\n');
        let body = &part[..part.len() - usize::from(ends)];
        if self.line == 0 {
            self.dropping_line =
                self.window_lines >= self.limits.window_lines || self.window_bytes >= self.limits.window_bytes;
            self.window_lines += u64::from(!self.dropping_line);
            self.cut.lines += u64::from(self.dropping_line);
        }
        let room_in_line = self.limits.line_bytes.saturating_sub(self.line);
        let room_in_window = self.limits.window_bytes.saturating_sub(self.window_bytes);
        let room = if self.dropping_line { 0 } else { room_in_line.min(room_in_window) };
        let kept = (body.len() as u64).min(room) as usize;
        self.text.extend_from_slice(&body[..kept]);
        self.window_bytes += kept as u64;
        self.cut.bytes += (body.len() - kept) as u64;
        self.line += part.len() as u64;
        if ends {
            if !self.dropping_line {
                self.text.push(b'\n');
            }
            self.line = 0;
        }
    }

    /// The text and what is missing from it. Bytes that are not UTF-8 are replaced.
    pub fn finish(self) -> (String, LogCut) {
        let text = match String::from_utf8(self.text) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        (text, self.cut)
    }
}

impl Sink for Collector {
    fn push(&mut self, now: Instant, bytes: &[u8]) {
        let is_new = self.window_start.is_none_or(|start| now.duration_since(start) >= WINDOW);
        if is_new {
            self.window_start = Some(now);
            self.window_bytes = 0;
            self.window_lines = 0;
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.push_part(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector() -> Collector {
        Collector::new(Limits { window_bytes: 1000, window_lines: 3, line_bytes: 8 })
    }

    #[test]
    fn long_lines_are_cut_and_counted() {
        let mut log = collector();
        let now = Instant::now();
        log.push(now, b"123456");
        log.push(now, b"7890\nab\n");
        assert_eq!(log.finish(), ("12345678\nab\n".to_owned(), LogCut { lines: 0, bytes: 2 }));
    }

    #[test]
    fn lines_over_the_window_are_dropped_until_the_next_window() {
        let mut log = collector();
        let now = Instant::now();
        log.push(now, b"1\n2\n3\n4\n5\n");
        log.push(now + WINDOW, b"6\n");
        assert_eq!(log.finish(), ("1\n2\n3\n6\n".to_owned(), LogCut { lines: 2, bytes: 2 }));
    }

    #[test]
    fn volume_over_the_window_is_dropped() {
        let mut log = Collector::new(Limits { window_bytes: 5, window_lines: 100, line_bytes: 100 });
        log.push(Instant::now(), b"abc\ndef\nghi\n");
        assert_eq!(log.finish(), ("abc\nde\n".to_owned(), LogCut { lines: 1, bytes: 4 }));
    }

    #[test]
    fn foreign_bytes_do_no_harm() {
        let mut log = collector();
        log.push(Instant::now(), &[0xff, 0xfe, b'\n']);
        assert_eq!(log.finish().0, "\u{fffd}\u{fffd}\n");
    }
}

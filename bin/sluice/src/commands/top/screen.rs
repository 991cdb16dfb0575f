//! The terminal while it is drawn on: its second screen, without a cursor, given back however the drawing ends.

use super::frame::Size;
use std::io::{self, Write};

const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";
const REST_OF_SCREEN: &str = "\x1b[J";
/// Where the terminal does not say.
const USUAL: Size = Size { rows: 24, columns: 80 };

pub struct Screen(());

impl Screen {
    pub fn enter() -> io::Result<Self> {
        write(ENTER)?;
        Ok(Self(()))
    }

    pub fn size(&self) -> Size {
        match rustix::termios::tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
                Size { rows: size.ws_row.into(), columns: size.ws_col.into() }
            }
            _ => USUAL,
        }
    }

    /// One write, over what was there: nothing flickers.
    pub fn draw(&mut self, lines: impl Iterator<Item = String>, size: Size) -> io::Result<()> {
        write(&paint(lines, size))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = write(LEAVE);
    }
}

fn paint(lines: impl Iterator<Item = String>, size: Size) -> String {
    let mut out = HOME.to_owned();
    for (row, line) in lines.take(size.rows).enumerate() {
        if row > 0 {
            out.push_str("\r\n");
        }
        // Names come from users: what would move the cursor is not printed.
        out.extend(line.chars().filter(|c| !c.is_control()).take(size.columns));
        out.push_str(REST_OF_LINE);
    }
    out + REST_OF_SCREEN
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_stays_on_the_screen() {
        let lines = ["long line\x1b[2J", "second", "third"].map(str::to_owned).into_iter();
        let painted = paint(lines, Size { rows: 2, columns: 6 });
        assert_eq!(painted, "\x1b[Hlong l\x1b[K\r\nsecond\x1b[K\x1b[J");
    }
}

//! A journal from its first byte to its last, one step at a time.

use crate::{
    Block, Closing, Decoder, FORMAT, Fault, Header, Opening, Place, Step, Trouble,
    block::{HEAD, HEADER_START, Head, MAGIC},
};
use sluice_decide::Millis;
use sluice_domain::Dialect;
use std::{collections::HashMap, io, io::Read};

/// What a journal holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A scope begins.
    Opening {
        scope: u64,
        opening: Box<Opening>,
    },
    Step {
        scope: u64,
        step: Step,
    },
    /// Nothing is missing.
    Closing(Closing),
}

/// Reads entries until the end or the first fault.
pub struct Reader<R> {
    source: R,
    header: Header,
    scopes: HashMap<u64, Scope>,
    /// The block that is being read.
    content: Vec<u8>,
    at: usize,
    left: u32,
    scope: Option<(u64, Scope)>,
    /// Where that block begins, and where the next does.
    byte: u64,
    next_byte: u64,
    block: u64,
    next_block: u64,
    records: u64,
    time: Option<Millis>,
    over: bool,
}

struct Scope {
    name: String,
    decoder: Decoder,
}

impl<R: Read> Reader<R> {
    #[allow(clippy::result_large_err, reason = "a fault ends the reading; there is at most one")]
    pub fn new(mut source: R) -> Result<Self, Fault> {
        let (header, length) =
            read_header(&mut source).map_err(|trouble| Fault { place: Place::default(), trouble })?;
        Ok(Self {
            source,
            header,
            scopes: HashMap::new(),
            content: Vec::new(),
            at: 0,
            left: 0,
            scope: None,
            byte: length,
            next_byte: length,
            block: 0,
            next_block: 0,
            records: 0,
            time: None,
            over: false,
        })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Steps read so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Where the step is that was read last.
    pub fn place(&self) -> Place {
        Place { record: self.records, ..self.here() }
    }

    /// Where the next step is.
    fn here(&self) -> Place {
        Place {
            byte: self.byte,
            block: self.block,
            record: self.records + 1,
            scope: self.scope.as_ref().map(|(number, scope)| (*number, scope.name.clone())),
            time: self.time,
        }
    }

    fn entry(&mut self) -> Result<Entry, Trouble> {
        loop {
            if self.left > 0 {
                return self.step();
            }
            if self.at < self.content.len() {
                return Err(Trouble::Record("bytes are left over"));
            }
            if let Some(entry) = self.next_block()? {
                return Ok(entry);
            }
        }
    }

    fn step(&mut self) -> Result<Entry, Trouble> {
        let (number, scope) = self.scope.as_mut().expect("steps have a scope");
        let mut rest = &self.content[self.at..];
        let step = scope.decoder.step(&mut rest).ok_or(Trouble::Record("no event has this form"))?;
        self.at = self.content.len() - rest.len();
        self.left -= 1;
        self.records += 1;
        self.time = Some(step.now);
        Ok(Entry::Step { scope: *number, step })
    }

    /// Goes on to the next block. None for steps, which are then to be read.
    fn next_block(&mut self) -> Result<Option<Entry>, Trouble> {
        if let Some((number, scope)) = self.scope.take() {
            self.scopes.insert(number, scope);
        }
        (self.byte, self.block) = (self.next_byte, self.next_block);
        self.content.clear();
        self.at = 0;
        let head = self.read_head()?;
        self.read_content(&head)?;
        self.next_byte += (HEAD + head.len) as u64;
        self.next_block += 1;
        match head.block {
            Block::Opening => self.opening(head.scope).map(Some),
            Block::Steps => {
                let scope = self.scopes.remove(&head.scope).ok_or(Trouble::Scope("never opened"))?;
                self.scope = Some((head.scope, scope));
                self.left = head.records;
                Ok(None)
            }
            Block::Lost => Err(Trouble::Lost(self.document()?)),
            Block::Closing => self.closing().map(Some),
        }
    }

    fn read_head(&mut self) -> Result<Head, Trouble> {
        let mut bytes = [0; HEAD];
        match fill(&mut self.source, &mut bytes)? {
            HEAD => {}
            0 => return Err(Trouble::Unfinished),
            _ => return Err(Trouble::Cut),
        }
        let head = Head::parse(&bytes).ok_or(Trouble::Head)?;
        if head.number != self.block {
            return Err(Trouble::Misplaced { expected: self.block, found: head.number });
        }
        Ok(head)
    }

    fn read_content(&mut self, head: &Head) -> Result<(), Trouble> {
        self.content.resize(head.len, 0);
        if fill(&mut self.source, &mut self.content)? < head.len {
            self.content.clear();
            return Err(Trouble::Cut);
        }
        if head.holds(&self.content) { Ok(()) } else { Err(Trouble::Damaged(head.records)) }
    }

    fn opening(&mut self, scope: u64) -> Result<Entry, Trouble> {
        let opening: Opening = self.document()?;
        let dialect = match opening.dialect {
            Dialect::Scf => "scf",
            Dialect::Fc => "fc",
        };
        let name = format!("{}/{}/{dialect}", opening.account, opening.region);
        if self.scopes.insert(scope, Scope { name, decoder: Decoder::new(scope) }).is_some() {
            return Err(Trouble::Scope("opened before"));
        }
        Ok(Entry::Opening { scope, opening: Box::new(opening) })
    }

    fn closing(&mut self) -> Result<Entry, Trouble> {
        let closing: Closing = self.document()?;
        if closing.records != self.records {
            return Err(Trouble::Count(closing.records));
        }
        match fill(&mut self.source, &mut [0; HEAD])? {
            0 => Ok(Entry::Closing(closing)),
            more => Err(Trouble::Trailing(more)),
        }
    }

    /// The whole block as one value.
    fn document<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Trouble> {
        let parsed = postcard::take_from_bytes(&self.content);
        let Ok((value, [])) = parsed else { return Err(Trouble::Record("the block does not have its form")) };
        self.at = self.content.len();
        Ok(value)
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let entry = self.entry().map_err(|trouble| Fault { place: self.here(), trouble });
        self.over = !matches!(entry, Ok(Entry::Opening { .. } | Entry::Step { .. }));
        Some(entry)
    }
}

fn read_header(source: &mut impl Read) -> Result<(Header, u64), Trouble> {
    let mut start = [0; HEADER_START];
    if fill(source, &mut start)? < HEADER_START || start[..MAGIC.len()] != MAGIC {
        return Err(Trouble::NotAJournal);
    }
    let name = usize::from(u16::from_le_bytes([start[10], start[11]]));
    let mut bytes = start.to_vec();
    bytes.resize(HEADER_START + name + 4, 0);
    if fill(source, &mut bytes[HEADER_START..])? < name + 4 {
        return Err(Trouble::Header);
    }
    let (body, checksum) = bytes.split_last_chunk().expect("it is longer than that");
    let header = Header::parse(body, *checksum).ok_or(Trouble::Header)?;
    if header.format != FORMAT {
        return Err(Trouble::Format(header.format));
    }
    Ok((header, bytes.len() as u64))
}

/// Reads as much as there is room for, or as there is.
fn fill(source: &mut impl Read, into: &mut [u8]) -> Result<usize, Trouble> {
    let mut filled = 0;
    while filled < into.len() {
        match source.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Trouble::Unreadable(error)),
        }
    }
    Ok(filled)
}

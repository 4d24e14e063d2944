//! Server-sent events: an incremental decoder and the few bytes that an encoder needs.
//!
//! Follows the WHATWG rules: lines end with CR, LF or CRLF; a leading byte order mark is skipped; a line that begins
//! with `:` is a comment; several `data` lines are joined with LF; an event without data is none.

use bytes::Bytes;

/// Limit: the bytes of one event. A larger one is a fault of the provider.
pub const EVENT_BYTES_MAX: usize = 8 << 20;

/// One event, borrowed from the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The `event` field; empty when none was sent (or when it is not UTF-8).
    pub name: &'a str,
    /// The joined `data` lines. Not checked to be UTF-8: the JSON reader does that.
    pub data: &'a [u8],
}

/// An event is longer than the decoder's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTooLong;

impl std::fmt::Display for EventTooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a server-sent event is longer than the limit")
    }
}

impl std::error::Error for EventTooLong {}

/// Where a borrowed range lies.
#[derive(Debug, Clone, Copy)]
enum Place {
    Chunk(usize, usize),
    Tail(usize, usize),
    Joined,
    Nowhere,
}

/// Cuts a byte stream into events.
///
/// Push a chunk, then take events until there is none. An event that lies whole in a chunk is not copied.
#[derive(Debug)]
pub struct Decoder {
    chunk: Bytes,
    /// Read position in `chunk`.
    at: usize,
    /// The beginning of an event whose end has not come yet.
    tail: Vec<u8>,
    /// `tail` was lent out with the last event and is to be emptied.
    tail_spent: bool,
    /// Several data lines joined.
    joined: Vec<u8>,
    /// The current line has bytes already (before `at`).
    line_open: bool,
    /// The last byte seen was CR, so an LF that follows belongs to it.
    after_cr: bool,
    /// Bytes of a byte order mark seen at the very beginning; 3 or `BOM_DONE` when that is over.
    bom: usize,
    limit: usize,
}

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(EVENT_BYTES_MAX)
    }
}

impl Decoder {
    /// A decoder with the usual limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder that refuses events of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            chunk: Bytes::new(),
            at: 0,
            tail: Vec::new(),
            tail_spent: false,
            joined: Vec::new(),
            line_open: false,
            after_cr: false,
            bom: 0,
            limit,
        }
    }

    /// Adds bytes. Take all events of the last chunk first; what was not taken is kept, at the price of a copy.
    pub fn push(&mut self, chunk: Bytes) {
        if self.at < self.chunk.len() {
            let mut both = Vec::with_capacity(self.chunk.len() - self.at + chunk.len());
            both.extend_from_slice(&self.chunk[self.at..]);
            both.extend_from_slice(&chunk);
            self.chunk = Bytes::from(both);
        } else {
            self.chunk = chunk;
        }
        self.at = 0;
    }

    /// The next whole event, or none until more bytes are pushed.
    pub fn next_event(&mut self) -> Result<Option<SseEvent<'_>>, EventTooLong> {
        loop {
            if self.tail_spent {
                self.tail.clear();
                self.tail_spent = false;
            }
            self.skip_bom();
            let Some((start, end)) = self.block_end() else {
                self.tail.extend_from_slice(&self.chunk[self.at..]);
                self.at = self.chunk.len();
                return if self.tail.len() > self.limit { Err(EventTooLong) } else { Ok(None) };
            };
            self.at = end;
            self.line_open = false;
            let in_tail = !self.tail.is_empty();
            if in_tail {
                self.tail.extend_from_slice(&self.chunk[start..end]);
                self.tail_spent = true;
            }
            if (if in_tail { self.tail.len() } else { end - start }) > self.limit {
                return Err(EventTooLong);
            }
            let (name, data) = self.parse(in_tail, start, end);
            if !matches!(data, Place::Nowhere) {
                return Ok(Some(SseEvent { name: std::str::from_utf8(self.slice(name)).unwrap_or(""), data: self.slice(data) }));
            }
        }
    }

    /// At the end of the stream: an event whose blank line is missing. Its data may be cut off.
    pub fn last_event(&mut self) -> Option<SseEvent<'_>> {
        if self.tail_spent {
            self.tail.clear();
            self.tail_spent = false;
        }
        let rest = self.chunk.slice(self.at..);
        self.at = self.chunk.len();
        self.tail.extend_from_slice(&rest);
        let (name, data) = self.parse(true, 0, 0);
        self.tail_spent = true;
        if matches!(data, Place::Nowhere) {
            return None;
        }
        Some(SseEvent { name: std::str::from_utf8(self.slice(name)).unwrap_or(""), data: self.slice(data) })
    }

    fn skip_bom(&mut self) {
        while self.bom < BOM.len() {
            match self.chunk.get(self.at) {
                Some(byte) if *byte == BOM[self.bom] => {
                    self.at += 1;
                    self.bom += 1;
                }
                Some(_) => {
                    // Not a byte order mark after all: what looked like its beginning is part of the first line.
                    if self.bom > 0 {
                        self.tail.extend_from_slice(&BOM[..self.bom]);
                        self.line_open = true;
                    }
                    self.bom = BOM.len();
                }
                None => return,
            }
        }
    }

    /// Finds the blank line that ends the current event; returns the event's bytes within the chunk.
    fn block_end(&mut self) -> Option<(usize, usize)> {
        if self.after_cr && self.chunk.get(self.at) == Some(&b'\n') {
            // The second half of a CRLF: part of the line that is over already.
            if !self.tail.is_empty() {
                self.tail.push(b'\n');
            }
            self.at += 1;
            self.after_cr = false;
        }
        let start = self.at;
        let mut line = start;
        while let Some(offset) = memchr::memchr2(b'\n', b'\r', &self.chunk[line..]) {
            let end = line + offset;
            let blank = offset == 0 && !self.line_open;
            let crlf = self.chunk[end] == b'\r' && self.chunk.get(end + 1) == Some(&b'\n');
            let next = end + if crlf { 2 } else { 1 };
            self.line_open = false;
            self.after_cr = self.chunk[end] == b'\r' && !crlf;
            if blank {
                return Some((start, next));
            }
            line = next;
        }
        if line < self.chunk.len() {
            self.line_open = true;
            self.after_cr = false;
        }
        None
    }

    fn parse(&mut self, in_tail: bool, start: usize, end: usize) -> (Place, Place) {
        self.joined.clear();
        let block: &[u8] = if in_tail { &self.tail } else { &self.chunk[start..end] };
        let base = if in_tail { 0 } else { start };
        let place = |from: usize, to: usize| if in_tail { Place::Tail(from, to) } else { Place::Chunk(base + from, base + to) };
        let (mut name, mut data) = (Place::Nowhere, Place::Nowhere);
        let (mut first, mut lines) = ((0, 0), 0usize);
        let mut at = 0;
        while at < block.len() {
            let stop = memchr::memchr2(b'\n', b'\r', &block[at..]).map_or(block.len(), |offset| at + offset);
            let line = &block[at..stop];
            let colon = memchr::memchr(b':', line).unwrap_or(line.len());
            let mut value = (colon + 1).min(line.len());
            if line.get(value) == Some(&b' ') {
                value += 1;
            }
            match &line[..colon] {
                b"data" => {
                    if lines == 0 {
                        first = (at + value, stop);
                        data = place(at + value, stop);
                    } else {
                        if lines == 1 {
                            self.joined.extend_from_slice(&block[first.0..first.1]);
                            data = Place::Joined;
                        }
                        self.joined.push(b'\n');
                        self.joined.extend_from_slice(&line[value..]);
                    }
                    lines += 1;
                }
                b"event" => name = place(at + value, stop),
                _ => {}
            }
            at = stop + 1;
        }
        (name, data)
    }

    fn slice(&self, place: Place) -> &[u8] {
        match place {
            Place::Chunk(from, to) => &self.chunk[from..to],
            Place::Tail(from, to) => &self.tail[from..to],
            Place::Joined => &self.joined,
            Place::Nowhere => &[],
        }
    }
}
